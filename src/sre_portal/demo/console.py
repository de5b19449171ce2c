"""What the demo says: one JSON line or a short text once it runs, and a line when something happens."""

from __future__ import annotations

import json
import os
import shutil
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from sre_portal.demo.kept import Event, Line


def command() -> str:
    """What to type for the command line: its name where it is on the path, else where it is."""
    beside = Path(sys.executable).with_name("sre-portal")
    return "sre-portal" if shutil.which("sre-portal") else str(beside)


@dataclass(frozen=True, slots=True)
class Ready:
    """Everything somebody needs to use the demo. The field names are the JSON names."""

    portal: str
    login: str
    token: str
    shop: str
    payments: str

    def as_text(self, folder: Path) -> str:
        return f"""
SRE Portal is running, with two services and traffic.

  Portal     {self.portal}
  Log in     {self.login}   (works once)
  Shop       {self.shop}
  Payments   {self.payments}
  Data       {folder}

For the command line, in another terminal:

  export SRE_PORTAL_URL={self.portal}
  export SRE_PORTAL_TOKEN={self.token}
  {command()} experiment list

Ctrl-C stops all of it.
"""


@dataclass(frozen=True, slots=True)
class Console:
    """Prints. With `as_json` the standard output carries the ready line and nothing else."""

    as_json: bool = False
    verbose: bool = False

    def ready(self, ready: Ready, folder: Path) -> None:
        _say(sys.stdout, json.dumps(asdict(ready)) if self.as_json else ready.as_text(folder))

    def event(self, event: Event) -> None:
        """Deaths and returns always, the programs' own lines only where they were asked for."""
        if self.verbose or not isinstance(event, Line):
            self.say(str(event))

    def say(self, text: str) -> None:
        _say(sys.stderr if self.as_json else sys.stdout, text)


def _say(stream: TextIO, text: str) -> None:
    try:
        print(text, file=stream, flush=True)  # this is the one place that prints
    except BrokenPipeError:
        # Whoever read this is gone. The demo goes on, and Python must not fail on it again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())

"""The real demo as a program: how tests start it, talk to it and wait for it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import httpx2
import psutil

COMMAND = (sys.executable, "-m", "sre_portal.cli.app", "demo", "--json", "--port", "0")
Seen = TypeVar("Seen")


@dataclass
class RunningDemo:
    """A demo that answers, or has ended."""

    process: subprocess.Popen[str]
    ready: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    """Lines of the standard error so far."""

    def children(self) -> dict[str, psutil.Process]:
        """The four programs by name."""
        names = {"serve": "portal", "payments": "payments", "shop": "shop", "--shop": "traffic"}
        found: dict[str, psutil.Process] = {}
        for child in psutil.Process(self.process.pid).children():
            words = child.cmdline()
            found |= {names[word]: child for word in words[4:6] if word in names}
        return found

    async def api(self, path: str) -> object:
        """What the portal's API answers to the demo's own token. Raises `httpx2.HTTPError`."""
        headers = {"authorization": f"Bearer {self.ready['token']}"}
        async with httpx2.AsyncClient(headers=headers, trust_env=False) as client:
            answer = await client.get(f"{self.ready['portal']}/api/v1{path}")
            answer.raise_for_status()
            found: object = answer.json()
            return found

    async def instances(self, service: str) -> set[str]:
        """The instances of a service that the portal knows."""
        services = await self.api("/services")
        assert isinstance(services, list)
        return {one["instance"] for each in services if each["name"] == service for one in each["instances"]}


@contextmanager
def running_demo(folder: Path, *arguments: str) -> Iterator[RunningDemo]:
    """A demo whose ready line has been read. Killed at the end where it still runs."""
    command = [*COMMAND, "--data-dir", str(folder), *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=os.environ) as process:
        demo = RunningDemo(process)
        listening = threading.Thread(target=_listen, args=(demo,))
        listening.start()
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, "\n".join(demo.told)
            demo.ready = json.loads(line)
            yield demo
        finally:
            process.kill()
            process.wait()
            listening.join()


def _listen(demo: RunningDemo) -> None:
    assert demo.process.stderr is not None
    demo.told.extend(line.rstrip("\n") for line in demo.process.stderr)


async def eventually(look: Callable[[], Awaitable[Seen]]) -> Seen:
    """The first true value that `look` gives. A portal that is not back yet is looked at again."""
    async with asyncio.timeout(30):
        while True:
            try:
                if found := await look():
                    return found
            except httpx2.HTTPError:
                pass
            await asyncio.sleep(0.05)

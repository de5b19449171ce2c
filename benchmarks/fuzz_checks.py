"""The check of the fuzzing that schemathesis does not have: no answer tells what is inside.

schemathesis loads this file in a process of its own. FUZZ_NEVER names a file with what may never be told,
one text a line.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import schemathesis

NEVER = tuple(filter(None, Path(os.environ["FUZZ_NEVER"]).read_text(encoding="utf-8").split("\n")))
"""Read from a file: Hypothesis draws the texts that it finds in a program, and would be told its own."""


@schemathesis.check
def no_leak(
    _: schemathesis.CheckContext, response: schemathesis.Response, __: schemathesis.Case[Any]
) -> bool | None:
    """Fails where an answer holds a secret, a path of the machine, or a trace of the program."""
    told = response.text + "".join(f"{name}: {value}\n" for name, value in response.headers.items())
    for inside in NEVER:
        if inside in told:
            raise AssertionError(f"the answer tells {inside[:12]}...")
    return None

"""A program that the supervisor runs."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

LEASH = Path(__file__).with_name("leash.py")


async def _always() -> bool:
    return True


def _nothing() -> None: ...


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how to see that it answers.

    `environment` is all it gets, secrets included: arguments are visible to every user of the machine.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    answers: Callable[[], Awaitable[bool]] = _always
    before_start: Callable[[], None] = _nothing

    def leashed(self) -> tuple[str, ...]:
        """The command that ends with this process, however this process ends."""
        return (sys.executable, "-I", "-S", str(LEASH), str(os.getpid()), *self.argv)

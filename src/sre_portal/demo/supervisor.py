"""Keeps a few programs alive, tells of every death, and stops all of them within three seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Self

from sre_portal.demo.kept import CannotStart, Event, Kept
from sre_portal.demo.program import Program


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take."""

    start_seconds: float = 60.0
    """After this long without an answer from a program, the start has failed."""
    step_seconds: float = 0.6
    """A program that stops gets this long before the next one is asked to."""
    grace_seconds: float = 2.5
    """What still runs this long after the stop began is killed."""


@dataclass(slots=True)
class Supervisor:
    """Runs programs, given in the order of dependence: they stop in the reverse order.

    An async context: entering starts all at once, leaving stops all.
    """

    programs: Sequence[Program]
    tell: Callable[[Event], None]
    limits: Limits = Limits()
    _kept: list[Kept] = field(default_factory=list)
    _keepers: list[asyncio.Task[None]] = field(default_factory=list)

    async def __aenter__(self) -> Self:
        self._kept = [Kept(program, self.tell) for program in self.programs]
        self._keepers = [asyncio.create_task(kept.keep()) for kept in self._kept]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def until_ready(self) -> None:
        """Returns once every program has answered. Raises `CannotStart` when one cannot."""
        for kept in self._kept:
            ready = asyncio.create_task(kept.ready.wait())
            try:
                await asyncio.wait(
                    {ready, *self._keepers},
                    timeout=self.limits.start_seconds,
                    return_when=asyncio.FIRST_COMPLETED,
                )
            finally:
                ready.cancel()
            self.raise_failures()
            if not kept.ready.is_set():
                why = f"{kept.program.name} has not answered for {self.limits.start_seconds:.0f} s."
                raise CannotStart(why, kept.lines)

    async def until_failed(self) -> None:
        """Returns when keeping a program alive has failed, which is never in health."""
        await asyncio.wait(self._keepers, return_when=asyncio.FIRST_COMPLETED)
        self.raise_failures()

    def raise_failures(self) -> None:
        for keeper in self._keepers:
            if keeper.done():
                keeper.result()

    async def stop(self) -> None:
        """Asks each program in turn to end, and kills what does not."""
        try:
            async with asyncio.timeout(self.limits.grace_seconds):
                for kept, keeper in reversed(list(zip(self._kept, self._keepers, strict=True))):
                    kept.terminate()
                    await asyncio.wait({keeper}, timeout=self.limits.step_seconds)
                await asyncio.wait(self._keepers)
        except TimeoutError:
            self.kill()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    def kill(self) -> None:
        """Ends every program at once."""
        for kept in self._kept:
            kept.kill()

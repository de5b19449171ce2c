"""One program, kept alive: started again when it ends, with a growing pause."""

from __future__ import annotations

import asyncio
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from sre_portal.demo.program import Program

POLL_SECONDS = 0.02
FIRST_PAUSE_SECONDS = 0.2
LONGEST_PAUSE_SECONDS = 5.0
STEADY_SECONDS = 10.0
"""A program that lived this long starts over with the shortest pause."""

START_DEATHS = 3
"""Deaths before the first answer after which the start has failed."""

REFUSALS = frozenset({2, 5})
"""How a portal ends that says why it cannot start: bad input, or a database it cannot use. Another try would
end the same way."""

REMEMBERED_LINES = 20
LONGEST_LINE = 4096


@dataclass(frozen=True, slots=True)
class Ended:
    """A program ended by itself and will be started again."""

    name: str
    pid: int
    status: int
    deaths: int
    pause_seconds: float

    def __str__(self) -> str:
        return (
            f"{self.name} (pid {self.pid}) {how_it_ended(self.status)}, "
            f"restart {self.deaths} in {self.pause_seconds:.1f} s"
        )


@dataclass(frozen=True, slots=True)
class Back:
    """A program answers again after it ended."""

    name: str
    pid: int
    deaths: int

    def __str__(self) -> str:
        return f"{self.name} is back (pid {self.pid}, restart {self.deaths})"


@dataclass(frozen=True, slots=True)
class Line:
    """A program wrote a line."""

    name: str
    text: str

    def __str__(self) -> str:
        return f"{self.name:<8} | {self.text}"


Event = Ended | Back | Line


class CannotStart(Exception):
    """A program ends before it answers. Carries the last lines it wrote."""

    def __init__(self, why: str, lines: Sequence[str], status: int = 1) -> None:
        super().__init__(why)
        self.lines = tuple(lines)
        self.status = status


def pause_after(deaths_in_a_row: int) -> float:
    """How long to wait before the next start: 0.2 s, doubled for each further death, at most 5 s."""
    doublings = min(deaths_in_a_row - 1, 10)  # a program may die for days, and a float ends somewhere
    return min(FIRST_PAUSE_SECONDS * 2.0**doublings, LONGEST_PAUSE_SECONDS)


def how_it_ended(status: int) -> str:
    """A return code in words; a negative one is a signal."""
    if status >= 0:
        return f"ended with exit status {status}"
    try:
        return f"was ended by {signal.Signals(-status).name}"
    except ValueError:
        return f"was ended by signal {-status}"


class Kept:
    """Runs a program until `terminate`. `ready` is set once it has answered for the first time."""

    def __init__(self, program: Program, tell: Callable[[Event], None]) -> None:
        self.program = program
        self.ready = asyncio.Event()
        self.lines: deque[str] = deque(maxlen=REMEMBERED_LINES)
        self._tell = tell
        self._stopping = asyncio.Event()
        self._child: Process | None = None
        self._deaths = 0

    async def keep(self) -> None:
        """Returns after `terminate`. Raises `CannotStart` when the program never gets to answer."""
        loop = asyncio.get_running_loop()
        in_a_row = 0
        while not self._stopping.is_set():
            started_at = loop.time()
            child = await self._start()
            status = await self._live(child)
            if self._stopping.is_set():
                return
            self._deaths += 1
            in_a_row = 1 if loop.time() - started_at >= STEADY_SECONDS else in_a_row + 1
            self._give_up_if_hopeless(status)
            pause = pause_after(in_a_row)
            self._tell(Ended(self.program.name, child.pid, status, self._deaths, pause))
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    def terminate(self) -> None:
        """Asks the program to end, and does not start it again."""
        self._stopping.set()
        if self._child is not None and self._child.returncode is None:
            with suppress(ProcessLookupError):
                self._child.terminate()

    def kill(self) -> None:
        """Ends the program and whatever it started, at once."""
        self._stopping.set()
        if self._child is not None and self._child.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(self._child.pid, signal.SIGKILL)

    async def _start(self) -> Process:
        self.program.before_start()
        self.lines.clear()
        self._child = await asyncio.create_subprocess_exec(
            *self.program.leashed(),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=STDOUT,
            env=self.program.environment,
            start_new_session=True,  # Ctrl-C in the terminal reaches the supervisor alone: it keeps the order
        )
        if self._stopping.is_set():  # asked to stop while the child was being made
            self.terminate()
        return self._child

    async def _live(self, child: Process) -> int:
        answering = asyncio.create_task(self._until_answers(child.pid))
        try:
            _, status = await asyncio.gather(self._read(child), child.wait())
        finally:
            answering.cancel()
        return status

    async def _read(self, child: Process) -> None:
        if child.stdout is not None:
            async for text in _lines(child.stdout):
                self.lines.append(text)
                self._tell(Line(self.program.name, text))

    async def _until_answers(self, pid: int) -> None:
        while not await self.program.answers():  # noqa: ASYNC110  # another program: only asking tells
            await asyncio.sleep(POLL_SECONDS)
        self.ready.set()
        if self._deaths:
            self._tell(Back(self.program.name, pid, self._deaths))

    def _give_up_if_hopeless(self, status: int) -> None:
        if self.ready.is_set() or (status not in REFUSALS and self._deaths < START_DEATHS):
            return
        raise CannotStart(
            f"{self.program.name} {how_it_ended(status)} before it answered.", self.lines, status
        )


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    """Lines of a stream, however long: `readline` would fail on one longer than its buffer."""
    rest = b""
    while chunk := await stream.read(65_536):
        *whole, rest = (rest + chunk).split(b"\n")
        for line in whole:
            yield line[:LONGEST_LINE].decode(errors="replace").rstrip("\r")
        rest = rest[:LONGEST_LINE]
    if rest:
        yield rest.decode(errors="replace")

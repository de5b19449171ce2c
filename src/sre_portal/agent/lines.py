"""Streams of the portal: lines that are read as they arrive, on one connection after the other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sre_portal.agent.clock import thread_seconds
from sre_portal.agent.http import BadAnswer, Connection
from sre_portal.agent.portal import Backoff, Portal

ANSWER_SECONDS = 5.0

SILENCE_SECONDS = 5.0
"""The portal speaks once a second."""

PACE_SECONDS = 0.01
"""A portal that floods us with lines gets flow control, not the host's processor."""
REST = 10
"""Reading may take one part in so many of a processor."""
SAVED_SECONDS = 1.0
"""So much of it may be saved up for a large set, of which one comes now and then."""


class Pace:
    """How long to wait, by what the lines took until now."""

    def __init__(self) -> None:
        self._saved = SAVED_SECONDS
        self._ended = 0.0

    def took(self, seconds: float, at: float) -> None:
        """A line took so many seconds of the processor until an instant, in seconds of a clock."""
        waited = max(at - self._ended, 0.0)
        self._saved = min(self._saved + waited / REST, SAVED_SECONDS) - seconds
        self._ended = at

    @property
    def wait_seconds(self) -> float:
        return max(PACE_SECONDS, -self._saved * REST)


class Lines:
    """The lines of one answer, each of at most so many bytes."""

    def __init__(self, connection: Connection, most: int) -> None:
        self._connection = connection
        self._most = most
        self._rest = bytearray()

    async def next(self) -> bytes:
        """A line without its end. Raises `EOFError`, `TimeoutError` after a silence, or `BadAnswer`."""
        looked = 0
        while (end := self._rest.find(b"\n", looked)) < 0:
            looked = len(self._rest)
            if looked > self._most:
                raise BadAnswer("a line that is too long")
            async with asyncio.timeout(SILENCE_SECONDS):
                part = await self._connection.piece()
            if not part:
                raise EOFError("the stream ended")
            self._rest += part
        line = bytes(self._rest[:end])
        del self._rest[: end + 1]
        return line


class Following:
    """Follows a stream until cancelled, whatever becomes of its connections.

    `take` gets each line, and raises `ValueError` for one that cannot be read; `begin` is called before the
    first line of each connection.
    """

    def __init__(self, portal: Portal, doing: str, most_bytes: int) -> None:
        self._portal = portal
        self._doing = doing
        self._most_bytes = most_bytes
        self._backoff = Backoff()
        self._pace = Pace()  # of all connections: a new one is no new start

    async def run(
        self,
        path: str,
        take: Callable[[bytes], None],
        begin: Callable[[], None] = lambda: None,
        failed: Callable[[Exception], None] = lambda _: None,
    ) -> None:
        while True:
            try:
                connection = await self._portal.connect()
                try:
                    await self._follow(connection, path, take, begin)
                finally:
                    connection.close()
            except Exception as problem:  # noqa: BLE001  # whatever it was, there is another connection
                self._portal.failed(self._doing, problem)
                failed(problem)
            await asyncio.sleep(max(self._backoff.next_seconds(), self._pace.wait_seconds))

    async def _follow(
        self, connection: Connection, path: str, take: Callable[[bytes], None], begin: Callable[[], None]
    ) -> None:
        async with asyncio.timeout(ANSWER_SECONDS):
            headers = self._portal.headers(accept="application/x-ndjson")
            self._portal.accept(await connection.request("GET", path, headers))
        begin()
        lines = Lines(connection, self._most_bytes)
        now = asyncio.get_running_loop().time
        while True:
            try:
                line = await lines.next()
                began = thread_seconds()
                try:
                    take(line)
                finally:
                    self._pace.took(thread_seconds() - began, now())
            except (BadAnswer, ValueError):
                self._portal.unreadable += 1
                raise
            self._backoff.reset()
            await asyncio.sleep(self._pace.wait_seconds)

"""Reads the stream of plans and applies each."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

from sre_portal.agent.clock import Clock, PortalClock
from sre_portal.agent.http import BadAnswer, Connection
from sre_portal.agent.lease import LeaseBook
from sre_portal.agent.plan import parse_plan
from sre_portal.agent.portal import Backoff, Portal
from sre_portal.agent.tally import Tally

MAX_LINE = 256 * 1024

ANSWER_SECONDS = 5.0

SILENCE_SECONDS = 5.0
"""The portal speaks once a second."""

PACE_SECONDS = 0.01
"""A portal that floods us with plans gets flow control, not the host's processor."""


class PlanStream:
    """One connection after the other."""

    def __init__(
        self, portal: Portal, clock: Clock, portal_clock: PortalClock, tally: Tally, book: LeaseBook
    ) -> None:
        self._portal = portal
        self._now = clock.monotonic_ns
        self._portal_clock = portal_clock
        self._tally = tally
        self._book = book
        self._backoff = Backoff()

    async def run(self, service: str, instance: str) -> None:
        """Until cancelled."""
        path = "/agents/v1/plan?" + urlencode({"service": service, "instance": instance})
        while True:
            try:
                connection = await self._portal.connect()
                try:
                    await self._follow(connection, path)
                finally:
                    connection.close()
            except Exception as problem:  # noqa: BLE001  # whatever it was: leases end by themselves, try again
                self._portal.failed("reading plans", problem)
            await asyncio.sleep(self._backoff.next_seconds())

    async def _follow(self, connection: Connection, path: str) -> None:
        async with asyncio.timeout(ANSWER_SECONDS):
            headers = self._portal.headers(accept="application/x-ndjson")
            self._portal.accept(await connection.request("GET", path, headers))
        newest: int | None = None
        rest = b""
        while True:
            async with asyncio.timeout(SILENCE_SECONDS):
                line, rest = await self._line(connection, rest)
            newest = self._apply(line, newest)
            self._backoff.reset()
            await asyncio.sleep(PACE_SECONDS)

    async def _line(self, connection: Connection, rest: bytes) -> tuple[bytes, bytes]:
        buffer = bytearray(rest)
        while (end := buffer.find(b"\n")) < 0:
            part = await connection.piece()
            if not part:
                raise EOFError("the stream of plans ended")
            buffer += part
            if len(buffer) > MAX_LINE:
                self._portal.unreadable += 1
                raise BadAnswer("a plan that is too long")
        return bytes(buffer[:end]), bytes(buffer[end + 1 :])

    def _apply(self, line: bytes, newest: int | None) -> int | None:
        """Do what a line says, unless a newer one was there before. The newest number."""
        arrived_ns = self._now()
        if not line.strip():
            return newest
        try:
            read = parse_plan(line)
        except ValueError:
            self._portal.unreadable += 1
            raise
        plan = read.plan
        if newest is not None and plan.seq < newest:
            return newest
        self._portal.unreadable += read.skipped > 0
        self._portal_clock.hint(plan.sent_at, arrived_ns)
        self._tally.count_by(plan.slis)
        self._book.apply(plan, read.refused, arrived_ns)
        return plan.seq

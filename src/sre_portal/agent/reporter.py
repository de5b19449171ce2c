"""Sends a report a second: counts, receipts, and in the round trip the time on the portal's clock."""

from __future__ import annotations

import asyncio
import random

from sre_portal import __version__
from sre_portal.agent.clock import SECOND, Clock, PortalClock
from sre_portal.agent.count import ClosedSecond, dump_second
from sre_portal.agent.extra import Extra
from sre_portal.agent.http import BadAnswer, Connection
from sre_portal.agent.identity import Identity, memory_bytes
from sre_portal.agent.lease import LeaseBook
from sre_portal.agent.portal import Backoff, Portal
from sre_portal.agent.report import dump_report, parse_receipt
from sre_portal.agent.tally import GRACE_NS, Tally
from sre_portal.contract.report import AgentReport, ClockMapping, LeaseStatus

PATH = "/agents/v1/reports"
ANSWER_SECONDS = 3.0
MAX_ANSWER = 64 * 1024

MAX_SECONDS = 15
"""In one report: after a gap they follow each other, and to write one does not keep the host waiting."""

SHORTEST_PAUSE_SECONDS = 0.05
REJECTIONS = (400, 413, 422)


class Reporter:
    """Owns the connection for reports and the number of the last one."""

    def __init__(
        self,
        identity: Identity,
        portal: Portal,
        clock: Clock,
        portal_clock: PortalClock,
        tally: Tally,
        book: LeaseBook,
    ) -> None:
        self._identity = identity
        self._portal = portal
        self._now = clock.monotonic_ns
        self._portal_clock = portal_clock
        self._tally = tally
        self._book = book
        self.extras: list[Extra] = []
        self._backoff = Backoff()
        self._connection: Connection | None = None
        self._seq = 0
        self._started_ns = self._now()
        self._started_at: float | None = None
        # Agents that started together do not report together.
        self._phase_ns = GRACE_NS + random.Random().randrange(SECOND // 200, SECOND // 4)

    async def run(self, instance: str, woken: asyncio.Event) -> None:
        """Until cancelled."""
        while True:
            try:
                while await self.report(instance):
                    pass
                self._backoff.reset()
            except Exception as problem:  # noqa: BLE001  # whatever it was: what was not taken is told again
                self._portal.failed("reporting", problem)
                await asyncio.sleep(self._backoff.next_seconds())
            else:
                await asyncio.sleep(SHORTEST_PAUSE_SECONDS)
                await self._pause(woken)

    async def _pause(self, woken: asyncio.Event) -> None:
        """Until a second of the portal's clock is over and folded, or there is something to tell at once."""
        left_ns = (self._phase_ns - self._now() - self._portal_clock.offset_ns) % SECOND
        try:
            async with asyncio.timeout(left_ns / SECOND):
                await woken.wait()
        except TimeoutError:
            pass
        woken.clear()

    async def report(self, instance: str) -> bool:
        """Send one report. Whether there is more to tell at once."""
        self._book.sweep()
        seconds = self._tally.untold(self._now(), MAX_SECONDS)
        statuses = self._book.statuses()
        self._seq += 1
        report = self._report(instance, seconds, statuses)
        self._ask_extras(report)
        is_used = self._connection is not None
        try:
            await self._exchange(report, seconds)
        except (OSError, EOFError):
            if not is_used:
                raise
            # A connection that was kept may have been closed meanwhile. To tell twice changes nothing.
            await self._exchange(report, seconds)
        was_mapped = self._tally.is_mapped
        if self._portal_clock.error_ns is not None:
            self._tally.map_clock(self._portal_clock.offset_ns)
        self._book.acknowledge(statuses)
        self._tally.told(seconds)
        self._tell_extras(report)
        return len(seconds) == MAX_SECONDS or self._tally.is_mapped != was_mapped

    async def _exchange(self, report: AgentReport, seconds: list[ClosedSecond]) -> None:
        try:
            if self._connection is None:
                self._connection = await self._portal.connect()
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._post(self._connection, report, seconds)
        except BaseException:
            self.close()
            raise

    async def _post(self, connection: Connection, report: AgentReport, seconds: list[ClosedSecond]) -> None:
        body = dump_report(report)
        headers = self._portal.headers(content_type="application/json", accept="application/json")
        sent_ns = self._now()
        head = await connection.request("POST", PATH, headers, body)
        if head.status in REJECTIONS:
            # The same again would be rejected again, and keep all later seconds from being told.
            self._tally.told(seconds, taken=False)
            self._tell_extras(report)
        self._portal.accept(head)
        answer = await connection.body(MAX_ANSWER)
        back_ns = self._now()
        try:
            receipt = parse_receipt(answer)
        except ValueError:
            self._portal.unreadable += 1
            raise
        if receipt.seq != report.seq:
            raise BadAnswer("the receipt of another report")
        self._portal_clock.sample(sent_ns, receipt.received_at, receipt.sent_at, back_ns)

    def _report(self, instance: str, seconds: list[ClosedSecond], statuses: list[LeaseStatus]) -> AgentReport:
        portal_clock = self._portal_clock
        mapping = None
        started_at = portal_clock.at(self._started_ns)
        if portal_clock.error_ns is not None:
            mapping = ClockMapping(portal_clock.wall_offset_ms(), portal_clock.error_ns / 1e6)
            started_at = self._started_at = self._started_at or started_at
        return AgentReport(
            service=self._identity.service,
            instance=instance,
            version=__version__,
            seq=self._seq,
            started_at=started_at,
            sent_at=portal_clock.at(self._now()),
            clock=mapping,
            dropped_seconds=self._tally.dropped_seconds,
            misfires=self._tally.misfires,
            unreadable=self._portal.unreadable,
            refusals=self._portal.refusals,
            memory_bytes=memory_bytes(),
            routes=self._identity.routes(),
            seconds=[dump_second(second) for second in seconds],
            leases=statuses,
        )

    def _ask_extras(self, report: AgentReport) -> None:
        """What fails there must not keep the counts from being told."""
        for extra in tuple(self.extras):
            try:
                extra.tell(report)
            except Exception:  # noqa: BLE001  # as above
                self._tally.misfire()

    def _tell_extras(self, report: AgentReport) -> None:
        for extra in tuple(self.extras):
            try:
                extra.told(report)
            except Exception:  # noqa: BLE001  # as above
                self._tally.misfire()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

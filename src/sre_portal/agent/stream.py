"""Reads the stream of plans and applies each."""

from __future__ import annotations

from urllib.parse import urlencode

from sre_portal.agent.clock import Clock, PortalClock
from sre_portal.agent.lease import LeaseBook
from sre_portal.agent.lines import Following
from sre_portal.agent.plan import parse_plan
from sre_portal.agent.portal import Portal
from sre_portal.agent.tally import Tally

MAX_LINE = 256 * 1024


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
        self._newest: int | None = None
        self._following = Following(portal, "reading plans", MAX_LINE)

    async def run(self, service: str, instance: str) -> None:
        """Until cancelled. Whatever happens to the stream, leases end by themselves."""
        path = "/agents/v1/plan?" + urlencode({"service": service, "instance": instance})
        await self._following.run(path, self._take, self._begin)

    def _begin(self) -> None:
        self._newest = None  # another portal counts anew

    def _take(self, line: bytes) -> None:
        """Do what a line says, unless a newer one was there before."""
        arrived_ns = self._now()
        if not line.strip():
            return
        read = parse_plan(line)
        plan = read.plan
        if self._newest is not None and plan.seq < self._newest:
            return
        self._newest = plan.seq
        self._portal.unreadable += read.skipped > 0
        self._portal_clock.hint(plan.sent_at, arrived_ns)
        self._tally.count_by(plan.slis)
        self._book.apply(plan, read.refused, arrived_ns)

"""An agent in a program that serves no requests: it reports, and takes no lease."""

from __future__ import annotations

from sre_portal.agent.clock import Clock, PortalClock
from sre_portal.agent.identity import Identity
from sre_portal.agent.lease import LeaseBook
from sre_portal.agent.sync import Sync
from sre_portal.agent.tally import Tally


class LoneAgent:
    """What `FaultMiddleware` is to an application, for a worker or a script."""

    def __init__(
        self,
        *,
        service: str,
        portal_url: str,
        token: str,
        instance: str | None = None,
        clock: Clock | None = None,
    ) -> None:
        clock = clock or Clock()
        portal_clock = PortalClock(clock)
        tally = Tally((), clock.monotonic_ns(), portal_clock.offset_ns)
        identity = Identity(service, instance, portal_url, token, list)
        book = LeaseBook(clock, portal_clock)
        self.sync = Sync(identity, clock, portal_clock, tally, book, takes_leases=False)

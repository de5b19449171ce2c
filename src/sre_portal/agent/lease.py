"""The leases this instance holds, from the plan that brings them to the receipt that tells their end.

Two threads meet here: the agent's thread applies plans, the host's threads strike and wait. A lease ends
once, under its lock, so that no hit is counted after its end.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from threading import Lock

from sre_portal.agent.clock import Clock, JumpWatch, PortalClock
from sre_portal.contract.lease import Lease, Plan
from sre_portal.contract.report import EndedBy, LeaseStatus

REMEMBERED_ENDS = 4096
UNACKNOWLEDGED_ENDS = 1024


class HeldLease:
    """A lease and what this instance did under it."""

    __slots__ = ("_lock", "_waiting", "deadline_ns", "lease", "status")

    def __init__(self, lease: Lease, deadline_ns: int) -> None:
        self.lease = lease
        self.deadline_ns = deadline_ns
        self.status = LeaseStatus(lease.id, lease.run_id)
        self._waiting: dict[asyncio.Future[None], asyncio.AbstractEventLoop] = {}
        self._lock = Lock()

    def is_over(self, now_ns: int) -> bool:
        return self.status.ended_by is not None or now_ns >= self.deadline_ns

    def strike(self, at: float) -> bool:
        """Count a hit. False: the lease has ended since it was looked at, and there must be no hit."""
        with self._lock:
            status = self.status
            if status.ended_by is not None:
                return False
            status.hits += 1
            status.last_hit_at = at
            if status.first_hit_at is None:
                status.first_hit_at = at
            return True

    def wait(self, loop: asyncio.AbstractEventLoop) -> asyncio.Future[None] | None:
        """A future that is done when the lease ends early. None: it has ended."""
        with self._lock:
            if self.status.ended_by is not None:
                return None
            future = loop.create_future()
            self._waiting[future] = loop
            return future

    def leave(self, future: asyncio.Future[None]) -> None:
        with self._lock:
            self._waiting.pop(future, None)

    def end(self, by: EndedBy, at: float) -> None:
        """The end, once. Requests that wait under this lease are let go at once."""
        with self._lock:
            if self.status.ended_by is not None:
                return
            self.status.ended_by = by
            self.status.ended_at = at
            waiting: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
            for future, loop in self._waiting.items():
                waiting.setdefault(loop, []).append(future)
        for loop, futures in waiting.items():
            try:
                loop.call_soon_threadsafe(_let_go, futures)
            except RuntimeError:  # that loop is closed, and its requests with it
                continue


def _nobody() -> None:
    """Until somebody listens."""


def _let_go(futures: Iterable[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


class LeaseBook:
    """All leases of this instance.

    `live` is replaced as a whole, so the request path reads it without a lock; `changed` is called then.
    `wake` is called when there is something to report at once: a lease is new, gets its first hit, has ended.
    """

    def __init__(self, clock: Clock, portal_clock: PortalClock) -> None:
        self.live: tuple[HeldLease, ...] = ()
        self.wake: Callable[[], None]
        self.changed: Callable[[], None]
        self.wake = _nobody
        self.changed = _nobody
        self._now = clock.monotonic_ns
        self._portal_clock = portal_clock
        self._jump = JumpWatch(clock)
        self._lock = Lock()
        self._ended: dict[str, LeaseStatus] = {}
        self._refused: dict[str, LeaseStatus] = {}
        self._over: dict[str, None] = {}

    def apply(self, plan: Plan, refused: Sequence[LeaseStatus], arrived_ns: int) -> None:
        """Do what the plan says from now on. It cannot bring a lease back that has ended here."""
        self.sweep()
        self._jump.settle()
        with self._lock:
            known = {held.lease.id: held for held in self.live}
            told = known.keys() | self._refused.keys()
            new_runs = {lease.run_id for lease in plan.leases if lease.id not in known}
            self._refused = {status.lease_id: status for status in refused}
            self.live = tuple(
                held
                for lease in plan.leases
                if lease.id not in self._over
                and (held := self._renewed(known.pop(lease.id, None), lease, plan, arrived_ns))
            )
            self.changed()
            for held in known.values():
                self._end(held, "replaced" if held.lease.run_id in new_runs else "withdrawn")
            if ({held.lease.id for held in self.live} | self._refused.keys()) - told:
                self.wake()

    def _renewed(self, held: HeldLease | None, lease: Lease, plan: Plan, arrived_ns: int) -> HeldLease | None:
        deadline_ns = self._portal_clock.deadline_ns(plan.sent_at, lease.ttl_ms, arrived_ns)
        if held is not None:
            held.lease, held.deadline_ns = lease, deadline_ns
            return held
        # A plan that was under way for longer than its leases last starts nothing.
        return HeldLease(lease, deadline_ns) if self._now() < deadline_ns else None

    def _end(self, held: HeldLease, by: EndedBy) -> None:
        # Nothing is injected at or after the deadline, however late it is noticed.
        held.end(by, self._portal_clock.at(min(self._now(), held.deadline_ns)))
        self._ended[held.lease.id] = held.status
        self._over[held.lease.id] = None
        if len(self._ended) > UNACKNOWLEDGED_ENDS:
            del self._ended[next(iter(self._ended))]
        if len(self._over) > REMEMBERED_ENDS:
            del self._over[next(iter(self._over))]
        self.wake()

    def check(self, now_ns: int) -> None:
        """Called on every request while a lease is live: its end does not wait for the agent's thread."""
        if self._jump.jumped() or any(held.is_over(now_ns) for held in self.live):
            self.sweep()

    def sweep(self) -> None:
        """End what is over: leases past their deadline, and all of them when the wall clock has jumped."""
        jumped = self._jump.jumped()
        now_ns = self._now()
        with self._lock:
            over = [held for held in self.live if jumped or held.is_over(now_ns)]
            self.live = tuple(held for held in self.live if held not in over)
            self.changed()
            for held in over:
                self._end(held, "clock_jump" if jumped else "expired")
        if jumped:
            self._portal_clock.forget()
            self._jump.settle()

    def strike(self, held: HeldLease, now_ns: int) -> bool:
        """Count a hit; the portal learns of the first one at once."""
        struck = held.strike(self._portal_clock.at(now_ns))
        if struck and held.status.hits == 1:
            self.wake()
        return struck

    def shut_down(self) -> None:
        with self._lock:
            live, self.live = self.live, ()
            self.changed()
            for held in live:
                self._end(held, "shutdown")

    def statuses(self) -> list[LeaseStatus]:
        """What the next report tells. Copies, because the live ones go on counting."""
        with self._lock:
            told = [held.status for held in self.live] + [*self._ended.values(), *self._refused.values()]
            return [replace(status) for status in told]

    def acknowledge(self, told: Iterable[LeaseStatus]) -> None:
        """The portal has stored these: receipts among them need not be told again."""
        with self._lock:
            for status in told:
                if status.ended_by is not None:
                    self._ended.pop(status.lease_id, None)

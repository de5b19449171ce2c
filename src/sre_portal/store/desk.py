"""The leases that are out. In memory: granting, withdrawing and telling agents never wait for a database."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sre_portal.contract.lease import LEASE_SECONDS, RENEW_SECONDS, Lease, Plan, SliDefinition
from sre_portal.core.ports import Clock, LeaseElsewhere, Replicas
from sre_portal.core.replica import Alone

_MILLISECOND = timedelta(milliseconds=1)

SILENT = timedelta(seconds=LEASE_SECONDS)
"""An instance that reads its plans and has not reported for so long injects unwatched."""


@dataclass(slots=True)
class _Granted:
    """A lease that is out in a service, and when it ends unless it is renewed."""

    service: str
    lease: Lease
    until: datetime


@dataclass(slots=True)
class _Listening:
    """An instance that reads its plans, and when it last reported: at first, when it began to read."""

    heard_at: datetime


class Desk:
    """`core.ports.LeaseDesk`. Lives in one event loop.

    `beat_seconds` is the longest pause between two plans of a stream. A plan is told at once after a grant, a
    withdrawal or a change of SLIs; a renewal travels with the next beat. Where this replica does not drive,
    whatever it is asked for, no lease goes out and none is renewed.
    """

    def __init__(
        self, clock: Clock, beat_seconds: float = RENEW_SECONDS, replicas: Replicas | None = None
    ) -> None:
        self._clock = clock
        self._beat_seconds = beat_seconds
        self._replicas = replicas or Alone()
        self._elsewhere: Sequence[LeaseElsewhere] = ()
        self._slis: dict[str, tuple[SliDefinition, ...]] = {}
        self._out: dict[str, _Granted] = {}
        self._withdrawn: set[int] = set()
        self._holders: defaultdict[int, set[str]] = defaultdict(set)
        self._listening: dict[tuple[str, str], _Listening] = {}
        self._changed: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._seq = 0

    def define(self, slis: Mapping[str, Sequence[SliDefinition]]) -> None:
        """The SLIs of each service, in place of those before."""
        before, self._slis = self._slis, {service: tuple(some) for service, some in slis.items()}
        for service in before.keys() | self._slis.keys():
            if before.get(service) != self._slis.get(service):
                self._tell(service)

    def grant(self, service: str, leases: Sequence[Lease], until: datetime) -> None:
        """Puts leases out, valid `until`; agents are told at once. Those of a withdrawn run stay away."""
        if not self._replicas.drives():
            return
        some = [lease for lease in leases if lease.run_id not in self._withdrawn]
        self._out |= {lease.id: _Granted(service, lease, until) for lease in some}
        if some:
            self._tell(service)

    def renew(self, run_id: int, until: datetime) -> None:
        """Moves the end of a run's leases. One that has ended, or was withdrawn, is not brought back."""
        if not self._replicas.drives():
            return
        for granted in self._in_force(self._clock.now()):
            if granted.lease.run_id == run_id:
                granted.until = until

    def withdraw(self, run_id: int) -> None:
        """Takes a run's leases back, for good; agents are told at once."""
        self._withdrawn.add(run_id)
        gone = [granted for granted in self._out.values() if granted.lease.run_id == run_id]
        for granted in gone:
            del self._out[granted.lease.id]
        for service in {granted.service for granted in gone}:
            self._tell(service)

    def withdraw_all(self) -> Sequence[int]:
        """Every lease, at once. Returns the runs that had any, in order."""
        runs = sorted({granted.lease.run_id for granted in self._out.values()})
        for run_id in runs:
            self.withdraw(run_id)
        return runs

    def active(self) -> Mapping[str, Sequence[Lease]]:
        """Per service, the leases in force now, each with the time that is left."""
        found: defaultdict[str, list[Lease]] = defaultdict(list)
        now = self._clock.now()
        for granted in self._in_force(now) if self._replicas.term() else self._shown(now):
            found[granted.service].append(_with_time_left(granted, now))
        return dict(found)

    def show(self, elsewhere: Sequence[LeaseElsewhere]) -> None:
        """What is out elsewhere, for pages only: while this replica stands by that is what is active."""
        self._elsewhere = tuple(elsewhere)

    def holders(self, run_id: int) -> Collection[str]:
        """The instances that were told about a run's leases, also after they ended."""
        there = [one.holders for one in self._elsewhere if one.lease.run_id == run_id]
        return frozenset(self._holders.get(run_id, ())).union(*there)

    def heard(self, service: str, instance: str) -> None:
        """An instance with a stream has reported. One that has not for a while gets no leases."""
        if (service, instance) in self._listening:
            self._listening[service, instance].heard_at = self._clock.now()

    async def plans(self, service: str, instance: str) -> AsyncIterator[Plan]:
        """The stream for one agent: at once, after every change, and at least each beat.

        Ends after a plan without leases when this replica does not drive any more.
        """
        term = self._replicas.term()
        listening = self._listening[service, instance] = _Listening(self._clock.now())
        try:
            while True:
                changed = self._changed[service]  # before the plan is made: a change during the yield counts
                if not term or self._replicas.term() != term:
                    yield self._made(service, self._clock.now())
                    return
                yield self._plan(service, instance, listening)
                try:
                    async with asyncio.timeout(self._beat_seconds):
                        await changed.wait()
                except TimeoutError:
                    pass
        finally:
            if self._listening.get((service, instance)) is listening:  # else it is back on another stream
                del self._listening[service, instance]

    def _plan(self, service: str, instance: str, listening: _Listening) -> Plan:
        now = self._clock.now()
        watched = abs(now - listening.heard_at) <= SILENT
        leases = tuple(
            _with_time_left(granted, now)
            for granted in self._in_force(now)
            if watched and granted.service == service
        )
        for lease in leases:
            self._holders[lease.run_id].add(instance)
        return self._made(service, now, leases)

    def _made(self, service: str, now: datetime, leases: tuple[Lease, ...] = ()) -> Plan:
        self._seq += 1
        return Plan(self._seq, now.timestamp(), self._slis.get(service, ()), leases)

    def _shown(self, now: datetime) -> Iterator[_Granted]:
        return (_Granted(one.service, one.lease, one.until) for one in self._elsewhere if now < one.until)

    def _in_force(self, now: datetime) -> Iterator[_Granted]:
        for granted in tuple(self._out.values()):
            if granted.until <= now:
                del self._out[granted.lease.id]
            else:
                yield granted

    def _tell(self, service: str) -> None:
        self._changed.pop(service, asyncio.Event()).set()


def _with_time_left(granted: _Granted, now: datetime) -> Lease:
    # Where the clock was set back more seems to be left than was ever given.
    left = min(granted.until - now, timedelta(seconds=LEASE_SECONDS))
    return replace(granted.lease, ttl_ms=left / _MILLISECOND)

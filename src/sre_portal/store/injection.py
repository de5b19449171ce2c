"""What leases did: one running total a lease, and which seconds are in it already.

Adding up when a second arrives costs that second once. Adding up when somebody asks would cost every second
of a run each time, and a live run is asked about four times a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Connection, select

from sre_portal.contract.histogram import dump_buckets
from sre_portal.contract.report import InjectionCount, LeaseStatus
from sre_portal.core.fidelity import InjectionTotals
from sre_portal.store.dialect import add_new, put
from sre_portal.store.series import add_histogram
from sre_portal.store.tables import injection_second, injection_total, lease_status

Key = tuple[int, str, str]
"""Second, lease id, instance."""

_parse = msgspec.json.Decoder(tuple[int, int, int, list[int], list[int], list[int], list[int]]).decode
_parse_status = msgspec.json.Decoder(LeaseStatus).decode
_dump = msgspec.json.Encoder().encode


@dataclass(slots=True)
class _Total:
    """matched, hits and cut; then the histograms of delay, overshoot, treated and untreated."""

    counts: list[int] = field(default_factory=lambda: [0, 0, 0])
    histograms: tuple[dict[int, int], ...] = field(default_factory=lambda: ({}, {}, {}, {}))

    @classmethod
    def parse(cls, text: str) -> _Total:
        total = cls()
        *counts, delay, overshoot, treated, untreated = _parse(text)
        total._add(counts, (delay, overshoot, treated, untreated))
        return total

    def add(self, one: InjectionCount) -> None:
        self._add((one.matched, one.hits, one.cut), (one.delay, one.overshoot, one.treated, one.untreated))

    def _add(self, counts: Sequence[int], flat: Sequence[Sequence[int]]) -> None:
        self.counts = [old + new for old, new in zip(self.counts, counts, strict=True)]
        for histogram, one in zip(self.histograms, flat, strict=True):
            add_histogram(histogram, one)

    def dump(self) -> str:
        return _dump([*self.counts, *map(dump_buckets, self.histograms)]).decode()

    def named(self, lease_id: str) -> InjectionTotals:
        matched, hits, cut = self.counts
        delay, overshoot, treated, untreated = self.histograms
        return InjectionTotals(lease_id, matched, hits, cut, delay, overshoot, treated, untreated)


def injections(connection: Connection, run_id: int) -> list[InjectionTotals]:
    """Per lease of a run, in order of their ids."""
    leases = select(lease_status.c.lease_id).where(lease_status.c.run_id == run_id)
    rows = connection.execute(
        select(injection_total)
        .where(injection_total.c.lease_id.in_(leases))
        .order_by(injection_total.c.lease_id)
    )
    return [_Total.parse(row.counted).named(row.lease_id) for row in rows]


def lease_statuses(connection: Connection, run_id: int) -> dict[tuple[str, str], LeaseStatus]:
    """(instance, lease id) -> the last status that instance told."""
    rows = connection.execute(select(lease_status).where(lease_status.c.run_id == run_id))
    return {(row.instance, row.lease_id): _parse_status(row.status) for row in rows}


def add_injections(connection: Connection, told: Mapping[Key, InjectionCount]) -> None:
    """Adds seconds to the totals of their leases, except those that are in them already."""
    if not told:
        return
    leases = sorted({lease_id for _, lease_id, _ in told})
    totals = _locked(connection, leases)
    counted = _counted(connection, told, leases)
    new = sorted(told.keys() - counted)
    for key in new:
        totals[key[1]].add(told[key])
    add_new(connection, injection_second, new)
    put(connection, injection_total, [{"lease_id": name, "counted": totals[name].dump()} for name in leases])


def _locked(connection: Connection, leases: Sequence[str]) -> dict[str, _Total]:
    """The totals so far. Their rows are the lock: another replica looks for new seconds after this one."""
    add_new(connection, injection_total, [(lease_id, _Total().dump()) for lease_id in leases])
    rows = connection.execute(
        select(injection_total)
        .where(injection_total.c.lease_id.in_(leases))
        .order_by(injection_total.c.lease_id)
        .with_for_update()
    )
    return {row.lease_id: _Total.parse(row.counted) for row in rows}


def _counted(connection: Connection, told: Mapping[Key, InjectionCount], leases: Sequence[str]) -> set[Key]:
    columns = injection_second.c
    seconds = [second for second, _, _ in told]
    rows = connection.execute(
        select(columns.at, columns.lease_id, columns.instance).where(
            columns.at.between(min(seconds), max(seconds)), columns.lease_id.in_(leases)
        )
    )
    return {(row.at, row.lease_id, row.instance) for row in rows}

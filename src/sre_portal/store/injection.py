"""What leases did: seconds as agents tell them, folded into one total a lease."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
from sqlalchemy import Connection, bindparam, select, union_all, update

from sre_portal.contract.histogram import dump_buckets
from sre_portal.contract.report import LeaseStatus
from sre_portal.core.fidelity import InjectionTotals
from sre_portal.store.dialect import add_new, put
from sre_portal.store.series import add_histogram
from sre_portal.store.tables import injection_second, injection_total, lease_status

FOLD_ROWS = 500
"""Seconds folded in one transaction, so that reports do not wait behind it."""

Counted = tuple[int, int, int, list[int], list[int], list[int], list[int]]
"""matched, hits, cut, then the histograms of delay, overshoot, treated and untreated."""

_parse = msgspec.json.Decoder(Counted).decode
_parse_status = msgspec.json.Decoder(LeaseStatus).decode
_dump = msgspec.json.Encoder().encode

_MARK = (
    update(injection_second)
    .where(
        injection_second.c.at == bindparam("one"),
        injection_second.c.lease_id == bindparam("lease"),
        injection_second.c.instance == bindparam("teller"),
    )
    .values(folded=1, counted="")
)


@dataclass(slots=True)
class _Sum:
    counts: list[int] = field(default_factory=lambda: [0, 0, 0])
    histograms: tuple[dict[int, int], ...] = field(default_factory=lambda: ({}, {}, {}, {}))

    def add(self, counted: Counted) -> None:
        for index, count in enumerate(counted[:3]):
            self.counts[index] += count
        for total, flat in zip(self.histograms, counted[3:], strict=True):
            add_histogram(total, flat)

    def dump(self) -> str:
        return _dump([*self.counts, *map(dump_buckets, self.histograms)]).decode()

    def totals(self, lease_id: str) -> InjectionTotals:
        matched, hits, cut = self.counts
        delay, overshoot, treated, untreated = self.histograms
        return InjectionTotals(lease_id, matched, hits, cut, delay, overshoot, treated, untreated)


def injections(connection: Connection, run_id: int) -> list[InjectionTotals]:
    """Per lease of a run, in order of their ids."""
    leases = select(lease_status.c.lease_id).where(lease_status.c.run_id == run_id)
    # One statement: a second that is folded meanwhile is seen on one side of it, never on both or none.
    told = union_all(
        select(injection_total.c.lease_id, injection_total.c.counted).where(
            injection_total.c.lease_id.in_(leases)
        ),
        select(injection_second.c.lease_id, injection_second.c.counted).where(
            injection_second.c.lease_id.in_(leases), injection_second.c.folded == 0
        ),
    )
    sums = _add_up(connection.execute(told))
    return [sums[lease_id].totals(lease_id) for lease_id in sorted(sums)]


def lease_statuses(connection: Connection, run_id: int) -> dict[tuple[str, str], LeaseStatus]:
    """(instance, lease id) -> the last status that instance told."""
    rows = connection.execute(select(lease_status).where(lease_status.c.run_id == run_id))
    return {(row.instance, row.lease_id): _parse_status(row.status) for row in rows}


def fold(connection: Connection, before: int) -> bool:
    """Adds some seconds older than `before` to their lease's total. True where there may be more of them."""
    columns = injection_second.c
    rows = connection.execute(
        select(columns.lease_id, columns.counted, columns.at, columns.instance)
        .where(columns.folded == 0, columns.at < before)
        .limit(FOLD_ROWS)
        .with_for_update()
    ).all()
    if not rows:
        return False
    leases = sorted({row.lease_id for row in rows})
    add_new(connection, injection_total, [(lease_id, _Sum().dump()) for lease_id in leases])
    kept = connection.execute(
        select(injection_total).where(injection_total.c.lease_id.in_(leases)).with_for_update()
    )
    sums = _add_up([*kept, *((row.lease_id, row.counted) for row in rows)])
    put(connection, injection_total, [{"lease_id": name, "counted": sums[name].dump()} for name in leases])
    connection.execute(
        _MARK, [{"one": row.at, "lease": row.lease_id, "teller": row.instance} for row in rows]
    )
    return len(rows) == FOLD_ROWS


def _add_up(told: Iterable[tuple[str, str]]) -> dict[str, _Sum]:
    sums: dict[str, _Sum] = defaultdict(_Sum)
    for lease_id, counted in told:
        sums[lease_id].add(_parse(counted))
    return sums

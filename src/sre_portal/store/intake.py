"""An agent's report, taken apart into rows, and the rows of many reports written in one go."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
from sqlalchemy import Connection, Table, or_

from sre_portal.contract.histogram import parse_buckets
from sre_portal.contract.report import AgentReport, InjectionCount, Second
from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.store.dialect import Plain, add_new, put
from sre_portal.store.injection import Key, add_injections
from sre_portal.store.sightings import add_sightings, sighting_rows
from sre_portal.store.tables import (
    instance,
    lease_status,
    minute_progress,
    signal_second,
    slo_second,
)

SECONDS_TAKEN = 3600
"""A second older than this when it arrives is left out: its minute may have been closed for good."""

_dump = msgspec.json.Encoder().encode
Row = tuple[Plain, ...]


@dataclass(frozen=True, slots=True)
class Rows:
    """What one report adds to the tables."""

    slis: list[Row]
    signals: list[Row]
    injections: dict[Key, InjectionCount]
    minutes: frozenset[int]
    statuses: list[dict[str, object]]
    instance: dict[str, object]
    sightings: list[dict[str, object]]


def rows_of(report: AgentReport, received_at: datetime, slos: Collection[str] | None) -> Rows:
    """The rows of a report. Counts of an SLO that is not in `slos` are left out (None: all are known).

    Raises `InvalidInput` for a histogram or an instant that cannot be one.
    """
    oldest = received_at.timestamp() - SECONDS_TAKEN
    seconds = [one for one in report.seconds if one.at > oldest]
    name = report.instance
    try:
        return Rows(
            slis=[
                (second.at, sli.name, name, sli.good, sli.bad, sli.planned)
                for second in seconds
                for sli in second.slis
                if slos is None or sli.name in slos
            ],
            signals=[_signal(report, second) for second in seconds],
            injections={
                (second.at, one.lease_id, name): _checked(one)
                for second in seconds
                for one in second.injections
            },
            minutes=frozenset(second.at - second.at % 60 for second in seconds),
            statuses=list(_statuses(report)),
            instance=_instance(report, received_at),
            sightings=list(sighting_rows(report)),
        )
    except (ValueError, OverflowError, OSError) as unfit:  # fromtimestamp raises any of them
        raise InvalidInput(
            [Problem("report", str(unfit), "instants in seconds and whole histograms")]
        ) from None


def store_rows(connection: Connection, many: Sequence[Rows]) -> None:
    """Writes the rows of reports. Sorted, so that two replicas never wait for each other in a ring."""
    add_new(connection, signal_second, sorted(row for one in many for row in one.signals))
    add_new(connection, slo_second, sorted(row for one in many for row in one.slis))
    add_injections(connection, {key: told for one in many for key, told in one.injections.items()})
    minutes: set[int] = set().union(*(one.minutes for one in many))
    put(
        connection,
        minute_progress,
        [{"at": at, "told": 1, "summed": 0} for at in sorted(minutes)],
        change=lambda new: {"told": minute_progress.c.told + new["told"]},
    )
    _put_newest(connection, lease_status, [row for one in many for row in one.statuses], "seq")
    _put_newest(connection, instance, [one.instance for one in many], "last_seq")
    add_sightings(connection, [row for one in many for row in one.sightings])


def _put_newest(connection: Connection, table: Table, rows: Iterable[dict[str, Any]], seq: str) -> None:
    """Replaces what an instance told before. An older report that comes late, or again, changes nothing.

    Reports are numbered from the start of the instance, and with another start from one again. Which start is
    the later one is not asked: before it knows the portal's clock an agent tells its start by its own, which
    may be ahead of any that it tells later.
    """
    keys = [column.name for column in table.primary_key.columns]
    newest: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in rows:
        known = newest.setdefault(tuple(row[key] for key in keys), row)
        if row["started_at"] != known["started_at"] or row[seq] >= known[seq]:
            newest[tuple(row[key] for key in keys)] = row
    put(
        connection,
        table,
        [newest[key] for key in sorted(newest)],
        only_if=lambda new: or_(new["started_at"] != table.c.started_at, new[seq] >= table.c[seq]),
    )


def _signal(report: AgentReport, second: Second) -> Row:
    return (
        second.at,
        report.service,
        report.instance,
        second.requests,
        second.errors,
        _dump_histogram(second.latency),
    )


def _checked(one: InjectionCount) -> InjectionCount:
    for flat in (one.delay, one.overshoot, one.treated, one.untreated):
        parse_buckets(flat)
    return one


def _dump_histogram(flat: list[int]) -> str:
    parse_buckets(flat)
    return _dump(flat).decode()


def _statuses(report: AgentReport) -> Iterator[dict[str, object]]:
    for status in report.leases:
        yield {
            "run_id": status.run_id,
            "lease_id": status.lease_id,
            "instance": report.instance,
            "started_at": datetime.fromtimestamp(report.started_at, UTC),
            "seq": report.seq,
            "status": _dump(asdict(status)).decode(),
        }


def _instance(report: AgentReport, received_at: datetime) -> dict[str, object]:
    return {
        "service": report.service,
        "instance": report.instance,
        "version": report.version,
        "started_at": datetime.fromtimestamp(report.started_at, UTC),
        "seen_at": received_at,
        "clock_offset_ms": report.clock.offset_ms if report.clock else None,
        "clock_error_ms": report.clock.error_ms if report.clock else None,
        "memory_bytes": report.memory_bytes,
        "dropped_seconds": report.dropped_seconds,
        "misfires": report.misfires,
        "routes": _dump(report.routes).decode(),
        "last_seq": report.seq,
    }

"""Seconds become minutes and hours; what is too old goes. In steps short enough for reports to pass between.

Minutes are summed by reading, without a lock. `minute_progress` counts the reports that brought seconds of a
minute, and tells at which count it was summed last: a second that comes late, or during the sum, raises the
count, and the minute is summed again. A sum is written only if nobody else has summed the minute meanwhile.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection, Table, delete, func, literal, select, update

from sre_portal.store.connection import Database
from sre_portal.store.dialect import put, put_selected
from sre_portal.store.series import HOUR, add_up, dump_histogram, hours_of, known_names, total
from sre_portal.store.tables import (
    injection_second,
    instance,
    minute_progress,
    signal_minute,
    signal_second,
    slo_hour,
    slo_minute,
    slo_second,
)

SECONDS_KEPT = HOUR + 120
"""Longer than a second is taken, so that a minute which has lost seconds never gets another."""
MINUTES_KEPT = 35 * 24 * HOUR
INSTANCES_KEPT = 24 * HOUR
STEP = 60
"""Seconds that are dropped in one transaction."""


@dataclass(frozen=True, slots=True)
class _Minute:
    """A minute to sum: when it began, how many reports it has now, how many it had when last summed."""

    at: int
    told: int
    summed: int


@dataclass(frozen=True, slots=True)
class _Sums:
    slis: list[dict[str, object]]
    signals: list[dict[str, object]]


async def sum_minutes(database: Database, now: int) -> None:
    """Sums every finished minute that got seconds since it was last summed."""
    for minute in await database.read(partial(_unsummed, now=now)):
        sums = await database.read(partial(_sum, at=minute.at))
        await database.write(partial(_store, minute=minute, sums=sums))


async def drop_seconds(database: Database, now: int) -> None:
    """Drops whole minutes of seconds that are too old."""
    end = (now - SECONDS_KEPT) // 60 * 60
    for table in (slo_second, signal_second, injection_second, minute_progress):
        while (oldest := await database.read(partial(_oldest, table=table))) is not None and oldest < end:
            bound = min(oldest // STEP * STEP + STEP, end)
            await database.write(partial(_drop, table=table, end=bound))


async def drop_minutes(database: Database, now: int) -> None:
    """Drops minutes and hours that are too old, and instances that are gone."""
    end = (now - MINUTES_KEPT) // HOUR * HOUR
    for table in (slo_minute, slo_hour, signal_minute):
        for name in await database.read(partial(_names, table=table)):
            await database.write(partial(_drop, table=table, end=end, name=name))
    await database.write(partial(_drop_instances, end=now - INSTANCES_KEPT))


def _unsummed(connection: Connection, now: int) -> list[_Minute]:
    columns = minute_progress.c
    rows = connection.execute(
        select(columns.at, columns.told, columns.summed)
        .where(columns.told != columns.summed, columns.at <= now - 60)
        .order_by(columns.at)
    )
    return [_Minute(*row) for row in rows]


def _sum(connection: Connection, at: int) -> _Sums:
    slo, signal = slo_second.c, signal_second.c
    slis = connection.execute(
        select(slo.slo, total(slo.good), total(slo.bad), total(slo.planned))
        .where(slo.at >= at, slo.at < at + 60)
        .group_by(slo.slo)
    )
    rows = connection.execute(
        select(signal.service, literal(at), signal.requests, signal.errors, signal.latency).where(
            signal.at >= at, signal.at < at + 60
        )
    )
    return _Sums(
        slis=[
            {"slo": name, "at": at, "good": good, "bad": bad, "planned": planned, "seeded": 0}
            for name, good, bad, planned in slis
        ],
        signals=[
            {
                "service": service,
                "at": at,
                "requests": one.requests,
                "errors": one.errors,
                "latency": dump_histogram(one.latency),
                "seeded": 0,
            }
            for service, (one,) in add_up(rows).items()
        ],
    )


def _store(connection: Connection, minute: _Minute, sums: _Sums) -> None:
    moved = connection.execute(
        update(minute_progress)
        .where(minute_progress.c.at == minute.at, minute_progress.c.summed == minute.summed)
        .values(summed=minute.told)
    )
    if moved.rowcount == 0:  # somebody else has summed it meanwhile, and may have seen more
        return
    put(connection, slo_minute, sums.slis)
    put(connection, signal_minute, sums.signals)
    slos = [str(row["slo"]) for row in sums.slis]
    hour = minute.at // HOUR * HOUR
    put_selected(connection, slo_hour, hours_of(slos, hour, hour + HOUR))


def _oldest(connection: Connection, table: Table) -> int | None:
    oldest: int | None = connection.scalar(select(func.min(table.c.at)))
    return oldest


def _names(connection: Connection, table: Table) -> list[str]:
    return list(connection.scalars(known_names(table.primary_key.columns[0])))


def _drop(connection: Connection, table: Table, end: int, name: str | None = None) -> None:
    statement = delete(table).where(table.c.at < end)
    if name is not None:
        statement = statement.where(table.primary_key.columns[0] == name)
    connection.execute(statement)


def _drop_instances(connection: Connection, end: int) -> None:
    gone = datetime.fromtimestamp(end, UTC)
    connection.execute(delete(instance).where(instance.c.seen_at < gone))

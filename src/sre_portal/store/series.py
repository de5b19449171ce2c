"""Reading what was counted: per second, minute and hour, summed over instances."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Row,
    Select,
    Table,
    cast,
    func,
    select,
    union_all,
)

from sre_portal.contract.histogram import dump_buckets
from sre_portal.core.ports import SliRow
from sre_portal.core.signal import Signal
from sre_portal.core.slo import Counts
from sre_portal.store.tables import signal_minute, signal_second, slo_hour, slo_minute, slo_second

HOUR = 3600

_parse = msgspec.json.Decoder(list[int]).decode
_dump = msgspec.json.Encoder().encode


def slis_since(connection: Connection, at: int) -> list[SliRow]:
    """Per SLO and second, from `at` on."""
    columns = slo_second.c
    rows = connection.execute(
        select(columns.slo, columns.at, total(columns.good), total(columns.bad), total(columns.planned))
        .where(columns.at >= at)
        .group_by(columns.at, columns.slo)
        .order_by(columns.at, columns.slo)
    )
    return [SliRow(slo, second, Counts(good, bad, planned)) for slo, second, good, bad, planned in rows]


def sli_minutes(connection: Connection, start: int, end: int, slos: Collection[str] | None) -> list[SliRow]:
    """Per SLO and minute, `start <= at < end`."""
    return _sli_rows(connection, _stretch(slo_minute, start, end, slos).order_by("slo", "at"))


def sli_hours(connection: Connection, start: int, end: int, slos: Collection[str] | None) -> list[SliRow]:
    """The minutes of `sli_minutes`, summed by hour. Whole hours are read as such, the two ends as minutes."""
    first, last = -(-start // HOUR) * HOUR, end // HOUR * HOUR
    if first > last:  # within one hour
        return _sli_rows(connection, _by_hour(start, end, slos).order_by("slo", "at"))
    parts = [_stretch(slo_hour, first, last, slos)]
    parts += [_by_hour(low, high, slos) for low, high in ((start, first), (last, end)) if low < high]
    rows = union_all(*parts).subquery()
    return _sli_rows(connection, select(rows).order_by(rows.c.slo, rows.c.at))


def signals(
    connection: Connection, services: Collection[str] | None, start: int, end: int
) -> dict[str, list[Signal]]:
    """Per service and second, `start <= at < end`."""
    columns = signal_second.c
    query = select(columns.service, columns.at, columns.requests, columns.errors, columns.latency).where(
        columns.at >= start, columns.at < end
    )
    if services is not None:
        query = query.where(columns.service.in_(services))
    return add_up(connection.execute(query.order_by(columns.at)))


def signal_minutes(
    connection: Connection, services: Collection[str] | None, start: int, end: int
) -> dict[str, list[Signal]]:
    """Per service and minute, `start <= at < end`."""
    columns = signal_minute.c
    query = select(signal_minute).where(
        _is_one_of(columns.service, services), columns.at >= start, columns.at < end
    )
    found: dict[str, list[Signal]] = defaultdict(list)
    for row in connection.execute(query.order_by(columns.service, columns.at)):
        signal = Signal(row.at, row.requests, row.errors, parse_histogram(row.latency), bool(row.seeded))
        found[row.service].append(signal)
    return dict(found)


def add_up(rows: Iterable[Row[*tuple[Any, ...]]]) -> dict[str, list[Signal]]:
    """Signals of (service, at, requests, errors, latency), summed over instances, in the order they came."""
    requests: dict[tuple[str, int], int] = defaultdict(int)
    errors: dict[tuple[str, int], int] = defaultdict(int)
    latency: dict[tuple[str, int], dict[int, int]] = defaultdict(dict)
    for service, at, some, failed, text in rows:
        requests[service, at] += some
        errors[service, at] += failed
        add_histogram(latency[service, at], _parse(text))
    found: dict[str, list[Signal]] = defaultdict(list)
    for (service, at), count in requests.items():
        found[service].append(Signal(at, count, errors[service, at], latency[service, at]))
    return dict(found)


def add_histogram(total: dict[int, int], flat: Sequence[int]) -> None:
    """Adds a histogram in wire form. In place: this is the inner loop of every refresh."""
    for bucket, count in zip(flat[::2], flat[1::2], strict=True):
        total[bucket] = total.get(bucket, 0) + count


def parse_histogram(text: str) -> dict[int, int]:
    flat = _parse(text)
    return dict(zip(flat[::2], flat[1::2], strict=True))


def dump_histogram(buckets: Mapping[int, int]) -> str:
    return _dump(dump_buckets(buckets)).decode()


def total(column: ColumnElement[int]) -> ColumnElement[int]:
    """A sum as a whole number; PostgreSQL's own is a decimal."""
    return cast(func.sum(column), BigInteger).label(None)


@lru_cache
def known_names(column: Column[str]) -> Select[Any]:
    """The different values of a table's first key column, by one jump along the key for each of them."""
    first = select(func.min(column).label("name")).cte(f"{column.table}_{column.name}", recursive=True)
    after = select(func.min(column)).where(column > first.c.name).scalar_subquery()
    names = first.union_all(select(after).where(first.c.name.is_not(None)))
    return select(names.c.name).where(names.c.name.is_not(None))


def hours_of(slos: Collection[str], start: int, end: int) -> Select[Any]:
    """Rows of `slo_hour`, in column order, from the minutes there are. Both ends are whole hours."""
    return _by_hour(start, end, slos)


def _is_one_of(column: Column[str], names: Collection[str] | None) -> ColumnElement[bool]:
    # Without the names a database would read every name's whole history to find one range of time.
    return column.in_(known_names(column) if names is None else names)


def _stretch(table: Table, start: int, end: int, slos: Collection[str] | None) -> Select[Any]:
    return select(table).where(_is_one_of(table.c.slo, slos), table.c.at >= start, table.c.at < end)


def _by_hour(start: int, end: int, slos: Collection[str] | None) -> Select[Any]:
    columns = slo_minute.c
    hour = columns.at - columns.at % HOUR
    return (
        select(
            columns.slo,
            hour.label("at"),
            total(columns.good),
            total(columns.bad),
            total(columns.planned),
            func.max(columns.seeded).label("seeded"),
        )
        .where(_is_one_of(columns.slo, slos), columns.at >= start, columns.at < end)
        .group_by(columns.slo, hour)
    )


def _sli_rows(connection: Connection, query: Select[Any]) -> list[SliRow]:
    return [
        SliRow(slo, at, Counts(good, bad, planned), seeded=bool(seeded))
        for slo, at, good, bad, planned, seeded in connection.execute(query)
    ]

"""Generated sample history: minutes that were never measured, marked as such."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from sqlalchemy import Connection

from sre_portal.core.ports import SliRow
from sre_portal.core.signal import Signal
from sre_portal.store.connection import Database
from sre_portal.store.dialect import add_new, put_selected
from sre_portal.store.series import HOUR, dump_histogram, hours_of
from sre_portal.store.tables import signal_minute, slo_hour, slo_minute

STEP = 10_000
"""Rows written in one transaction."""


async def seed(database: Database, slis: Sequence[SliRow], signals: Mapping[str, Sequence[Signal]]) -> None:
    """Writes sample minutes and the hours they make. Minutes that exist are left alone."""
    for start in range(0, len(slis), STEP):
        await database.write(partial(_add_slis, rows=slis[start : start + STEP]))
    for service, many in signals.items():
        for start in range(0, len(many), STEP):
            await database.write(partial(_add_signals, service=service, signals=many[start : start + STEP]))
    for slo in sorted({row.slo for row in slis}):
        ats = [row.at for row in slis if row.slo == slo]
        start, end = min(ats) // HOUR * HOUR, max(ats) // HOUR * HOUR + HOUR
        await database.write(partial(_sum_hours, slo=slo, start=start, end=end))


def _add_slis(connection: Connection, rows: Sequence[SliRow]) -> None:
    add_new(
        connection,
        slo_minute,
        [(row.slo, row.at, row.counts.good, row.counts.bad, row.counts.planned, 1) for row in rows],
    )


def _add_signals(connection: Connection, service: str, signals: Sequence[Signal]) -> None:
    add_new(
        connection,
        signal_minute,
        [(service, one.at, one.requests, one.errors, dump_histogram(one.latency), 1) for one in signals],
    )


def _sum_hours(connection: Connection, slo: str, start: int, end: int) -> None:
    put_selected(connection, slo_hour, hours_of([slo], start, end))

"""What agents counted. Reports that arrive while a commit is in progress share the next one."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import partial

import msgspec
from sqlalchemy import Connection, select

from sre_portal.contract.report import AgentReport, LeaseStatus
from sre_portal.core.fidelity import InjectionTotals
from sre_portal.core.instance import Instance
from sre_portal.core.ports import SliRow
from sre_portal.core.signal import Signal
from sre_portal.store import injection, rollup, sample, series, tables
from sre_portal.store.connection import Database
from sre_portal.store.intake import Rows, rows_of, store_rows
from sre_portal.store.sharing import Sharing

SHARED_MOST = 500
"""Reports in one transaction."""

_parse_routes = msgspec.json.Decoder(tuple[str, ...]).decode


class Reports:
    """`core.ports.ReportStore`. Counts of an SLO that is not in `slos` are left out; None takes them all."""

    def __init__(self, database: Database, slos: Collection[str] | None = None) -> None:
        self._database = database
        self._slos = slos
        self._sharing: Sharing[Rows, None] = Sharing(self._write, SHARED_MOST)
        self._dropped_hour: int | None = None

    async def append(self, report: AgentReport, received_at: datetime) -> None:
        """Stores a report; returns when it is durable. A second of an instance is kept once.

        Seconds over an hour old are left out. Raises `InvalidInput` for what cannot be stored.
        """
        await self._sharing.add(rows_of(report, received_at, self._slos))

    async def _write(self, many: Sequence[Rows]) -> Sequence[None]:
        await self._database.write(partial(store_rows, many=many))
        return [None] * len(many)

    async def slis_since(self, at: int) -> Sequence[SliRow]:
        return await self._database.read(partial(series.slis_since, at=at))

    async def sli_minutes(
        self, start: int, end: int, slos: Collection[str] | None = None
    ) -> Sequence[SliRow]:
        return await self._database.read(partial(series.sli_minutes, start=start, end=end, slos=slos))

    async def sli_hours(self, start: int, end: int, slos: Collection[str] | None = None) -> Sequence[SliRow]:
        return await self._database.read(partial(series.sli_hours, start=start, end=end, slos=slos))

    async def signals(
        self, services: Collection[str] | None, start: int, end: int
    ) -> Mapping[str, Sequence[Signal]]:
        return await self._database.read(partial(series.signals, services=services, start=start, end=end))

    async def signal_minutes(
        self, services: Collection[str] | None, start: int, end: int
    ) -> Mapping[str, Sequence[Signal]]:
        return await self._database.read(
            partial(series.signal_minutes, services=services, start=start, end=end)
        )

    async def injections(self, run_id: int) -> Sequence[InjectionTotals]:
        return await self._database.read(partial(injection.injections, run_id=run_id))

    async def lease_statuses(self, run_id: int) -> Mapping[tuple[str, str], LeaseStatus]:
        return await self._database.read(partial(injection.lease_statuses, run_id=run_id))

    async def instances(self) -> Sequence[Instance]:
        """By service and name. Those not heard of for a day are gone."""
        return await self._database.read(_instances)

    async def roll_up(self, now: int) -> None:
        """Sums finished seconds into minutes and hours; drops what is too old. Idempotent."""
        await rollup.sum_minutes(self._database, now)
        await rollup.drop_seconds(self._database, now)
        if self._dropped_hour != now // series.HOUR:
            await rollup.drop_minutes(self._database, now)
            self._dropped_hour = now // series.HOUR

    async def seed(self, slis: Sequence[SliRow], signals: Mapping[str, Sequence[Signal]]) -> None:
        await sample.seed(self._database, slis, signals)


def _instances(connection: Connection) -> list[Instance]:
    rows = connection.execute(
        select(tables.instance).order_by(tables.instance.c.service, tables.instance.c.instance)
    )
    return [Instance(**{**row, "routes": _parse_routes(row["routes"])}) for row in rows.mappings()]

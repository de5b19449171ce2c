"""What agents counted. Reports that arrive while a commit is in progress share the next one."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial

import msgspec
from sqlalchemy import Connection, select

from sre_portal.contract.report import AgentReport, LeaseStatus
from sre_portal.core.errors import InvalidInput
from sre_portal.core.fidelity import InjectionTotals
from sre_portal.core.instance import Instance
from sre_portal.core.ports import SliRow
from sre_portal.core.signal import Signal
from sre_portal.store import injection, rollup, sample, series, tables
from sre_portal.store.connection import Database
from sre_portal.store.intake import Rows, rows_of, store_rows

SHARED_MOST = 500
"""Reports in one transaction."""

_parse_routes = msgspec.json.Decoder(tuple[str, ...]).decode


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A report that somebody waits for."""

    rows: Rows
    stored: asyncio.Future[None]

    def done(self, failure: Exception | None = None) -> None:
        if self.stored.done():  # whoever waited has gone
            return
        if failure is None:
            self.stored.set_result(None)
        else:
            self.stored.set_exception(failure)


class Reports:
    """`core.ports.ReportStore`. Counts of an SLO that is not in `slos` are left out; None takes them all."""

    def __init__(self, database: Database, slos: Collection[str] | None = None) -> None:
        self._database = database
        self._slos = slos
        self._waiting: list[_Waiting] = []
        self._writer: asyncio.Task[None] | None = None
        self._dropped_hour: int | None = None

    async def append(self, report: AgentReport, received_at: datetime) -> None:
        """Stores a report; returns when it is durable. A second of an instance is kept once.

        Seconds over an hour old are left out. Raises `InvalidInput` for what cannot be stored.
        """
        waiting = _Waiting(
            rows_of(report, received_at, self._slos), asyncio.get_running_loop().create_future()
        )
        self._waiting.append(waiting)
        if self._writer is None:
            self._writer = asyncio.create_task(self._write_waiting())
        await waiting.stored

    async def _write_waiting(self) -> None:
        try:
            while self._waiting:
                many, self._waiting = self._waiting[:SHARED_MOST], self._waiting[SHARED_MOST:]
                await self._write(many)
        finally:
            self._writer = None

    async def _write(self, many: Sequence[_Waiting]) -> None:
        try:
            await self._database.write(partial(store_rows, many=[one.rows for one in many]))
        except InvalidInput as unfit:
            if len(many) == 1:
                many[0].done(unfit)
            else:  # one of them is to blame: the others must not suffer for it
                for one in many:
                    await self._write([one])
        except Exception as failure:  # noqa: BLE001  # whatever it was, each of them waits to hear it
            for one in many:
                one.done(failure)
        else:
            for one in many:
                one.done()

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

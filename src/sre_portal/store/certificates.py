"""Certificates of drills. One is issued once for a switch of a run and never changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, select

from sre_portal.core.certificate import Certificate
from sre_portal.core.run import Verdict
from sre_portal.store import tables
from sre_portal.store.connection import Database
from sre_portal.store.dialect import added

_TABLE = tables.drill_certificate


class Certificates:
    """`core.ports.CertificateStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, certificates: Sequence[Certificate]) -> None:
        """Keeps them. One that is there for the same switch of the same run stays as it is."""
        await self._database.write(partial(_add, certificates=certificates))

    async def of_run(self, run_id: int) -> Sequence[Certificate]:
        """By set and key."""
        return await self._database.read(partial(_of_run, run_id=run_id))

    async def of_flag(self, flag_set: str, flag: str, limit: int) -> Sequence[Certificate]:
        """Newest first, whatever their verdict."""
        return await self._database.read(partial(_of_flag, flag_set=flag_set, flag=flag, limit=limit))

    async def last_passed(self, flag_set: str) -> Mapping[str, tuple[int, datetime]]:
        """By key, the run of the last drill that passed, and when its certificate was issued."""
        return await self._database.read(partial(_last_passed, flag_set=flag_set))


def _add(connection: Connection, certificates: Sequence[Certificate]) -> None:
    for one in certificates:
        row = {
            "run_id": one.run_id,
            "flag_set": one.flag_set,
            "key": one.flag,
            "verdict": one.verdict.value,
            "issued_at": one.issued_at,
            "text": one.text,
        }
        added(connection, _TABLE, row)


def _of_run(connection: Connection, run_id: int) -> list[Certificate]:
    wanted = select(_TABLE).where(_TABLE.c.run_id == run_id).order_by(_TABLE.c.flag_set, _TABLE.c.key)
    return [_certificate(row) for row in connection.execute(wanted)]


def _of_flag(connection: Connection, flag_set: str, flag: str, limit: int) -> list[Certificate]:
    columns = _TABLE.c
    wanted = select(_TABLE).where(columns.flag_set == flag_set, columns.key == flag)
    newest = wanted.order_by(columns.issued_at.desc(), columns.run_id.desc()).limit(limit)
    return [_certificate(row) for row in connection.execute(newest)]


def _last_passed(connection: Connection, flag_set: str) -> dict[str, tuple[int, datetime]]:
    columns = _TABLE.c
    wanted = select(columns.key, columns.run_id, columns.issued_at).where(
        columns.flag_set == flag_set, columns.verdict == Verdict.PASSED.value
    )
    oldest_first = wanted.order_by(columns.issued_at, columns.run_id)
    return {row.key: (row.run_id, row.issued_at) for row in connection.execute(oldest_first)}


def _certificate(row: Row[Any]) -> Certificate:
    return Certificate(row.run_id, row.flag_set, row.key, Verdict(row.verdict), row.issued_at, row.text)

"""One replica at a time drives: a row with an end, moved by condition."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection, or_, update

from sre_portal.store import tables
from sre_portal.store.connection import Database
from sre_portal.store.dialect import add_new

LASTS = timedelta(seconds=5)
"""How long a holder that stops renewing keeps the seat."""
RENEW_AFTER = timedelta(seconds=1)
"""Within this of the last renewal the holder does not ask the database: nobody else can have the seat."""
DRIVER = "driver"


class Seat:
    """`core.ports.Leadership`. `holder` names this replica, differently from every other."""

    def __init__(self, database: Database, holder: str) -> None:
        self._database = database
        self._holder = holder
        self._renewed_at: datetime | None = None

    async def hold(self, now: datetime) -> bool:
        """True while this replica has the seat: it had it, or it was free."""
        if self._renewed_at is not None and timedelta(0) <= now - self._renewed_at < RENEW_AFTER:
            return True
        held = await self._database.write(partial(_take, holder=self._holder, now=now))
        self._renewed_at = now if held else None
        return held

    async def leave(self) -> None:
        """Lets another replica sit down at once."""
        if self._renewed_at is not None:
            self._renewed_at = None
            await self._database.write(partial(_leave, holder=self._holder))


def _take(connection: Connection, holder: str, now: datetime) -> bool:
    add_new(connection, tables.leadership, [(DRIVER, "", 0)])
    columns = tables.leadership.c
    moved = connection.execute(
        update(tables.leadership)
        .where(columns.seat == DRIVER, or_(columns.holder == holder, columns.ends_at <= now))
        .values(holder=holder, ends_at=now + LASTS)
    )
    return moved.rowcount == 1


def _leave(connection: Connection, holder: str) -> None:
    columns = tables.leadership.c
    connection.execute(
        update(tables.leadership)
        .where(columns.seat == DRIVER, columns.holder == holder)
        .values(holder="", ends_at=tables.EPOCH)
    )

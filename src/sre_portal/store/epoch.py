"""Whether what is remembered of sessions, tokens and accounts may still be believed.

One number in the database rises with every change of these, in the transaction of the change. Memory is good
while that number was read not long ago and has not risen. On SQLite no other program writes, so it always is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from sqlalchemy import Connection, func, select, update

from sre_portal.store import tables
from sre_portal.store.connection import Database

if TYPE_CHECKING:
    from psycopg import AsyncConnection

T = TypeVar("T")

CHANNEL = "sre_portal_access"
FRESH_SECONDS = 0.25
"""So old an answer about the epoch may be. Whoever changes something waits so long before saying so."""
POLL_SECONDS = 0.1
AGAIN_SECONDS = 0.2
"""Pause before the next try where the database does not answer."""


class Epoch:
    """Lives in one event loop."""

    def __init__(self, database: Database) -> None:
        self.generation = 0
        """Rises here whenever something may have changed, here or elsewhere."""
        self._database = database
        self._shared = database.connects
        self._value: int | None = None
        self._confirmed_at = float("-inf")
        self._told: list[Callable[[], None]] = []

    def on_change(self, tell: Callable[[], None]) -> None:
        """Calls `tell` whenever something may have changed."""
        self._told.append(tell)

    def proves(self, generation: int) -> bool:
        """Whether what was read in that generation may be believed now."""
        if generation != self.generation:
            return False
        return self._shared is None or _now() - self._confirmed_at <= FRESH_SECONDS

    async def change(self, work: Callable[[Connection], T]) -> T:
        """Does work that changes who may do what; returns when no replica believes what was before."""
        try:
            done = await self._database.write(lambda connection: _and_rise(connection, work))
        finally:
            self._rise()  # also where it failed: whether it was committed may not be known
        if self._shared is not None:
            await asyncio.sleep(FRESH_SECONDS)
        return done

    async def watch(self) -> None:
        """Keeps memory provable until cancelled. Does nothing where no other program writes."""
        if self._shared is None:
            return
        from psycopg import AsyncConnection, Error  # noqa: PLC0415  # 10 MB, and not needed on SQLite

        while True:
            try:
                async with await AsyncConnection.connect(**self._shared, autocommit=True) as connection:
                    await self._listen(connection)
            except (Error, OSError):  # meanwhile nothing is proven, and the database is asked
                await asyncio.sleep(AGAIN_SECONDS)

    async def _listen(self, connection: AsyncConnection[Any]) -> None:
        await connection.execute(f"LISTEN {CHANNEL}")
        while True:
            asked_at = _now()  # before the question: the answer is at least as new
            cursor = await connection.execute("SELECT value FROM access_epoch")
            row = await cursor.fetchone()
            value = None if row is None else int(row[0])
            if value != self._value:
                self._value = value
                self._rise()
            self._confirmed_at = asked_at
            async for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                pass

    def _rise(self) -> None:
        self.generation += 1
        for tell in self._told:
            tell()


def _and_rise(connection: Connection, work: Callable[[Connection], T]) -> T:
    done = work(connection)
    epoch = tables.access_epoch
    connection.execute(update(epoch).values(value=epoch.c.value + 1))
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(CHANNEL, "")))
    return done


def _now() -> float:
    return asyncio.get_running_loop().time()

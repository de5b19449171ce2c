"""Whether what is remembered of sessions, tokens and accounts may still be believed.

One number in the database rises with every change of these, in the transaction of the change. Memory is good
while that number was read not long ago and has not risen. On SQLite no other program writes, so it always is.
`store/replica.py` reads the number, over the connection that also says which replica drives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from math import inf
from typing import TypeVar

from sqlalchemy import Connection, func, select, update

from sre_portal.store import tables
from sre_portal.store.connection import Database

T = TypeVar("T")

CHANNEL = "sre_portal_access"
FRESH_SECONDS = 0.25
"""So old an answer about the epoch may be. Whoever changes something waits so long before saying so."""


class Epoch:
    """Lives in one event loop."""

    def __init__(self, database: Database) -> None:
        self.generation = 0
        """Rises here whenever something may have changed, here or elsewhere."""
        self._database = database
        self._is_shared = database.connects is not None
        self.value: int | None = None
        """The number, as the database last told it; None until it tells."""
        self._confirmed_at = float("-inf")
        self._told: list[Callable[[], None]] = []

    def on_change(self, tell: Callable[[], None]) -> None:
        """Calls `tell` whenever something may have changed."""
        self._told.append(tell)

    def proves(self, generation: int) -> bool:
        """Whether what was read in that generation may be believed now."""
        return generation == self.generation and self.is_fresh()

    def is_fresh(self) -> bool:
        """Whether the database has answered lately."""
        return not self._is_shared or self.age() <= FRESH_SECONDS

    def age(self) -> float:
        """Seconds since the last question that was answered."""
        return _now() - self._confirmed_at

    def proven_ago(self, value: int | None) -> float:
        """Seconds since it was last proven that nothing has changed since the number was `value`."""
        return self.age() if value is not None and value == self.value else inf

    def confirm(self, value: int, asked_at: float) -> None:
        """The database said so. `asked_at` is when it was asked, on the clock of the event loop."""
        if value != self.value:
            self.value = value
            self._rise()
        self._confirmed_at = asked_at

    async def change(self, work: Callable[[Connection], T]) -> T:
        """Does work that changes who may do what; returns when no replica believes what was before."""
        try:
            done = await self._database.write(lambda connection: _and_rise(connection, work))
            self.value = None
        finally:
            self._rise()  # also where it failed: whether it was committed may not be known
        if self._is_shared:
            await pause(FRESH_SECONDS)
        return done

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


async def pause(seconds: float) -> None:
    """As `sleep`, and never shorter: a timer may ring early."""
    until = _now() + seconds
    while (left := until - _now()) > 0:  # noqa: ASYNC110  # time is what is waited for
        await asyncio.sleep(left)


def _now() -> float:
    return asyncio.get_running_loop().time()

"""What was read lately, by the digest of what its holder shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Generic, TypeVar

from sqlalchemy import Connection

from sre_portal.core.errors import StoreUnavailable
from sre_portal.store.connection import Database
from sre_portal.store.epoch import Epoch

T = TypeVar("T")

PATIENCE_SECONDS = 0.25
"""How long the database may take to answer about somebody who was seen before and wants to end harm."""
MOST = 10_000
MOST_ENDED = 100_000
"""So many of the last that ended are never believed, even while the database still has them."""


class Memory(Generic[T]):
    """Sessions or tokens. Believed while the epoch proves them; else the database is asked."""

    def __init__(self, database: Database, epoch: Epoch, find: Callable[[Connection, str], T | None]) -> None:
        self._database = database
        self._epoch = epoch
        self._find = find
        self._seen: dict[str, tuple[T, int]] = {}
        self._ended: dict[str, None] = {}
        """In the order in which they ended. What is not in the database any more needs no place here."""

    async def get(self, digest: str, *, seen_will_do: bool = False, anew: bool = False) -> T | None:
        """What a digest stands for. `anew` asks the database whatever is remembered.

        With `seen_will_do`, what was seen before is good enough where the database does not answer in time.
        Raises `StoreUnavailable`.
        """
        known = self._seen.get(digest)
        if known is not None and not anew and self._epoch.proves(known[1]):
            return known[0]
        generation = self._epoch.generation
        patience = PATIENCE_SECONDS if seen_will_do and known is not None else None
        try:
            async with asyncio.timeout(patience):
                found = await self._database.read(lambda connection: self._find(connection, digest))
        except (TimeoutError, StoreUnavailable):
            if not seen_will_do or known is None:
                raise
            return known[0]
        if digest in self._ended:
            return None
        if found is None:
            self._seen.pop(digest, None)
        else:
            self._remember(digest, found, generation)
        return found

    def end(self, digest: str) -> None:
        """Is never believed again here, whatever the database says."""
        self._ended[digest] = None
        if len(self._ended) > MOST_ENDED:
            del self._ended[next(iter(self._ended))]
        self._seen.pop(digest, None)

    def change(self, digest: str, change: Callable[[T], T]) -> None:
        """Changes what is remembered, without proving it anew."""
        if (known := self._seen.get(digest)) is not None:
            self._seen[digest] = (change(known[0]), known[1])

    def _remember(self, digest: str, one: T, generation: int) -> None:
        self._seen.pop(digest, None)
        self._seen[digest] = (one, generation)
        if len(self._seen) > MOST:
            del self._seen[next(iter(self._seen))]

"""What was read lately, by the digest of what its holder shows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from math import inf
from typing import Generic, TypeVar

from sqlalchemy import Connection

from sre_portal.core.errors import StoreUnavailable
from sre_portal.store.connection import Database
from sre_portal.store.epoch import Epoch

T = TypeVar("T")

PATIENCE_SECONDS = 0.25
"""How long the database may take to answer about somebody of whom it will do to have been seen before."""
ASK_SECONDS = 5.0
"""How long it may take about anybody else."""
AGAIN_SECONDS = 1.0
"""So long after a question without an answer those who were seen do not wait for another one."""
MOST = 10_000
MOST_ENDED = 100_000
"""So many of the last that ended are never believed, even while the database still has them."""


@dataclass(frozen=True, slots=True)
class _Seen(Generic[T]):
    """What was read, and of when: the generation and the number of the epoch before it was read."""

    one: T
    generation: int
    value: int | None


class Memory(Generic[T]):
    """Sessions or tokens. Believed while the epoch proves them; else the database is asked."""

    def __init__(self, database: Database, epoch: Epoch, find: Callable[[Connection, str], T | None]) -> None:
        self._database = database
        self._epoch = epoch
        self._find = find
        self._seen: dict[str, _Seen[T]] = {}
        self._ended: dict[str, None] = {}
        """In the order in which they ended. What is not in the database any more needs no place here."""
        self._unanswered_at = -inf

    async def get(self, digest: str, *, seen_for: float = 0.0, anew: bool = False) -> T | None:
        """What a digest stands for. `anew` asks the database whatever is remembered.

        Where the database does not answer in time, what was seen is good enough for `seen_for` seconds after
        it was last proven. Raises `StoreUnavailable`.
        """
        known = self._seen.get(digest)
        if known is not None and not anew and self._epoch.proves(known.generation):
            return known.one
        if known is None or not self._will_do(known, seen_for):
            return await self._ask(digest, ASK_SECONDS)
        if self._is_unanswered():
            return known.one
        try:
            return await self._ask(digest, PATIENCE_SECONDS)
        except StoreUnavailable:
            self._unanswered_at = asyncio.get_running_loop().time()
            known = self._seen.get(digest)  # it may have ended meanwhile
            if known is None or not self._will_do(known, seen_for):
                raise
            return known.one

    def _will_do(self, known: _Seen[T], seen_for: float) -> bool:
        return seen_for == inf or self._epoch.proven_ago(known.value) <= seen_for

    def _is_unanswered(self) -> bool:
        """Whether the database was just asked, and has not answered anything since."""
        silence = asyncio.get_running_loop().time() - self._unanswered_at
        return silence < min(AGAIN_SECONDS, self._epoch.age())

    async def _ask(self, digest: str, seconds: float) -> T | None:
        """Raises `StoreUnavailable`."""
        generation, value = self._epoch.generation, self._epoch.value
        try:
            async with asyncio.timeout(seconds):
                found = await self._database.read(lambda connection: self._find(connection, digest))
        except TimeoutError:
            raise StoreUnavailable(f"{self._database.place} does not answer") from None
        if digest in self._ended:
            return None
        if found is None:
            self._seen.pop(digest, None)
        else:
            self._remember(digest, _Seen(found, generation, value))
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
            self._seen[digest] = replace(known, one=change(known.one))

    def _remember(self, digest: str, seen: _Seen[T]) -> None:
        self._seen.pop(digest, None)
        self._seen[digest] = seen
        if len(self._seen) > MOST:
            del self._seen[next(iter(self._seen))]

"""The database, from the event loop's side: a piece of work goes to a thread, its result comes back.

A piece of work is a plain function of a connection and is one transaction. It hops threads once, however many
statements it makes (docs/adr/0002-the-store.md has the figures).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError

from sre_portal.core.errors import StoreUnavailable
from sre_portal.store.dialect import Engines
from sre_portal.store.failure import may_try_again, told_plainly

T = TypeVar("T")
Work = Callable[[Connection], T]

READ_SECONDS = 30.0
"""So long somebody waits for what is read. A server that is frozen, or far away, keeps no time itself."""
TRIES = 4
"""How often work is done before a database that keeps taking it back is believed."""


class Database:
    """Does work.

    Raises `StoreUnavailable`, `InvalidInput` for a value that does not fit, `Conflict` for a row that another
    row forbids, and what the work itself raises.
    """

    def __init__(self, engines: Engines) -> None:
        self.place = engines.place
        self.connects = engines.connects
        self._engines = engines
        self._writers = ThreadPoolExecutor(engines.write_threads, "sre-portal-write")
        self._readers = ThreadPoolExecutor(engines.read_threads, "sre-portal-read")

    async def read(self, work: Work[T]) -> T:
        """Does work that only reads. Nobody waits longer than `READ_SECONDS` for it."""
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await self._do(self._readers, self._engines.reader, work)
        except TimeoutError:
            raise StoreUnavailable(f"{self.place} does not answer") from None

    async def write(self, work: Work[T]) -> T:
        """Does work and commits; returns when it is durable. The work may be done again after a deadlock."""
        return await self._do(self._writers, self._engines.writer, work)

    async def close(self) -> None:
        """Waits for the work under way. Work that comes later is refused."""
        await asyncio.to_thread(self._close)

    def _close(self) -> None:
        for threads in (self._writers, self._readers):
            threads.shutdown()
        with told_plainly(self.place):
            self._engines.reader.dispose()
            self._engines.writer.dispose()

    async def _do(self, threads: ThreadPoolExecutor, engine: Engine, work: Work[T]) -> T:
        loop = asyncio.get_running_loop()
        try:
            doing = loop.run_in_executor(threads, self._in_thread, engine, work)
        except RuntimeError:  # how a thread pool says that it was shut down
            raise StoreUnavailable(f"{self.place} is closed") from None
        return await doing

    def _in_thread(self, engine: Engine, work: Work[T]) -> T:
        with told_plainly(self.place):
            for _ in range(TRIES - 1):
                try:
                    return _once(engine, work)
                except DBAPIError as failed:
                    if not may_try_again(failed):
                        raise
            return _once(engine, work)


def _once(engine: Engine, work: Work[T]) -> T:
    with engine.begin() as connection:
        return work(connection)

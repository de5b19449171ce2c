"""Which of the portals over one PostgreSQL drives, and what they tell each other.

A connection of each listens, asks ten times a second for the epoch, and holds an advisory lock where it can.
Each answer proves that the session lived after the question, and so that the lock was held then. Whoever has
the lock drives while the last proof is at most `FRESH_SECONDS` old. Whoever gets it begins `HANDOVER_SECONDS`
later, when the one before has certainly stopped (docs/adr/0008-one-replica-drives.md).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from secrets import token_hex
from typing import TYPE_CHECKING, Any

import structlog
from sqlalchemy import Connection, text

from sre_portal.store.connection import Database
from sre_portal.store.epoch import CHANNEL, FRESH_SECONDS, Epoch
from sre_portal.store.failure import first_line
from sre_portal.store.flags import CHANNEL as FLAGS
from sre_portal.store.topic import Topic

if TYPE_CHECKING:
    from psycopg import AsyncConnection

log = structlog.get_logger("sre_portal.replica")

POLL_SECONDS = 0.1
AGAIN_SECONDS = 0.2
"""Pause before the next try where the database does not answer."""
LOST_SECONDS = 2.0
"""A question without an answer for so long ends the term; the server ends a session silent for so long."""
HANDOVER_SECONDS = 2 * FRESH_SECONDS
"""Between getting the lock and driving."""
SETTLE_SECONDS = 3.0

DRIVE_LOCK = 825_393_822
"""The upper half of the advisory lock, any number that never changes. The lower half is the schema's own."""

_NAME = "SELECT 'access_epoch'::regclass::oid::bigint"
_TELL = text("SELECT pg_notify('sre_portal_' || 'access_epoch'::regclass::oid::bigint, :text)")
_SET = (
    "SELECT set_config('sre_portal.replica', %s, false), set_config('tcp_keepalives_idle', '1', false), "
    "set_config('tcp_keepalives_interval', '1', false), set_config('tcp_keepalives_count', '2', false)"
)
_SILENCE = f"SELECT set_config('idle_session_timeout', '{LOST_SECONDS * 1000:.0f}ms', false)"
"""Frees the lock of a program that hangs and of a machine that is gone."""
SILENCE_VERSION = 140_000
_ASK = (
    "SELECT coalesce((SELECT value FROM access_epoch), 0), "
    "CASE WHEN current_setting('sre_portal.replica', true) = %s THEN {hold} END, "
    "coalesce((SELECT value FROM flag_epoch), 0)"
)


class SharedSession(Exception):
    """Somebody else uses the same session of the server: a pooler hands it around."""

    def __str__(self) -> str:
        return "a pooler hands the session around; a portal needs one of its own"


class Replica:
    """`core.ports.Replicas`. Lives in one event loop. On SQLite a portal is alone, and drives."""

    def __init__(self, database: Database, epoch: Epoch, flags: Topic | None = None) -> None:
        self._database = database
        self._epoch = epoch
        self._flags = flags or Topic()
        self._shared = database.connects
        self._terms = 0
        self._begins_at: float | None = None
        """When this one may begin to drive; None where it does not hold the lock."""
        self._answered = asyncio.Event()
        self._told: list[Callable[[str], None]] = []
        self._why = ""
        """Why there is no connection; empty where there is one, and before the first."""

    def term(self) -> int:
        """Rises each time this one becomes the driver; 0 while it stands by.

        Ends with the connection, and when the database has not answered for `LOST_SECONDS`.
        """
        if self._shared is None:
            return 1
        holds = self._begins_at is not None and _now() >= self._begins_at
        return self._terms if holds and self._epoch.age() <= LOST_SECONDS else 0

    def drives(self) -> bool:
        """Whether this one drives, and nobody else does: proven a moment ago."""
        return self.term() != 0 and self._epoch.is_fresh()

    def on_told(self, hear: Callable[[str], None]) -> None:
        """Calls `hear` with whatever a replica tells, this one too."""
        self._told.append(hear)

    async def tell(self, text: str) -> None:
        """Tells every replica. The text is shorter than 8,000 bytes. Raises `StoreUnavailable`."""
        if self._shared is not None:
            await self._database.write(lambda connection: _tell(connection, text))

    async def settle(self) -> None:
        """Waits until it is known whether this one drives; for a while, and not longer."""
        if self._shared is None:
            return
        try:
            async with asyncio.timeout(SETTLE_SECONDS):
                await self._answered.wait()
                if self._begins_at is not None:
                    await asyncio.sleep(self._begins_at - _now())
        except TimeoutError:
            return

    async def watch(self) -> None:
        """Keeps memory provable and this replica in its place, until cancelled.

        Whatever goes wrong, it tries again. Why is logged when that changes.
        """
        if self._shared is None:
            return
        from psycopg import AsyncConnection, Error  # noqa: PLC0415  # 10 MB, and not needed on SQLite

        while True:
            try:
                async with await AsyncConnection.connect(**self._shared, autocommit=True) as connection:
                    await self._follow(connection)
            except (Error, OSError, TimeoutError, SharedSession) as failed:  # nothing is proven meanwhile
                self._say_why(first_line(failed))
                await asyncio.sleep(AGAIN_SECONDS)
            except Exception as bug:  # noqa: BLE001  # without this task no replica would ever drive again
                self._say_why(f"bug: {bug!r}", bug)
                await asyncio.sleep(AGAIN_SECONDS)
            finally:
                self._begins_at = None

    async def _follow(self, connection: AsyncConnection[Any]) -> None:
        mine = token_hex(8)
        async with asyncio.timeout(LOST_SECONDS):
            channel = await _begin(connection, mine)
        while True:
            await self._ask(connection, mine)
            async for notice in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                if notice.channel == channel:
                    self._hear(notice.payload)

    def _hear(self, told: str) -> None:
        """A word that is not taken well ends neither the connection nor the term."""
        for hear in self._told:
            try:
                hear(told)
            except Exception as bug:  # noqa: BLE001  # whatever it was, the next word is heard
                _say(logging.ERROR, "bug in hearing what a replica told", exc_info=bug)

    def _say_why(self, why: str, bug: Exception | None = None) -> None:
        if why == self._why:
            return
        self._why = why
        level = logging.ERROR if bug else logging.WARNING
        _say(level, "nothing says which replica drives: this one stands by", why=why, exc_info=bug)

    async def _ask(self, connection: AsyncConnection[Any], mine: str) -> None:
        holds = self._begins_at is not None
        hold = "true" if holds else f"pg_try_advisory_lock({_lock()})"
        asked_at = _now()  # before the question: the answer is at least as new
        async with asyncio.timeout(LOST_SECONDS):
            cursor = await connection.execute(_ASK.format(hold=hold), [mine])
            row = await cursor.fetchone()
        now = _now()
        if row is None or row[1] is None:
            raise SharedSession
        if holds and now - asked_at > LOST_SECONDS:  # the term has ended by the clock: it must not come back
            raise TimeoutError
        self._epoch.confirm(int(row[0]), asked_at)
        self._flags.confirm(int(row[2]))
        if row[1] and not holds:
            self._terms += 1
            self._begins_at = now + HANDOVER_SECONDS
        self._answered.set()
        if self._why:
            self._why = ""
            _say(logging.INFO, "it is known again which replica drives")


async def _begin(connection: AsyncConnection[Any], mine: str) -> str:
    """Makes a session the server gives up soon, and listens. The channel of this schema."""
    await connection.execute(_SET, [mine])
    if connection.info.server_version >= SILENCE_VERSION:
        await connection.execute(_SILENCE)
    cursor = await connection.execute(_NAME)
    row = await cursor.fetchone()
    channel = f"sre_portal_{row[0] if row else 0}"
    await connection.execute(f"LISTEN {CHANNEL}")
    await connection.execute(f"LISTEN {FLAGS}")
    await connection.execute(f"LISTEN {channel}")
    return channel


def _lock() -> str:
    """As SQL: one lock for each schema, as several portals may have one in the same database."""
    return f"({DRIVE_LOCK}::bigint << 32) | 'access_epoch'::regclass::oid::bigint"


def _tell(connection: Connection, told: str) -> None:
    connection.execute(_TELL, {"text": told})


def _say(level: int, event: str, **told: object) -> None:
    with suppress(Exception):  # a log that cannot be written must not end the watch
        log.log(level, event, **told)


def _now() -> float:
    return asyncio.get_running_loop().time()

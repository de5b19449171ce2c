"""Opens a database and hands out the ports over it."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from functools import partial
from types import TracebackType
from typing import Self

from sqlalchemy import Connection, select

from sre_portal.core.errors import StoreUnavailable
from sre_portal.core.flag_ports import (
    CertificateStore,
    FlagPlanStore,
    FlagStore,
    FlagTurnStore,
    FlagUseStore,
    SightingStore,
)
from sre_portal.core.ports import (
    AccountStore,
    AlertStore,
    AuditStore,
    JournalStore,
    LoginStore,
    Replicas,
    ReportStore,
    RunStore,
    SessionStore,
    TokenStore,
)
from sre_portal.store import tables
from sre_portal.store.accounts import Accounts
from sre_portal.store.alerts import Alerts
from sre_portal.store.audit import Audit
from sre_portal.store.audit_tree import Trust, sign_empty
from sre_portal.store.certificates import Certificates
from sre_portal.store.connection import Database
from sre_portal.store.dialect import engines_for
from sre_portal.store.epoch import Epoch
from sre_portal.store.failure import Place
from sre_portal.store.flag_plans import FlagPlans
from sre_portal.store.flag_turns import FlagTurns
from sre_portal.store.flag_use import FlagUses
from sre_portal.store.flags import Flags
from sre_portal.store.journal import Journal
from sre_portal.store.logins import Logins
from sre_portal.store.replica import Replica
from sre_portal.store.reports import Reports
from sre_portal.store.runs import Runs
from sre_portal.store.schema import migrate
from sre_portal.store.sessions import Sessions
from sre_portal.store.sightings import Sightings
from sre_portal.store.tokens import Tokens
from sre_portal.store.topic import Topic

PATIENCE_SECONDS = 5.0
PING_SECONDS = 2.0


class SqlStore:
    """`core.ports.Store`: all ports over one database. Ends with `close`, or as a context."""

    reports: ReportStore
    runs: RunStore
    journal: JournalStore
    alerts: AlertStore
    audit: AuditStore
    sessions: SessionStore
    tokens: TokenStore
    accounts: AccountStore
    logins: LoginStore
    flags: FlagStore
    flag_plans: FlagPlanStore
    flag_uses: FlagUseStore
    sightings: SightingStore
    flag_turns: FlagTurnStore
    certificates: CertificateStore
    replicas: Replicas

    def __init__(self, database: Database, slos: Collection[str] | None, trust: Trust | None = None) -> None:
        self.database = database
        self.reports = Reports(database, slos)
        self.runs = Runs(database)
        self.journal = Journal(database)
        self.alerts = Alerts(database)
        self.audit = Audit(database, trust)
        self.epoch = Epoch(database)
        self.sessions = Sessions(database, self.epoch)
        self.tokens = Tokens(database, self.epoch)
        self.accounts = Accounts(database, self.epoch)
        self.logins = Logins(database)
        topic = Topic()
        self.flags = Flags(database, topic)
        self.flag_plans = FlagPlans(database)
        self.flag_uses = FlagUses(database)
        self.sightings = Sightings(database)
        self.flag_turns = FlagTurns(database)
        self.certificates = Certificates(database)
        self.replicas = self.replica = Replica(database, self.epoch, topic)
        self._watching = asyncio.create_task(self.replica.watch())

    async def ping(self) -> None:
        """Raises `StoreUnavailable` where the database does not answer within two seconds."""
        try:
            async with asyncio.timeout(PING_SECONDS):
                await self.database.read(_ping)
        except TimeoutError:
            raise StoreUnavailable(f"{self.database.place} does not answer") from None

    async def close(self) -> None:
        """Waits for the work under way. Whatever comes later is refused."""
        # Before Python 3.11.3 a cancellation that meets a timeout may be lost.
        while not self._watching.done():
            self._watching.cancel()
            await asyncio.wait({self._watching}, timeout=0.1)
        await self.database.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def open_store(
    url: str,
    *,
    slos: Collection[str] | None = None,
    trust: Trust | None = None,
    patience_seconds: float = PATIENCE_SECONDS,
) -> SqlStore:
    """Connects, creates or migrates the tables, and returns the ports.

    `url` is `sqlite:///path/to/file` (created with its folder where missing) or
    `postgresql://user:password@host:port/name`. `slos` are the names whose counts are kept; None keeps all.
    `trust` signs the audit log; without it nothing can be added to it.
    Work waits for other programs' locks for `patience_seconds`. Raises `StoreUnavailable` with one sentence,
    or `InvalidInput` where the URL is of neither kind.
    """
    return SqlStore(await _migrated(url, trust, patience_seconds), slos, trust)


async def migrate_store(url: str, trust: Trust | None) -> None:
    """Creates or migrates the tables and nothing else. Raises as `open_store` does."""
    database = await _migrated(url, trust, PATIENCE_SECONDS)
    await database.close()


async def _migrated(url: str, trust: Trust | None, patience_seconds: float) -> Database:
    database = Database(engines_for(url, patience_seconds))
    try:
        await database.write(partial(_prepare, place=database.place, trust=trust))
    except BaseException:
        await database.close()
        raise
    return database


def _prepare(connection: Connection, place: Place, trust: Trust | None) -> None:
    if migrate(connection, place) and trust is not None:
        sign_empty(connection, trust.signer)


def _ping(connection: Connection) -> None:
    connection.execute(select(tables.alert_state).limit(1))  # without a table SQLite answers from nothing

"""What is good once: login links, logins that were begun at a provider, logout tokens."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, delete, insert, select

from sre_portal.core.access import Role
from sre_portal.store import tables
from sre_portal.store.connection import Database
from sre_portal.store.dialect import added, put


class Logins:
    """`core.ports.LoginStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add_link(self, digest: str, person: str, role: Role, ends_at: datetime) -> None:
        """A new link takes the place of those that the same person has not used."""
        await self._database.write(
            partial(_add_link, digest=digest, person=person, role=role, ends_at=ends_at)
        )

    async def take_link(self, digest: str, now: datetime) -> tuple[str, Role] | None:
        """Uses a link up: of two who try at once, one gets it."""
        return await self._database.write(partial(_take_link, digest=digest, now=now))

    async def add_attempt(
        self, digest: str, browser: str, provider: str, sealed: str, ends_at: datetime, now: datetime
    ) -> None:
        """Attempts that are too old by `now` go."""
        row = {
            "digest": digest,
            "browser": browser,
            "provider": provider,
            "sealed": sealed,
            "ends_at": ends_at,
        }
        await self._database.write(partial(_add_attempt, row=row, now=now))

    async def take_attempt(self, digest: str, now: datetime) -> tuple[str, str, str] | None:
        """Uses an attempt up: the digest of its browser's cookie, its provider, and what was sealed."""
        return await self._database.write(partial(_take_attempt, digest=digest, now=now))

    async def first_seen(self, issuer: str, jti: str, ends_at: datetime, now: datetime) -> bool:
        """Whether a logout token is shown for the first time. Of two who ask at once, one is told so."""
        return await self._database.write(
            partial(_first_seen, issuer=issuer, jti=jti, ends_at=ends_at, now=now)
        )

    async def note(self, issuer: str, jti: str, ends_at: datetime) -> None:
        """Remembers until then, in place of what was remembered of it before."""
        row = {"issuer": issuer, "jti": jti, "ends_at": ends_at}
        await self._database.write(lambda connection: put(connection, tables.logout_seen, [row]))

    async def seen_until(self, issuer: str, jti: str, now: datetime) -> datetime | None:
        """Until when it is remembered; None where it is not."""
        return await self._database.read(partial(_seen_until, issuer=issuer, jti=jti, now=now))


def _add_attempt(connection: Connection, row: Mapping[str, object], now: datetime) -> None:
    connection.execute(delete(tables.login_attempt).where(tables.login_attempt.c.ends_at <= now))
    connection.execute(insert(tables.login_attempt).values(dict(row)))


def _add_link(connection: Connection, digest: str, person: str, role: Role, ends_at: datetime) -> None:
    connection.execute(delete(tables.login_link).where(tables.login_link.c.person == person))
    connection.execute(
        insert(tables.login_link).values(digest=digest, person=person, role=role.value, ends_at=ends_at)
    )


def _take_link(connection: Connection, digest: str, now: datetime) -> tuple[str, Role] | None:
    chosen = tables.login_link.c.digest == digest
    row = connection.execute(select(tables.login_link).where(chosen)).one_or_none()
    taken = connection.execute(delete(tables.login_link).where(chosen)).rowcount == 1
    if row is None or not taken or row.ends_at <= now:
        return None
    return row.person, Role(row.role)


def _take_attempt(connection: Connection, digest: str, now: datetime) -> tuple[str, str, str] | None:
    columns = tables.login_attempt.c
    row = connection.execute(select(tables.login_attempt).where(columns.digest == digest)).one_or_none()
    taken = connection.execute(delete(tables.login_attempt).where(columns.digest == digest)).rowcount == 1
    connection.execute(delete(tables.login_attempt).where(columns.ends_at <= now))
    if row is None or not taken or row.ends_at <= now:
        return None
    return row.browser, row.provider, row.sealed


def _seen_until(connection: Connection, issuer: str, jti: str, now: datetime) -> datetime | None:
    columns = tables.logout_seen.c
    chosen = (columns.issuer == issuer) & (columns.jti == jti) & (columns.ends_at > now)
    until: datetime | None = connection.scalar(select(columns.ends_at).where(chosen))
    return until


def _first_seen(connection: Connection, issuer: str, jti: str, ends_at: datetime, now: datetime) -> bool:
    connection.execute(delete(tables.logout_seen).where(tables.logout_seen.c.ends_at <= now))
    return added(connection, tables.logout_seen, {"issuer": issuer, "jti": jti, "ends_at": ends_at})

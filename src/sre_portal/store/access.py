"""Tokens, login links and sessions, by the SHA-256 of what the holder shows.

The database is asked first. Where it does not answer in time, somebody who was seen before is believed, so
that a person can stop harm while the database is locked or gone. A session that was ended here is never
believed again, whatever the database says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar

from sqlalchemy import Connection, delete, insert, select

from sre_portal.core.access import Principal, Role, everywhere
from sre_portal.core.errors import StoreUnavailable
from sre_portal.core.ports import Session, Token
from sre_portal.store import tables
from sre_portal.store.connection import Database

T = TypeVar("T")

PATIENCE_SECONDS = 0.25
"""How long the database may take to answer about somebody who was seen before."""
SEEN_MOST = 10_000


class Access:
    """`core.ports.AccessStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._tokens: dict[str, Token] = {}
        self._sessions: dict[str, Session] = {}
        self._ended: set[str] = set()

    async def replace_tokens(self, tokens: Sequence[Token]) -> None:
        """These tokens are in force, and no others. Raises `Conflict` where two have one digest."""
        await self._database.write(partial(_replace_tokens, tokens=tokens))
        self._tokens = {token.digest: token for token in tokens}

    async def token(self, digest: str) -> Token | None:
        return await self._find(digest, self._tokens, _token)

    async def add_login(self, digest: str, principal: Principal, ends_at: datetime) -> None:
        await self._database.write(partial(_add_login, digest=digest, principal=principal, ends_at=ends_at))

    async def take_login(self, digest: str, now: datetime) -> Principal | None:
        """Uses a login link up: of two who try at once, one gets it."""
        return await self._database.write(partial(_take_login, digest=digest, now=now))

    async def add_session(self, session: Session) -> None:
        await self._database.write(partial(_add_session, session=session))
        _remember(self._sessions, session.digest, session)

    async def session(self, digest: str) -> Session | None:
        """A session that was not ended. Whether it is over is told by its `ends_at`."""
        if digest in self._ended:
            return None
        found = await self._find(digest, self._sessions, _session)
        return None if digest in self._ended else found

    async def end_session(self, digest: str) -> None:
        """Ends it here at once, even where the database cannot be told (`StoreUnavailable`)."""
        self._ended.add(digest)
        self._sessions.pop(digest, None)
        await self._database.write(partial(_end_session, digest=digest))

    async def _find(
        self, digest: str, seen: dict[str, T], find: Callable[[Connection, str], T | None]
    ) -> T | None:
        known = seen.get(digest)
        try:
            async with asyncio.timeout(None if known is None else PATIENCE_SECONDS):
                found = await self._database.read(lambda connection: find(connection, digest))
        except (TimeoutError, StoreUnavailable):
            if known is None:
                raise
            return known
        if found is None:
            seen.pop(digest, None)
        else:
            _remember(seen, digest, found)
        return found


def _remember(seen: dict[str, T], digest: str, one: T) -> None:
    seen.pop(digest, None)
    seen[digest] = one
    if len(seen) > SEEN_MOST:
        del seen[next(iter(seen))]


def _replace_tokens(connection: Connection, tokens: Sequence[Token]) -> None:
    rows = [
        {
            "name": token.name,
            "digest": token.digest,
            "role": None if token.role is None else token.role.value,
            "service": token.service,
            "created_at": token.created_at,
        }
        for token in tokens
    ]
    connection.execute(delete(tables.token))
    if rows:
        connection.execute(insert(tables.token), rows)


def _token(connection: Connection, digest: str) -> Token | None:
    row = connection.execute(select(tables.token).where(tables.token.c.digest == digest)).one_or_none()
    if row is None:
        return None
    return Token(row.name, row.digest, _role(row.role), row.service, row.created_at)


def _add_login(connection: Connection, digest: str, principal: Principal, ends_at: datetime) -> None:
    # A new link takes the place of those that the same person has not used.
    connection.execute(delete(tables.login).where(tables.login.c.principal == principal.name))
    connection.execute(
        insert(tables.login).values(digest=digest, ends_at=ends_at, **_principal_row(principal))
    )


def _take_login(connection: Connection, digest: str, now: datetime) -> Principal | None:
    chosen = tables.login.c.digest == digest
    row = connection.execute(select(tables.login).where(chosen)).one_or_none()
    taken = connection.execute(delete(tables.login).where(chosen)).rowcount == 1
    if row is None or not taken or row.ends_at <= now:
        return None
    return Principal(row.principal, everywhere(_role(row.role)))


def _add_session(connection: Connection, session: Session) -> None:
    connection.execute(delete(tables.session).where(tables.session.c.ends_at < session.created_at))
    connection.execute(
        insert(tables.session).values(
            digest=session.digest,
            csrf=session.csrf,
            created_at=session.created_at,
            ends_at=session.ends_at,
            **_principal_row(session.principal),
        )
    )


def _session(connection: Connection, digest: str) -> Session | None:
    row = connection.execute(select(tables.session).where(tables.session.c.digest == digest)).one_or_none()
    if row is None:
        return None
    principal = Principal(row.principal, everywhere(_role(row.role)))
    return Session(row.digest, principal, row.csrf, row.created_at, row.ends_at)


def _end_session(connection: Connection, digest: str) -> None:
    connection.execute(delete(tables.session).where(tables.session.c.digest == digest))


def _principal_row(principal: Principal) -> dict[str, str | None]:
    return {"principal": principal.name, "role": None if principal.role is None else principal.role.value}


def _role(text: str | None) -> Role | None:
    return None if text is None else Role(text)

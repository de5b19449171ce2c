"""Sessions, by the SHA-256 of the cookie's secret."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, and_, delete, insert, or_, select, update

from sre_portal.core.account import Account
from sre_portal.core.errors import NotFound
from sre_portal.core.ports import Session, SessionSecrets
from sre_portal.store import tables
from sre_portal.store.accounts import accounts
from sre_portal.store.connection import Database
from sre_portal.store.epoch import Epoch
from sre_portal.store.memory import Memory


class Sessions:
    """`core.ports.SessionStore`."""

    def __init__(self, database: Database, epoch: Epoch) -> None:
        self._database = database
        self._epoch = epoch
        self._memory = Memory(database, epoch, _find)

    def on_change(self, tell: Callable[[], None]) -> None:
        self._epoch.on_change(tell)

    async def add(self, session: Session, secrets: SessionSecrets) -> None:
        await self._database.write(partial(_add, session=session, secrets=secrets))

    async def find(self, digest: str, *, seen_for: float = 0.0, anew: bool = False) -> Session | None:
        return await self._memory.get(digest, seen_for=seen_for, anew=anew)

    async def of_account(self, account_id: int) -> Sequence[Session]:
        """Newest first."""
        return await self._database.read(partial(_some, chosen=tables.session.c.account_id == account_id))

    async def of_provider(self, issuer: str, subject: str, provider_session: str) -> Sequence[Session]:
        """Those of a subject, or of one session of the provider; empty texts are not asked for."""
        wanted = [tables.account.c.issuer == issuer]
        if subject:
            wanted.append(tables.account.c.subject == subject)
        if provider_session:
            wanted.append(tables.session.c.provider_session == provider_session)
        if len(wanted) == 1:
            return ()
        return await self._database.read(partial(_some, chosen=and_(*wanted)))

    async def secrets(self, session_id: str) -> SessionSecrets:
        return await self._database.read(partial(_secrets, session_id=session_id))

    async def end(self, sessions: Sequence[Session]) -> None:
        """Returns when no replica believes them. Here that is at once, whatever the database says."""
        for session in sessions:
            self._memory.end(session.digest)
        if sessions:
            await self._epoch.change(partial(_end, ids=[session.id for session in sessions]))

    async def touch(self, session: Session, at: datetime) -> None:
        """It is used."""
        self._memory.change(session.digest, lambda known: replace(known, seen_at=at))
        await self._database.write(partial(_touch, session_id=session.id, at=at))

    async def rotate(self, session: Session, digest: str, held: str, at: datetime) -> bool:
        """Gives it a new secret. False where somebody else just did."""
        return await self._epoch.change(partial(_rotate, session=session, digest=digest, held=held, at=at))

    async def sweep(self, now: datetime, in_use_after: datetime) -> None:
        """Drops sessions whose time is over, and those that were not used since."""
        columns = tables.session.c
        over = (columns.ends_at <= now) | (columns.seen_at < in_use_after)
        await self._database.write(lambda connection: connection.execute(delete(tables.session).where(over)))

    async def claim_refresh(self, due_before: datetime, at: datetime, limit: int) -> Sequence[Session]:
        """Sessions whose provider should be asked again: no other replica gets the same."""
        return await self._database.write(partial(_claim, due_before=due_before, at=at, limit=limit))

    async def refreshed(self, session: Session, secrets: SessionSecrets) -> None:
        await self._database.write(partial(_refreshed, session_id=session.id, secrets=secrets))


def _add(connection: Connection, session: Session, secrets: SessionSecrets) -> None:
    connection.execute(delete(tables.session).where(tables.session.c.ends_at < session.created_at))
    connection.execute(
        insert(tables.session).values(
            digest=session.digest,
            id=session.id,
            previous=None,
            rotated_at=session.created_at,
            account_id=session.account.id,
            provider_session=session.provider_session,
            csrf=session.csrf,
            address=session.address,
            browser=session.browser,
            held=session.held,
            id_token=secrets.id_token,
            refresh_token=secrets.refresh_token,
            refreshed_at=session.created_at,
            created_at=session.created_at,
            seen_at=session.seen_at,
            ends_at=session.ends_at,
        )
    )


def _find(connection: Connection, digest: str) -> Session | None:
    columns = tables.session.c
    found = _some(connection, or_(columns.digest == digest, columns.previous == digest))
    return found[0] if found else None


def _some(connection: Connection, chosen: ColumnElement[bool]) -> list[Session]:
    joined = tables.session.join(tables.account, tables.account.c.id == tables.session.c.account_id)
    newest = tables.session.c.created_at.desc()
    rows = connection.execute(select(tables.session).select_from(joined).where(chosen).order_by(newest)).all()
    ids = {row.account_id for row in rows}
    owners = (
        {one.id: one for one in accounts(connection, tables.account.c.id.in_(ids), len(ids))} if ids else {}
    )
    return [_session(row, owners) for row in rows]


def _secrets(connection: Connection, session_id: str) -> SessionSecrets:
    row = connection.execute(select(tables.session).where(tables.session.c.id == session_id)).one_or_none()
    if row is None:
        raise NotFound("session", session_id)
    return SessionSecrets(row.id_token, row.refresh_token)


def _end(connection: Connection, ids: Sequence[str]) -> None:
    connection.execute(delete(tables.session).where(tables.session.c.id.in_(ids)))


def _touch(connection: Connection, session_id: str, at: datetime) -> None:
    connection.execute(update(tables.session).where(tables.session.c.id == session_id).values(seen_at=at))


def _rotate(connection: Connection, session: Session, digest: str, held: str, at: datetime) -> bool:
    columns = tables.session.c
    moved = connection.execute(
        update(tables.session)
        .where(columns.id == session.id, columns.digest == session.digest)
        .values(digest=digest, previous=session.digest, held=held, rotated_at=at)
    )
    return moved.rowcount == 1


def _claim(connection: Connection, due_before: datetime, at: datetime, limit: int) -> list[Session]:
    columns = tables.session.c
    due = (columns.refresh_token != "") & (columns.refreshed_at < due_before)
    ids = connection.scalars(select(columns.id).where(due).order_by(columns.refreshed_at).limit(limit)).all()
    claimed = [
        one
        for one in ids
        if connection.execute(
            update(tables.session).where(columns.id == one, due).values(refreshed_at=at)
        ).rowcount
    ]
    return _some(connection, columns.id.in_(claimed)) if claimed else []


def _refreshed(connection: Connection, session_id: str, secrets: SessionSecrets) -> None:
    told = {
        name: text
        for name, text in (("id_token", secrets.id_token), ("refresh_token", secrets.refresh_token))
        if text
    }
    if told:
        connection.execute(update(tables.session).where(tables.session.c.id == session_id).values(told))


def _session(row: Row[Any], owners: Mapping[int, Account]) -> Session:
    return Session(
        digest=row.digest,
        id=row.id,
        account=owners[row.account_id],
        csrf=row.csrf,
        created_at=row.created_at,
        seen_at=row.seen_at,
        ends_at=row.ends_at,
        provider_session=row.provider_session,
        address=row.address,
        browser=row.browser,
        held=row.held,
        rotated_at=row.rotated_at,
    )

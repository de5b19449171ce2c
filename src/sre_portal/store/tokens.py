"""Tokens, by the SHA-256 of what their holder shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from sre_portal.core.access import Role
from sre_portal.core.account import Account
from sre_portal.core.ports import Token
from sre_portal.store import tables
from sre_portal.store.accounts import accounts, dump_services, load_services
from sre_portal.store.connection import Database
from sre_portal.store.epoch import Epoch
from sre_portal.store.memory import Memory

SETTINGS, ISSUED = "settings", "issued"


class Tokens:
    """`core.ports.TokenStore`."""

    def __init__(self, database: Database, epoch: Epoch) -> None:
        self._database = database
        self._epoch = epoch
        self._memory = Memory(database, epoch, _find)

    async def find(self, digest: str, *, seen_for: float = 0.0, anew: bool = False) -> Token | None:
        return await self._memory.get(digest, seen_for=seen_for, anew=anew)

    async def all(self) -> Sequence[Token]:
        """By name."""
        return await self._database.read(_all)

    async def add(self, token: Token) -> None:
        """Raises `Conflict` where the name is taken."""
        await self._database.write(partial(_add, tokens=[token]))

    async def drop(self, name: str) -> Token | None:
        """Takes an issued token back; None where there is none. No replica believes it after."""
        gone = await self._epoch.change(partial(_drop, name=name))
        if gone is not None:
            self._memory.end(gone.digest)
        return gone

    async def used(self, name: str, at: datetime) -> None:
        await self._database.write(partial(_used, name=name, at=at))

    async def rotate(self, old: Token, new: Token, until: datetime) -> bool:
        """The old one is good until then, and the new one is added. False where the old one is another now.

        No replica believes the old one for longer. Raises `Conflict` where the name is taken.
        """
        return await self._epoch.change(partial(_rotate, old=old, new=new, until=until))

    async def replace_settings(self, tokens: Sequence[Token]) -> None:
        """These are the tokens of the settings, and no others. Raises `Conflict`: two have one digest."""
        await self._epoch.change(partial(_replace, tokens=tokens))


def _find(connection: Connection, digest: str) -> Token | None:
    row = connection.execute(select(tables.token).where(tables.token.c.digest == digest)).one_or_none()
    return None if row is None else _token(row, _owners(connection, [row]))


def _all(connection: Connection) -> list[Token]:
    rows = connection.execute(select(tables.token).order_by(tables.token.c.name)).all()
    owners = _owners(connection, rows)
    return [_token(row, owners) for row in rows]


def _owners(connection: Connection, rows: Sequence[Row[Any]]) -> Mapping[int, Account]:
    ids = {row.account_id for row in rows if row.account_id is not None}
    if not ids:
        return {}
    return {one.id: one for one in accounts(connection, tables.account.c.id.in_(ids), limit=len(ids))}


def _add(connection: Connection, tokens: Sequence[Token]) -> None:
    rows = [
        {
            "name": token.name,
            "digest": token.digest,
            "role": None if token.role is None else token.role.value,
            "services": dump_services(token.services),
            "service": token.service,
            "account_id": None if token.account is None else token.account.id,
            "origin": token.origin,
            "given_by": token.given_by,
            "created_at": token.created_at,
            "ends_at": token.ends_at,
            "used_at": token.used_at,
        }
        for token in tokens
    ]
    if rows:
        connection.execute(insert(tables.token), rows)


def _drop(connection: Connection, name: str) -> Token | None:
    chosen = (tables.token.c.name == name) & (tables.token.c.origin == ISSUED)
    row = connection.execute(select(tables.token).where(chosen)).one_or_none()
    if row is None:
        return None
    token = _token(row, _owners(connection, [row]))
    gone = connection.execute(delete(tables.token).where(chosen)).rowcount == 1
    return token if gone else None


def _used(connection: Connection, name: str, at: datetime) -> None:
    connection.execute(update(tables.token).where(tables.token.c.name == name).values(used_at=at))


def _rotate(connection: Connection, old: Token, new: Token, until: datetime) -> bool:
    """Of several who rotate one token at once, only the first finds its end as all of them read it."""
    columns = tables.token.c
    ends_at = columns.ends_at.is_(None) if old.ends_at is None else columns.ends_at == old.ends_at
    chosen = (columns.digest == old.digest) & ends_at
    if connection.execute(update(tables.token).where(chosen).values(ends_at=until)).rowcount != 1:
        return False
    _add(connection, [new])
    return True


def _replace(connection: Connection, tokens: Sequence[Token]) -> None:
    # Replicas start at once: the second waits here, and then sees, and deletes, what the first has added.
    connection.execute(select(tables.access_epoch.c.value).with_for_update())
    connection.execute(delete(tables.token).where(tables.token.c.origin == SETTINGS))
    _add(connection, tokens)


def _token(row: Row[Any], owners: Mapping[int, Account]) -> Token:
    return Token(
        name=row.name,
        digest=row.digest,
        role=None if row.role is None else Role(row.role),
        service=row.service,
        created_at=row.created_at,
        services=load_services(row.services),
        account=None if row.account_id is None else owners[row.account_id],
        ends_at=row.ends_at,
        used_at=row.used_at,
        given_by=row.given_by,
        origin=row.origin,
    )

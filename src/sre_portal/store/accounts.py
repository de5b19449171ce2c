"""Accounts, and the grants that people gave them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, delete, insert, or_, select, true, update

from sre_portal.core.access import Grant, Role
from sre_portal.core.account import Account, GivenGrant
from sre_portal.core.errors import NotFound
from sre_portal.core.whole import whole_in
from sre_portal.store import tables
from sre_portal.store.connection import Database
from sre_portal.store.dialect import added
from sre_portal.store.epoch import Epoch


class Accounts:
    """`core.ports.AccountStore`."""

    def __init__(self, database: Database, epoch: Epoch) -> None:
        self._database = database
        self._epoch = epoch

    async def get(self, account_id: int) -> Account:
        found = await self._database.read(partial(accounts, chosen=tables.account.c.id == account_id))
        if not found:
            raise NotFound("account", str(account_id))
        return found[0]

    async def named(self, text: str) -> Sequence[Account]:
        """Those whose id, name, e-mail or subject it is."""
        columns = tables.account.c
        chosen = or_(columns.name == text, columns.email == text, columns.subject == text)
        if (number := whole_in(text)) is not None:
            chosen = or_(chosen, columns.id == number)
        return await self._database.read(partial(accounts, chosen=chosen))

    async def all(self, limit: int = 500) -> Sequence[Account]:
        return await self._database.read(partial(accounts, chosen=true(), limit=limit))

    async def log_in(self, account: Account, at: datetime) -> Account:
        """The account of an issuer and subject, made where it is new, with what is known of it today."""
        known = await self._database.read(partial(_known, account=account))
        if known is not None and (known.groups, known.email) == (account.groups, account.email):
            return await self._database.write(partial(_log_in, account=account, at=at))
        return await self._epoch.change(partial(_log_in, account=account, at=at))

    async def block(self, account_id: int, *, blocked: bool) -> None:
        await self._epoch.change(partial(_block, account_id=account_id, blocked=blocked))

    async def give(self, given: GivenGrant) -> int:
        return await self._epoch.change(partial(_give, given=given))

    async def withdraw(self, grant_id: int) -> GivenGrant | None:
        return await self._epoch.change(partial(_withdraw, grant_id=grant_id))

    async def given(self, account_id: int | None = None) -> Sequence[GivenGrant]:
        return await self._database.read(partial(_given, account_id=account_id))


def accounts(connection: Connection, chosen: ColumnElement[bool], limit: int = 500) -> list[Account]:
    """Accounts with their grants, by name."""
    columns = tables.account.c
    rows = connection.execute(
        select(tables.account).where(chosen).order_by(columns.name, columns.id).limit(limit)
    ).all()
    granted: defaultdict[int, list[Grant]] = defaultdict(list)
    if rows:
        wanted = tables.role_grant.c.account_id.in_([row.id for row in rows])
        for grant in connection.execute(
            select(tables.role_grant).where(wanted).order_by(tables.role_grant.c.id)
        ):
            granted[grant.account_id].append(_grant(grant))
    return [replace(account_of(row), grants=tuple(granted[row.id])) for row in rows]


def account_of(row: Row[Any]) -> Account:
    """The account of a row, without its grants."""
    return Account(
        id=row.id,
        kind=row.kind,
        provider=row.provider,
        issuer=row.issuer,
        subject=row.subject,
        name=row.name,
        email=row.email,
        groups=tuple(json.loads(row.groups)),
        blocked=row.blocked,
        created_at=row.created_at,
        seen_at=row.seen_at,
    )


def dump_services(services: frozenset[str] | None) -> str | None:
    return None if services is None else json.dumps(sorted(services))


def load_services(text: str | None) -> frozenset[str] | None:
    return None if text is None else frozenset(json.loads(text))


def _known(connection: Connection, account: Account) -> Account | None:
    found = accounts(connection, _is(account))
    return found[0] if found else None


def _is(account: Account) -> ColumnElement[bool]:
    columns = tables.account.c
    return (columns.issuer == account.issuer) & (columns.subject == account.subject)


def _log_in(connection: Connection, account: Account, at: datetime) -> Account:
    told = {
        "provider": account.provider,
        "name": account.name,
        "email": account.email,
        "groups": json.dumps(account.groups),
        "seen_at": at,
    }
    new = {
        "kind": account.kind,
        "issuer": account.issuer,
        "subject": account.subject,
        "blocked": False,
        "created_at": at,
    }
    if not added(connection, tables.account, told | new):
        connection.execute(update(tables.account).where(_is(account)).values(told))
    return accounts(connection, _is(account))[0]


def _block(connection: Connection, account_id: int, blocked: bool) -> None:  # noqa: FBT001  # by keyword only
    chosen = tables.account.c.id == account_id
    if not connection.execute(update(tables.account).where(chosen).values(blocked=blocked)).rowcount:
        raise NotFound("account", str(account_id))


def _give(connection: Connection, given: GivenGrant) -> int:
    if not accounts(connection, tables.account.c.id == given.account_id):
        raise NotFound("account", str(given.account_id))
    grant_id: int = connection.execute(
        insert(tables.role_grant)
        .values(
            account_id=given.account_id,
            role=given.grant.role.value,
            services=dump_services(given.grant.services),
            ends_at=given.grant.ends_at,
            source=given.grant.source,
            reason=given.reason,
            given_by=given.by,
            created_at=given.created_at,
        )
        .returning(tables.role_grant.c.id)
    ).scalar_one()
    return grant_id


def _withdraw(connection: Connection, grant_id: int) -> GivenGrant | None:
    chosen = tables.role_grant.c.id == grant_id
    row = connection.execute(select(tables.role_grant).where(chosen)).one_or_none()
    gone = connection.execute(delete(tables.role_grant).where(chosen)).rowcount == 1
    return _given_grant(row) if row is not None and gone else None


def _given(connection: Connection, account_id: int | None) -> list[GivenGrant]:
    chosen = true() if account_id is None else tables.role_grant.c.account_id == account_id
    rows = connection.execute(select(tables.role_grant).where(chosen).order_by(tables.role_grant.c.id.desc()))
    return [_given_grant(row) for row in rows]


def _given_grant(row: Row[Any]) -> GivenGrant:
    return GivenGrant(row.id, row.account_id, _grant(row), row.reason, row.given_by, row.created_at)


def _grant(row: Row[Any]) -> Grant:
    return Grant(Role(row.role), load_services(row.services), row.ends_at, row.source)

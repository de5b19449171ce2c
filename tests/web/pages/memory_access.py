"""Who is known, as plain objects in memory: sessions, tokens, accounts, and what is good once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from sre_portal.core.access import Role
from sre_portal.core.account import Account, GivenGrant
from sre_portal.core.errors import NotFound
from sre_portal.core.ports import Session, SessionSecrets, Token


@dataclass
class Sessions:
    """`core.ports.SessionStore`."""

    held: dict[str, Session] = field(default_factory=dict)
    told: list[Callable[[], None]] = field(default_factory=list)
    hidden: dict[str, SessionSecrets] = field(default_factory=dict)

    def on_change(self, tell: Callable[[], None]) -> None:
        self.told.append(tell)

    async def add(self, session: Session, secrets: SessionSecrets) -> None:
        self.held[session.digest] = session
        self.hidden[session.id] = secrets

    async def find(self, digest: str, *, seen_for: float = 0.0, anew: bool = False) -> Session | None:
        return self.held.get(digest)

    async def of_account(self, account_id: int) -> Sequence[Session]:
        return [one for one in self.held.values() if one.account.id == account_id]

    async def of_provider(self, issuer: str, subject: str, provider_session: str) -> Sequence[Session]:
        return [
            one
            for one in self.held.values()
            if one.account.issuer == issuer
            and subject in {"", one.account.subject}
            and provider_session in {"", one.provider_session}
        ]

    async def secrets(self, session_id: str) -> SessionSecrets:
        return self.hidden[session_id]

    async def end(self, sessions: Sequence[Session]) -> None:
        for session in sessions:
            self.held.pop(session.digest, None)
        for tell in self.told:
            tell()

    async def touch(self, session: Session, at: datetime) -> None:
        self.held[session.digest] = replace(session, seen_at=at)

    async def rotate(self, session: Session, digest: str, held: str, at: datetime) -> bool:
        self.held.pop(session.digest)
        self.held[digest] = replace(session, digest=digest, held=held, rotated_at=at)
        return True

    async def sweep(self, now: datetime, in_use_after: datetime) -> None: ...

    async def claim_refresh(self, due_before: datetime, at: datetime, limit: int) -> Sequence[Session]:
        return ()

    async def refreshed(self, session: Session, secrets: SessionSecrets) -> None:
        self.hidden[session.id] = secrets


@dataclass
class Tokens:
    """`core.ports.TokenStore`."""

    held: dict[str, Token] = field(default_factory=dict)

    async def find(self, digest: str, *, seen_for: float = 0.0, anew: bool = False) -> Token | None:
        return next((one for one in self.held.values() if one.digest == digest), None)

    async def all(self) -> Sequence[Token]:
        return [self.held[name] for name in sorted(self.held)]

    async def add(self, token: Token) -> None:
        self.held[token.name] = token

    async def drop(self, name: str) -> Token | None:
        return self.held.pop(name, None)

    async def used(self, name: str, at: datetime) -> None:
        self.held[name] = replace(self.held[name], used_at=at)

    async def rotate(self, old: Token, new: Token, until: datetime) -> bool:
        now = self.held[old.name]
        if now.ends_at != old.ends_at:
            return False
        self.held |= {old.name: replace(now, ends_at=until), new.name: new}
        return True

    async def replace_settings(self, tokens: Sequence[Token]) -> None:
        issued = {name: one for name, one in self.held.items() if one.origin == "issued"}
        self.held = issued | {one.name: one for one in tokens}


@dataclass
class Accounts:
    """`core.ports.AccountStore`."""

    held: dict[int, Account] = field(default_factory=dict)
    grants: dict[int, GivenGrant] = field(default_factory=dict)

    async def get(self, account_id: int) -> Account:
        if account_id not in self.held:
            raise NotFound("account", str(account_id))
        given = tuple(one.grant for one in self.grants.values() if one.account_id == account_id)
        return replace(self.held[account_id], grants=given)

    async def named(self, text: str) -> Sequence[Account]:
        return [
            await self.get(one.id)
            for one in self.held.values()
            if text in {str(one.id), one.name, one.email, one.subject}
        ]

    async def all(self, limit: int = 500) -> Sequence[Account]:
        return [await self.get(one.id) for one in sorted(self.held.values(), key=lambda one: one.name)]

    async def log_in(self, account: Account, at: datetime) -> Account:
        key = account.issuer, account.subject
        known = next((one for one in self.held.values() if (one.issuer, one.subject) == key), None)
        number = known.id if known else len(self.held) + 1
        created = known.created_at if known else at
        self.held[number] = replace(account, id=number, created_at=created, seen_at=at)
        return await self.get(number)

    async def block(self, account_id: int, *, blocked: bool) -> None:
        self.held[account_id] = replace(self.held[account_id], blocked=blocked)

    async def give(self, given: GivenGrant) -> int:
        number = max(self.grants, default=0) + 1
        self.grants[number] = replace(given, id=number)
        return number

    async def withdraw(self, grant_id: int) -> GivenGrant | None:
        return self.grants.pop(grant_id, None)

    async def given(self, account_id: int | None = None) -> Sequence[GivenGrant]:
        found = [one for one in self.grants.values() if account_id in {None, one.account_id}]
        return found[::-1]


@dataclass
class Logins:
    """`core.ports.LoginStore`."""

    links: dict[str, tuple[str, Role]] = field(default_factory=dict)
    attempts: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    seen_tokens: dict[tuple[str, str], datetime] = field(default_factory=dict)

    async def add_link(self, digest: str, person: str, role: Role, ends_at: datetime) -> None:
        self.links[digest] = person, role

    async def take_link(self, digest: str, now: datetime) -> tuple[str, Role] | None:
        return self.links.pop(digest, None)

    async def add_attempt(
        self, digest: str, browser: str, provider: str, sealed: str, ends_at: datetime, now: datetime
    ) -> None:
        self.attempts[digest] = browser, provider, sealed

    async def take_attempt(self, digest: str, now: datetime) -> tuple[str, str, str] | None:
        return self.attempts.pop(digest, None)

    async def first_seen(self, issuer: str, jti: str, ends_at: datetime, now: datetime) -> bool:
        new = (issuer, jti) not in self.seen_tokens
        self.seen_tokens[issuer, jti] = ends_at
        return new

    async def note(self, issuer: str, jti: str, ends_at: datetime) -> None:
        self.seen_tokens[issuer, jti] = ends_at

    async def seen_until(self, issuer: str, jti: str, now: datetime) -> datetime | None:
        return self.seen_tokens.get((issuer, jti))


@dataclass
class Notices:
    """`core.ports.Notices`: what was told."""

    told: list[str] = field(default_factory=list)

    async def send(self, text: str) -> None:
        self.told.append(text)

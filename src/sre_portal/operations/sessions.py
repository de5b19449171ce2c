"""Sessions: opened at login, looked up at every request, ended from anywhere."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256

from sre_portal.core.access import Permission, Principal, Role
from sre_portal.core.account import Account
from sre_portal.core.errors import InvalidInput, NotFound, Problem, StoreUnavailable
from sre_portal.core.grant_rule import principal_of
from sre_portal.core.ports import Session, SessionSecrets
from sre_portal.operations.audited import Act, audited, intent_of, recorded
from sre_portal.operations.ports import Ports

TOUCH = timedelta(minutes=1)
"""How exactly it is known when a session was last used."""
GRACE = timedelta(minutes=5)
"""So long the secret before the present one is believed: an answer that brought the new one may be lost."""
ONLY_PROGRAM = (
    "Your only role is program, which is for tokens: it asks for flags and opens no page. "
    "An administrator can give you another one"
)
UNDER_WAY = timedelta(seconds=2)
"""Requests that come this soon after a change of the secret were sent before its answer."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a request comes from."""

    address: str = ""
    browser: str = ""
    """The browser's own words, for the device list."""


def digest_of(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def new_secret() -> str:
    """256 random bits."""
    return secrets.token_urlsafe(32)


async def new_session(
    ports: Ports,
    account: Account,
    origin: Origin,
    *,
    provider_session: str = "",
    kept: SessionSecrets | None = None,
) -> tuple[str, Session]:
    """The secret of a new session of an account, and the session. Whoever calls writes the audit."""
    now, secret = ports.clock.now(), new_secret()
    session = Session(
        digest=digest_of(secret),
        id=secrets.token_hex(8),
        account=account,
        csrf=secrets.token_urlsafe(24),
        created_at=now,
        seen_at=now,
        ends_at=now + ports.policy.session_lasts,
        provider_session=provider_session,
        address=origin.address,
        browser=origin.browser[:300],
        held=_held(ports, account, now),
    )
    await ports.sessions.add(session, kept or SessionSecrets())
    return secret, session


async def session_of(ports: Ports, secret: str, *, seen_for: float = 0.0) -> Session | None:
    """The session a cookie stands for; None where it is unknown, ended, over, or unused for too long."""
    digest = digest_of(secret)
    session = await ports.sessions.find(digest, seen_for=seen_for)
    if session is not None and is_idle(ports, session):  # here: another replica may have seen it used
        session = await ports.sessions.find(digest, seen_for=seen_for, anew=True)
    now = ports.clock.now()
    if session is None or is_over(ports, session):
        return None
    if session.digest != digest and now > (session.rotated_at or now) + GRACE:
        return None
    return session


def is_idle(ports: Ports, session: Session) -> bool:
    """Whether it was not used for too long, as far as is known here."""
    return ports.clock.now() >= session.seen_at + ports.policy.session_idle


def is_over(ports: Ports, session: Session) -> bool:
    return ports.clock.now() >= session.ends_at or is_idle(ports, session)


def principal_in(ports: Ports, session: Session) -> Principal:
    """Whoever has a session, with what the account may now."""
    policy = ports.policy
    who = principal_of(session.account, policy.rules, ports.environment, session=session.id)
    who = who.at(ports.clock.now())
    return replace(who, hint=ONLY_PROGRAM) if who.role is Role.PROGRAM else who


async def note_use(ports: Ports, session: Session) -> None:
    """Remembers that a session is used. What cannot be written now is not worth a refusal."""
    now = ports.clock.now()
    if now - session.seen_at < TOUCH:
        return
    try:
        await ports.sessions.touch(session, now)
    except StoreUnavailable:
        return


async def renewed_secret(ports: Ports, session: Session, shown: str) -> str | None:
    """A new secret for a session whose account may something else than when the last one was made.

    Also for a browser that still shows the one before: the answer that brought it the new one was lost.
    """
    now = ports.clock.now()
    held = _held(ports, session.account, now)
    was_lost = digest_of(shown) != session.digest and now > (session.rotated_at or now) + UNDER_WAY
    if held == session.held and not was_lost:
        return None
    secret = new_secret()
    return secret if await ports.sessions.rotate(session, digest_of(secret), held, now) else None


async def close_session(ports: Ports, session: Session, origin: Origin) -> None:
    """Somebody logs out."""
    who = principal_in(ports, session)
    async with recorded(ports, intent_of(ports, who, origin.address, "session:close", "own session")):
        await ports.sessions.end([session])


async def sign_out_everywhere(ports: Ports, session: Session, origin: Origin) -> int:
    """Ends every session of whoever asks, this one too. Returns how many there were."""
    sessions = await ports.sessions.of_account(session.account.id)
    who = principal_in(ports, session)
    what = f"{len(sessions)} own sessions"
    async with recorded(ports, intent_of(ports, who, origin.address, "session:close", what)):
        await ports.sessions.end(sessions)
    return len(sessions)


async def end_own_session(ports: Ports, session: Session, session_id: str, origin: Origin) -> None:
    """Ends another session of the same person. Raises `NotFound`."""
    own = await ports.sessions.of_account(session.account.id)
    chosen = [one for one in own if one.id == session_id]
    if not chosen:
        raise NotFound("session", session_id)
    who = principal_in(ports, session)
    async with recorded(
        ports, intent_of(ports, who, origin.address, "session:close", f"session {session_id}")
    ):
        await ports.sessions.end(chosen)


async def end_sessions_of(ports: Ports, actor: Principal, account: Account, reason: str, address: str) -> int:
    """Throws somebody out everywhere. Raises `InvalidInput` without a reason."""
    sessions: Sequence[Session] = await ports.sessions.of_account(account.id)
    subject = f"{len(sessions)} sessions of {account.name} (account:{account.id})"
    async with audited(ports, Act(actor, Permission.ACCESS_CHANGE, subject, address, reason=reason)):
        if not reason.strip():
            raise InvalidInput([Problem("reason", "nothing", "why, in a few words")])
        await ports.sessions.end(sessions)
    return len(sessions)


def _held(ports: Ports, account: Account, now: datetime) -> str:
    """Stands for all that an account may at an instant."""
    who = principal_of(account, ports.policy.rules, ports.environment).at(now)
    grants = sorted(
        (one.role.value, "*" if one.services is None else ",".join(sorted(one.services)))
        for one in who.grants
    )
    return sha256(json.dumps(grants).encode()).hexdigest()[:16]

"""Login links, sessions and tokens. Only their SHA-256 is kept."""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256

from sre_portal.core.access import Principal, Role
from sre_portal.core.errors import NotAuthenticated
from sre_portal.core.ports import Session, Token
from sre_portal.operations.audited import conclude
from sre_portal.operations.ports import Ports

LOGIN_LASTS = timedelta(hours=12)
SESSION_LASTS = timedelta(hours=12)


def digest_of(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


async def issue_login(ports: Ports, principal: Principal) -> str:
    """A new one-time login secret for a principal."""
    secret = secrets.token_urlsafe(32)
    await ports.access.add_login(digest_of(secret), principal, ports.clock.now() + LOGIN_LASTS)
    return secret


async def open_session(ports: Ports, login_secret: str, address: str) -> str:
    """Uses a login link up and returns the secret of a new session. Raises `NotAuthenticated`."""
    now = ports.clock.now()
    event = await ports.audit.intend(now, "login link", "session:open", "a session", address, "")
    principal = await ports.access.take_login(digest_of(login_secret), now)
    if principal is None:
        await conclude(ports, event, "denied", "the link is unknown, used or too old")
        raise NotAuthenticated("this login link is unknown, was used already, or is too old")
    secret = secrets.token_urlsafe(32)
    await ports.access.add_session(
        Session(digest_of(secret), principal, secrets.token_urlsafe(24), now, now + SESSION_LASTS)
    )
    await conclude(ports, event, "done", f"of {principal.name}")
    return secret


async def close_session(ports: Ports, session: Session, address: str) -> None:
    event = await ports.audit.intend(
        ports.clock.now(), session.principal.name, "session:close", "own", address, ""
    )
    await ports.access.end_session(session.digest)
    await conclude(ports, event, "done")


async def session_of(ports: Ports, secret: str) -> Session | None:
    """The session a cookie stands for; None where it is unknown or over."""
    session = await ports.access.session(digest_of(secret))
    return session if session and ports.clock.now() < session.ends_at else None


async def token_of(ports: Ports, secret: str) -> Token | None:
    return await ports.access.token(digest_of(secret))


async def register_tokens(ports: Ports, admin: str, agents: dict[str, str]) -> None:
    """Puts the tokens of the settings in force, and no others."""
    now = ports.clock.now()
    tokens = [Token("admin", digest_of(admin), Role.ADMIN, None, now)] if admin else []
    tokens += [
        Token(f"agent:{service}", digest_of(secret), None, service, now) for service, secret in agents.items()
    ]
    await ports.access.replace_tokens(tokens)

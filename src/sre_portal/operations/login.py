"""Logging in: by a one-time link, or at a login provider and back; and being logged out by a provider."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import timedelta
from hmac import compare_digest

from sre_portal.core.access import Grant, Principal, Role
from sre_portal.core.account import LOCAL, Account, GivenGrant
from sre_portal.core.errors import (
    LoginRefused,
    NotAuthenticated,
    NotFound,
    PortalError,
    ProviderUnavailable,
    StoreUnavailable,
)
from sre_portal.core.login import Attempt, Identity
from sre_portal.core.ports import LoginProvider, Session, SessionSecrets
from sre_portal.operations.audited import conclude, intent_of, recorded
from sre_portal.operations.ports import Ports
from sre_portal.operations.sessions import Origin, digest_of, new_secret, new_session

LINK_LASTS = timedelta(hours=12)
ATTEMPT_LASTS = timedelta(minutes=10)
ASK_AGAIN = timedelta(minutes=5)
"""How often a provider is asked whether somebody is still who they were."""
ASKED_AT_ONCE = 20

BY_LINK = "login link"
NOBODY = Principal("nobody", id="nobody")


async def issue_link(ports: Ports, person: str, role: Role) -> str:
    """The secret of a new one-time login link."""
    secret = new_secret()
    await ports.logins.add_link(digest_of(secret), person, role, ports.clock.now() + LINK_LASTS)
    return secret


async def use_link(ports: Ports, secret: str, origin: Origin) -> tuple[str, Session]:
    """Uses a login link up. The secret of the new session, and the session. Raises `NotAuthenticated`."""
    now = ports.clock.now()
    by_link = Principal(BY_LINK, id="link")
    event = await ports.audit.intend(
        intent_of(ports, by_link, origin.address, "session:open", "a login link")
    )
    taken = await ports.logins.take_link(digest_of(secret), now)
    if taken is None:
        await conclude(ports, event, "denied", "the link is unknown, used or too old")
        raise NotAuthenticated("this login link is unknown, was used already, or is too old")
    account = await _local_account(ports, *taken)
    opened, session = await new_session(ports, account, origin)
    await conclude(ports, event, "done", f"session {session.id} of {account.name} (account:{account.id})")
    return opened, session


async def begin_login(ports: Ports, provider_name: str, browser: str, return_to: str) -> str:
    """The address to send a browser to. `browser` is a secret that only this browser has."""
    provider = provider_named(ports, provider_name)
    redirect_uri = f"{ports.policy.url}/login/callback/{provider_name}"
    address, attempt = await provider.begin(redirect_uri, local_path(return_to))
    await ports.logins.add_attempt(
        digest_of(attempt.state),
        digest_of(browser),
        provider_name,
        ports.keys.seal(json.dumps(asdict(attempt))),
        ports.clock.now() + ATTEMPT_LASTS,
    )
    return address


async def finish_login(
    ports: Ports, provider_name: str, query: Mapping[str, Sequence[str]], browser: str, origin: Origin
) -> tuple[str, Session, str]:
    """The secret of the new session, the session, and where the person wanted to go.

    Raises `LoginRefused` or `ProviderUnavailable`; both are in the audit log by then.
    """
    provider = provider_named(ports, provider_name)
    async with _told(ports, origin, "session:open", f"a login at {provider_name}") as outcome:
        attempt = await _attempt(ports, provider_name, query, browser)
        identity = await provider.finish(attempt, query)
        account = await ports.accounts.log_in(_account(identity), ports.clock.now())
        if account.blocked:
            raise LoginRefused(
                f"blocked: account:{account.id}", "This account is blocked. Ask an administrator."
            )
        kept = SessionSecrets(_sealed(ports, identity.id_token), _sealed(ports, identity.refresh_token))
        opened, session = await new_session(
            ports, account, origin, provider_session=identity.session_id, kept=kept
        )
        outcome.append(f"session {session.id} of {account.name} (account:{account.id})")
        return opened, session, attempt.return_to


async def obey_logout(ports: Ports, provider_name: str, logout_token: str, origin: Origin) -> int:
    """A provider says that somebody logged out there. Returns how many sessions ended, on every replica.

    Raises `LoginRefused` for a token that is not sound, not ours, or was shown before.
    """
    provider = provider_named(ports, provider_name)
    async with _told(ports, origin, "session:end", f"a logout told by {provider_name}") as outcome:
        claim = await provider.logout_claim(logout_token)
        if not await ports.logins.first_seen(claim.issuer, claim.jti, claim.ends_at, ports.clock.now()):
            raise LoginRefused("jti: this logout token was shown before")
        sessions = await ports.sessions.of_provider(claim.issuer, claim.subject, claim.session_id)
        await ports.sessions.end(sessions)
        names = ", ".join(f"{one.id} of {one.account.name}" for one in sessions)
        outcome.append(f"{len(sessions)} sessions: {names}" if sessions else "no session of that person")
        return len(sessions)


async def logout_address(ports: Ports, session: Session) -> str:
    """Where a browser has to go so that the provider ends its session too; empty where that is not so."""
    provider = ports.policy.providers.get(session.account.provider)
    if provider is None:
        return ""
    try:
        kept = await ports.sessions.secrets(session.id)
        id_token = ports.keys.unseal(kept.id_token) if kept.id_token else None
        return await provider.logout_url(id_token or "", f"{ports.policy.url}/login", new_secret()) or ""
    except (ProviderUnavailable, StoreUnavailable, NotFound):
        return ""  # the session here ends all the same


async def ask_providers_again(ports: Ports) -> None:
    """Asks the providers whether people are still who they were: groups change, and people leave."""
    if not ports.policy.providers:
        return
    now = ports.clock.now()
    for session in await ports.sessions.claim_refresh(now - ASK_AGAIN, now, ASKED_AT_ONCE):
        if (provider := ports.policy.providers.get(session.account.provider)) is not None:
            await _ask_again(ports, provider, session)


async def _ask_again(ports: Ports, provider: LoginProvider, session: Session) -> None:
    kept = await ports.sessions.secrets(session.id)
    token = ports.keys.unseal(kept.refresh_token)
    try:
        identity = None if token is None else await provider.refresh(token)
    except ProviderUnavailable:
        return  # a provider that is down leaves sessions working
    except LoginRefused as refused:
        identity, why = None, refused.reason
    else:
        why = "the provider says that the login is over"
    if identity is None or (identity.issuer, identity.subject) != _key(session.account):
        by = Principal(f"provider {provider.name}", id=f"provider:{provider.name}")
        subject = f"session {session.id} of {session.account.name} (account:{session.account.id})"
        async with recorded(ports, intent_of(ports, by, "", "session:end", subject, reason=why)):
            await ports.sessions.end([session])
        return
    await ports.accounts.log_in(_account(identity), ports.clock.now())
    await ports.sessions.refreshed(
        session, SessionSecrets(_sealed(ports, identity.id_token), _sealed(ports, identity.refresh_token))
    )


def provider_named(ports: Ports, name: str) -> LoginProvider:
    """Raises `NotFound`."""
    if (provider := ports.policy.providers.get(name)) is None:
        raise NotFound("login provider", name)
    return provider


def local_path(text: str) -> str:
    """A path of this portal to go to after login; the overview where it leads anywhere else."""
    plain = text.startswith("/") and not text.startswith(("//", "/\\", "/login")) and len(text) <= 500
    return text if plain and text.isprintable() and "\\" not in text else "/"


async def _attempt(
    ports: Ports, provider_name: str, query: Mapping[str, Sequence[str]], browser: str
) -> Attempt:
    """What was remembered when this browser began. It is used up by being looked at."""
    states = query.get("state", ())
    if len(states) != 1 or not states[0]:
        raise LoginRefused("state: missing or given twice")
    found = await ports.logins.take_attempt(digest_of(states[0]), ports.clock.now())
    if found is None:
        raise LoginRefused("state: unknown, used before, or too old")
    held_by, begun_at, sealed = found
    if not compare_digest(held_by, digest_of(browser)):
        raise LoginRefused("browser: another browser began this login")
    if begun_at != provider_name:
        raise LoginRefused(f"provider: the login was begun at {begun_at}")
    opened = ports.keys.unseal(sealed)
    if opened is None:
        raise LoginRefused("attempt: it was sealed with a key that is gone")
    return Attempt(**json.loads(opened))


@asynccontextmanager
async def _told(ports: Ports, origin: Origin, action: str, subject: str) -> AsyncIterator[list[str]]:
    """Writes what a stranger tries before it is tried, and how it ended. What came of it goes in the list."""
    event = await ports.audit.intend(intent_of(ports, NOBODY, origin.address, action, subject))
    outcome: list[str] = []
    try:
        yield outcome
    except LoginRefused as refused:
        await conclude(ports, event, "denied", refused.reason)
        raise
    except ProviderUnavailable as down:
        await conclude(ports, event, "failed", down.reason)
        raise
    except BaseException as failure:
        await conclude(ports, event, "failed", str(failure) if isinstance(failure, PortalError) else "a bug")
        raise
    await conclude(ports, event, "done", "; ".join(outcome))


async def _local_account(ports: Ports, person: str, role: Role) -> Account:
    """The account behind a login link, with the role the link was made for and no other of a link."""
    now = ports.clock.now()
    told = Account(0, "person", "link", LOCAL, f"link:{person}", person)
    account = await ports.accounts.log_in(told, now)
    by_link = [one for one in await ports.accounts.given(account.id) if one.grant.source == BY_LINK]
    if [one.grant.role for one in by_link] != [role]:
        for one in by_link:
            await ports.accounts.withdraw(one.id)
        grant = Grant(role, source=BY_LINK)
        await ports.accounts.give(GivenGrant(0, account.id, grant, "a login link was used", "portal", now))
        account = await ports.accounts.get(account.id)
    return account


def _account(identity: Identity) -> Account:
    return Account(
        id=0,
        kind="person",
        provider=identity.provider,
        issuer=identity.issuer,
        subject=identity.subject,
        name=identity.name,
        email=identity.email,
        groups=identity.groups,
    )


def _key(account: Account) -> tuple[str, str]:
    return account.issuer, account.subject


def _sealed(ports: Ports, text: str) -> str:
    return ports.keys.seal(text) if text else ""

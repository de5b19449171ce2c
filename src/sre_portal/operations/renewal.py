"""Asking providers again whether people are still who they were: groups change, and people leave."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import structlog

from sre_portal.core.access import Principal
from sre_portal.core.account import Account
from sre_portal.core.errors import LoginRefused, PortalError, ProviderUnavailable
from sre_portal.core.login import Identity
from sre_portal.core.ports import LoginProvider, Session
from sre_portal.operations.audited import intent_of, recorded
from sre_portal.operations.login import account_of, sealed
from sre_portal.operations.ports import Ports

log = structlog.get_logger("sre_portal.login")

ASK_AGAIN = timedelta(minutes=5)
AT_ONCE = 10
KEY_GONE = "the refresh token was sealed with a key that is gone"


async def ask_providers_again(ports: Ports) -> None:
    """Asks for every session that is due; sessions that are over go. A provider that is down ends none."""
    now = ports.clock.now()
    in_use_after = now - ports.policy.session_idle
    await ports.sessions.sweep(now, in_use_after)
    if not ports.policy.providers:
        return
    while due := await ports.sessions.claim_refresh(now - ASK_AGAIN, now, AT_ONCE):
        await asyncio.gather(*(_ask(ports, session) for session in due))


async def _ask(ports: Ports, session: Session) -> None:
    """What fails for one session is nothing to the others."""
    provider = ports.policy.providers.get(session.account.provider)
    if provider is None:
        return
    try:
        await _ask_again(ports, provider, session)
    except PortalError as failed:
        log.warning("a login could not be renewed", session=session.id, error=str(failed))


async def _ask_again(ports: Ports, provider: LoginProvider, session: Session) -> None:
    kept = await ports.sessions.secrets(session.id)
    token = ports.keys.unseal(kept.refresh_token)
    if token is None:
        await _end(ports, provider, session, KEY_GONE)
        return
    try:
        identity = await provider.refresh(token)
    except ProviderUnavailable:
        return
    except LoginRefused as refused:
        await _end(ports, provider, session, refused.reason)
        return
    if identity is None:
        await _end(ports, provider, session, "the provider says that the login is over")
    elif (identity.issuer, identity.subject) != (session.account.issuer, session.account.subject):
        await _end(ports, provider, session, "the provider names somebody else")
    else:
        await _keep(ports, provider, session, identity)


async def _keep(ports: Ports, provider: LoginProvider, session: Session, identity: Identity) -> None:
    """What the provider says now counts from now on, if this is the newest login of the person.

    An older one may have been made with fewer scopes, and would take away what the newer one brought.
    """
    newest = (await ports.sessions.of_account(session.account.id))[0]
    if newest.id != session.id:
        await ports.sessions.refreshed(session, sealed(ports, identity))
        return
    told = account_of(identity)
    before, after = _facts(session.account), _facts(told)
    if before == after:
        await ports.accounts.log_in(told, ports.clock.now())
    else:
        subject = f"account:{session.account.id} {session.account.name}"
        by = _by(provider)
        intent = intent_of(ports, by, "", "account:renew", subject, before=before, after=after)
        async with recorded(ports, intent):
            await ports.accounts.log_in(told, ports.clock.now())
    await ports.sessions.refreshed(session, sealed(ports, identity))


async def _end(ports: Ports, provider: LoginProvider, session: Session, why: str) -> None:
    subject = f"session {session.id} of {session.account.name} (account:{session.account.id})"
    intent = intent_of(ports, _by(provider), "", "session:end", subject, reason=why)
    async with recorded(ports, intent):
        await ports.sessions.end([session])


def _by(provider: LoginProvider) -> Principal:
    return Principal(f"provider {provider.name}", id=f"provider:{provider.name}")


def _facts(account: Account) -> Mapping[str, object]:
    """What the rules look at."""
    return {"name": account.name, "email": account.email, "groups": sorted(account.groups)}

"""Being logged out by a provider, and logging out there too."""

from __future__ import annotations

from datetime import timedelta

from sre_portal.core.access import Principal
from sre_portal.core.errors import LoginRefused, NotFound, ProviderUnavailable, StoreUnavailable
from sre_portal.core.ports import LoginProvider, Session
from sre_portal.operations.audited import intent_of, recorded
from sre_portal.operations.ports import Ports
from sre_portal.operations.sessions import Origin, new_secret

UNDER_WAY = timedelta(minutes=10)
"""So long a login may be under way while the session it comes from is ended at the provider."""


async def obey_logout(ports: Ports, provider: LoginProvider, logout_token: str, origin: Origin) -> int:
    """A provider says that somebody logged out there. Returns how many sessions ended, on every replica.

    Raises `LoginRefused` for a token that is not sound, not ours, or was shown before. Where the sessions
    could not be ended the token is good for another try.
    """
    claim = await provider.logout_claim(logout_token)
    now = ports.clock.now()
    by = Principal(f"provider {provider.name}", id=f"provider:{provider.name}")
    subject = f"a logout told by {provider.name}"
    async with recorded(ports, intent_of(ports, by, origin.address, "session:end", subject)) as record:
        if not await ports.logins.first_seen(claim.issuer, claim.jti, claim.ends_at, now):
            raise LoginRefused("jti: this logout token was shown before")
        try:
            if claim.session_id:
                await ports.logins.first_seen(claim.issuer, _ended(claim.session_id), now + UNDER_WAY, now)
            sessions = await ports.sessions.of_provider(claim.issuer, claim.subject, claim.session_id)
            await ports.sessions.end(sessions)
        except BaseException:
            await ports.logins.unsee(claim.issuer, claim.jti)
            raise
        names = ", ".join(f"{one.id} of {one.account.name}" for one in sessions)
        record.detail = f"{len(sessions)} sessions: {names}" if sessions else "no session of that person"
        return len(sessions)


async def was_ended(ports: Ports, issuer: str, session_id: str) -> bool:
    """Whether a provider has lately said that this session of its own is over."""
    return bool(session_id) and await ports.logins.seen(issuer, _ended(session_id), ports.clock.now())


async def kept_id_token(ports: Ports, session: Session) -> str:
    """The ID token of a session's login, empty where there is none. Read before the session ends."""
    try:
        kept = await ports.sessions.secrets(session.id)
    except (StoreUnavailable, NotFound):
        return ""
    return (ports.keys.unseal(kept.id_token) or "") if kept.id_token else ""


async def logout_address(ports: Ports, session: Session, id_token: str) -> str:
    """Where a browser has to go so that the provider ends its session too; empty where that is not so."""
    provider = ports.policy.providers.get(session.account.provider)
    if provider is None:
        return ""
    try:
        return await provider.logout_url(id_token, f"{ports.policy.url}/login", new_secret()) or ""
    except ProviderUnavailable:
        return ""  # the session here has ended all the same


def _ended(session_id: str) -> str:
    """Stands beside the names of logout tokens, and looks like none of them."""
    return f"ended session {session_id}"

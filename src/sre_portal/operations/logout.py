"""Being logged out by a provider, and logging out there too."""

from __future__ import annotations

from datetime import datetime, timedelta

from sre_portal.core.access import Principal
from sre_portal.core.errors import LoginRefused, NotFound, ProviderUnavailable, StoreUnavailable
from sre_portal.core.login import Identity
from sre_portal.core.ports import LoginProvider, Session
from sre_portal.operations.audited import intent_of, recorded
from sre_portal.operations.ports import Ports
from sre_portal.operations.sessions import Origin, new_secret

UNDER_WAY = timedelta(minutes=10)
"""So long a login may be under way while the session it comes from is ended at the provider."""
REPLAYED = "jti: this logout token was shown before"


async def obey_logout(ports: Ports, provider: LoginProvider, logout_token: str, origin: Origin) -> int:
    """A provider says that somebody logged out there. Returns how many sessions ended, on every replica.

    Raises `LoginRefused` for a token that is not sound, not ours, or was shown before. It counts as shown
    when the sessions have ended: where they could not be, the provider tries again with the same one.
    """
    claim = await provider.logout_claim(logout_token)
    now = ports.clock.now()
    by = Principal(f"provider {provider.name}", id=f"provider:{provider.name}")
    subject = f"a logout told by {provider.name}"
    async with recorded(ports, intent_of(ports, by, origin.address, "session:end", subject)) as record:
        if await ports.logins.seen_until(claim.issuer, claim.jti, now) is not None:
            raise LoginRefused(REPLAYED)
        await ports.logins.note(claim.issuer, _ended(claim.session_id, claim.subject), now + UNDER_WAY)
        sessions = await ports.sessions.of_provider(claim.issuer, claim.subject, claim.session_id)
        await ports.sessions.end(sessions)
        if not await ports.logins.first_seen(claim.issuer, claim.jti, claim.ends_at, now):
            raise LoginRefused(REPLAYED)
        names = ", ".join(f"{one.id} of {one.account.name}" for one in sessions)
        record.detail = f"{len(sessions)} sessions: {names}" if sessions else "no session of that person"
        return len(sessions)


async def was_ended(ports: Ports, identity: Identity, begun_at: datetime) -> bool:
    """Whether a provider has said that a login is over that was begun then and is not finished yet."""
    now = ports.clock.now()
    if identity.session_id and await ports.logins.seen_until(
        identity.issuer, _ended(identity.session_id), now
    ):
        return True
    until = await ports.logins.seen_until(identity.issuer, _ended("", identity.subject), now)
    return until is not None and until - UNDER_WAY >= begun_at


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


def _ended(session_id: str, subject: str = "") -> str:
    """Stands beside the names of logout tokens, and looks like none of them."""
    return f"ended session {session_id}" if session_id else f"ended subject {subject}"

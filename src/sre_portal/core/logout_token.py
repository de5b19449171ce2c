"""What a logout token must say to be believed: OpenID Connect Back-Channel Logout 1.0, section 2.6."""

from __future__ import annotations

from datetime import datetime, timedelta

from sre_portal.core.errors import LoginRefused
from sre_portal.core.id_token import LOGOUT_EVENT
from sre_portal.core.jwt import Claims, check_origin, check_times, required_instant, text
from sre_portal.core.login import LogoutClaim

TYPES = ("logout+jwt", "jwt")

OLDEST = timedelta(minutes=10)

LONGEST_LIFE = timedelta(hours=1)
"""From issue to expiry. Whatever it says, a token is refused after `OLDEST`."""


def check_logout_token(
    claims: Claims, issuer: str, client_id: str, now: datetime, skew: timedelta
) -> LogoutClaim:
    """Judges the claims of a logout token whose signature holds. Raises `LoginRefused`."""
    check_origin(claims, issuer, client_id)
    issued_at = check_times(claims, now, skew, OLDEST)
    expires_at = required_instant(claims, "exp")
    if expires_at - issued_at > LONGEST_LIFE:
        raise LoginRefused("exp: a logout token is not good for longer than an hour")
    _check_event(claims)
    if "nonce" in claims:
        raise LoginRefused("nonce: a logout token has none, this is an ID token")
    jti = text(claims, "jti")
    if not jti:
        raise LoginRefused("jti: the token has none")
    subject, session_id = text(claims, "sub"), text(claims, "sid")
    if not subject and not session_id:
        raise LoginRefused("sub: the token names neither a subject nor a session")
    ends_at = min(expires_at, issued_at + OLDEST) + skew
    return LogoutClaim(issuer, subject, session_id, jti, ends_at)


def _check_event(claims: Claims) -> None:
    events = claims.get("events")
    if events is None:
        raise LoginRefused("events: the token has none")
    if not isinstance(events, dict) or LOGOUT_EVENT not in events:
        raise LoginRefused("events: the token tells no logout")
    if not isinstance(events[LOGOUT_EVENT], dict):
        raise LoginRefused("events: the logout that the token tells is not an object")

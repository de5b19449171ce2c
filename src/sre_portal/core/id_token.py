"""What an ID token must say to be believed: OpenID Connect Core 1.0, section 3.1.3.7, and a little more."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sre_portal.core.errors import LoginRefused
from sre_portal.core.jwt import Claims, check_origin, check_times, instant, text
from sre_portal.core.login import same

TYPES = ("jwt",)
"""What `typ` may say. Never `at+jwt` or `logout+jwt`: those are other tokens of the same issuer."""

OLDEST = timedelta(minutes=10)
"""An ID token comes straight from the token endpoint, so it is new."""

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the token is held against. `nonce` None: a refreshed token, which has none or an old one."""

    issuer: str
    client_id: str
    skew: timedelta
    nonce: str | None = field(default=None, repr=False)
    access_token: str = field(default="", repr=False)
    code: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Proven:
    """What an ID token proves."""

    subject: str
    session_id: str
    authenticated_at: datetime


def check_id_token(claims: Claims, algorithm: str, asked: Asked, now: datetime) -> Proven:
    """Judges the claims of an ID token whose signature holds. Raises `LoginRefused`."""
    check_origin(claims, asked.issuer, asked.client_id)
    issued_at = check_times(claims, now, asked.skew, OLDEST)
    _check_nonce(claims, asked.nonce)
    subject = text(claims, "sub")
    if not subject:
        raise LoginRefused("sub: the token has none")
    events = claims.get("events")
    if isinstance(events, dict) and LOGOUT_EVENT in events:
        raise LoginRefused("events: the token tells a logout, not a login")
    _check_hash(claims, "at_hash", asked.access_token, algorithm)
    _check_hash(claims, "c_hash", asked.code, algorithm)
    authenticated_at = instant(claims, "auth_time") or issued_at
    if authenticated_at > now + asked.skew:
        raise LoginRefused("auth_time: it is in the future")
    return Proven(subject, text(claims, "sid"), authenticated_at)


def _check_nonce(claims: Claims, nonce: str | None) -> None:
    if nonce is None:
        return
    told = claims.get("nonce")
    if told is None:
        raise LoginRefused("nonce: the token has none")
    if not isinstance(told, str) or not same(told, nonce):
        raise LoginRefused("nonce: the token is of another login")


def _check_hash(claims: Claims, name: str, value: str, algorithm: str) -> None:
    told = claims.get(name)
    if told is None or not value:
        return
    if not isinstance(told, str) or not same(told, half_hash(value, algorithm)):
        raise LoginRefused(f"{name}: the token belongs to another answer")


def half_hash(value: str, algorithm: str) -> str:
    """The left half of the hash that goes with an algorithm, as `at_hash` and `c_hash` hold it."""
    name = f"sha{algorithm[2:]}" if algorithm[2:].isdigit() else "sha512"  # EdDSA and Ed25519 use SHA-512
    digest = hashlib.new(name, value.encode()).digest()
    return base64.urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()

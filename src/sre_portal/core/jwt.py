"""The form of a signed token: its three parts, its header, its claims. `clients.jwks` checks signatures."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sre_portal.core.complaint import shown
from sre_portal.core.errors import LoginRefused

LARGEST_TOKEN = 64 * 1024
"""Characters. An ID token with some hundred groups has about 10,000."""

ALGORITHMS: Mapping[str, str] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), "RSA"),
    **dict.fromkeys(("ES256", "ES384", "ES512"), "EC"),
    **dict.fromkeys(("EdDSA", "Ed25519"), "OKP"),
}
"""Algorithm -> type of its key. Asymmetric ones only, so that a public key is never taken for a secret."""

_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")

_NOT_FROM_THE_TOKEN = ("jwk", "jku", "x5u", "crit", "b64", "zip")
"""A token that brings its own key, or asks for rules that are not kept here."""

_FIRST_YEAR, _LAST_YEAR = 946_684_800, 32_503_680_000
"""Seconds since the epoch: the years 2000 and 3000."""

Claims = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Header:
    algorithm: str
    key_id: str | None


def read_header(token: str, allowed: Collection[str], types: Collection[str]) -> Header:
    """The header of a compact token, before its signature is looked at.

    `allowed` are algorithms, `types` the values of `typ` that are right, in lower case; none is right too.
    Raises `LoginRefused`.
    """
    if len(token) > LARGEST_TOKEN:
        raise LoginRefused(f"oversized: the token has more than {LARGEST_TOKEN} characters")
    segments = token.split(".")
    if len(segments) == 5:
        raise LoginRefused("form: the token is encrypted")
    if len(segments) != 3:
        raise LoginRefused(f"form: the token has {len(segments)} parts in place of 3")
    header = read_claims(_decoded(segments[0], "header"), "header")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise LoginRefused(f"alg: {shown(algorithm)} is not an algorithm that is trusted here")
    if algorithm not in allowed:
        raise LoginRefused(f"alg: {algorithm} is not one that the provider says it signs with")
    for name in _NOT_FROM_THE_TOKEN:
        if name in header:
            raise LoginRefused(f"header: the token brings {name}")
    kind = header.get("typ")
    if kind is not None and (not isinstance(kind, str) or _plain_type(kind) not in types):
        raise LoginRefused(f"typ: the token is of type {shown(kind)}")
    key_id = header.get("kid")
    if key_id is not None and not isinstance(key_id, str):
        raise LoginRefused("kid: it is not a text")
    if not _SEGMENT.fullmatch(segments[2]):
        raise LoginRefused("signature: the token has none")
    return Header(algorithm, key_id)


def read_claims(raw: bytes, part: str = "claims") -> Claims:
    """The JSON object of a part of a token. Raises `LoginRefused`, also for a key that is there twice."""
    try:
        value = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise LoginRefused(f"form: the {part} of the token cannot be read") from None
    if not isinstance(value, dict):
        raise LoginRefused(f"form: the {part} of the token are not an object")
    return value


def instant(claims: Claims, name: str) -> datetime | None:
    """A time claim; None where it is absent. Raises `LoginRefused` for anything but seconds since 1970."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124  # NaN
        raise LoginRefused(f"{name}: it is not a number of seconds")
    if not _FIRST_YEAR <= value <= _LAST_YEAR:  # also without end, and too long for a float
        raise LoginRefused(f"{name}: it is not an instant of this age")
    return datetime.fromtimestamp(value, UTC)


def required_instant(claims: Claims, name: str) -> datetime:
    """A time claim that must be there. Raises `LoginRefused`."""
    found = instant(claims, name)
    if found is None:
        raise LoginRefused(f"{name}: the token has none")
    return found


def text(claims: Claims, name: str, longest: int = 255) -> str:
    """A text claim, empty where it is absent. Raises `LoginRefused` for anything else than printable text."""
    value = claims.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise LoginRefused(f"{name}: it is not a text")
    if not value or len(value) > longest or not value.isprintable():
        raise LoginRefused(f"{name}: it is not a text of 1 to {longest} printable characters")
    return value


def check_origin(claims: Claims, issuer: str, client_id: str) -> None:
    """That a token is from the issuer and for this client. Raises `LoginRefused`."""
    if "iss" not in claims:
        raise LoginRefused("iss: the token has none")
    if claims["iss"] != issuer:
        raise LoginRefused(f"iss: the token is from {shown(claims['iss'])}")
    audiences = claims.get("aud")
    if audiences is None:
        raise LoginRefused("aud: the token has none")
    named: Sequence[object] = audiences if isinstance(audiences, list) else [audiences]
    if client_id not in named:
        raise LoginRefused(f"aud: the token is for {shown(named[0] if len(named) == 1 else named)}")
    authorized = claims.get("azp")
    if authorized is None and len(named) > 1:
        raise LoginRefused("azp: the token is for several clients and does not say which one asked")
    if authorized is not None and authorized != client_id:
        raise LoginRefused(f"azp: {shown(authorized)} asked for the token")


def check_times(claims: Claims, now: datetime, skew: timedelta, oldest: timedelta) -> datetime:
    """That a token is in force and was issued lately; returns when it was issued. Raises `LoginRefused`."""
    ends_at, issued_at = required_instant(claims, "exp"), required_instant(claims, "iat")
    if now >= ends_at + skew:
        raise LoginRefused("exp: the token has expired")
    if issued_at > now + skew:
        raise LoginRefused("iat: the token is from the future")
    if issued_at < now - oldest - skew:
        raise LoginRefused(f"iat: the token is older than {oldest // timedelta(minutes=1)} minutes")
    not_before = instant(claims, "nbf")
    if not_before is not None and not_before > now + skew:
        raise LoginRefused("nbf: the token is not in force yet")
    return issued_at


def _decoded(segment: str, part: str) -> bytes:
    try:
        if not _SEGMENT.fullmatch(segment):
            raise ValueError(segment)
        return base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (ValueError, binascii.Error):
        raise LoginRefused(f"form: the {part} of the token is not base64url") from None


def _plain_type(kind: str) -> str:
    return kind.lower().removeprefix("application/")


def _once(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")

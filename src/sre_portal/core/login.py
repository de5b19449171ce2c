"""A login at a provider: what is remembered while the browser is away, what comes back, what is checked."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sre_portal.core.complaint import shown
from sre_portal.core.errors import LoginRefused

LONGEST_PARAMETER = 4096
"""Characters of one callback parameter. Codes of real providers stay below 2,000."""

CANCELLED = "The login was ended at the provider. Start it again from the login page."

UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"

_ONCE = ("code", "state", "iss", "error")


@dataclass(frozen=True, slots=True)
class Attempt:
    """One login under way. Plain texts, so it can be kept as JSON; bind it to the browser and use it once."""

    provider: str
    state: str = field(repr=False)
    nonce: str = field(repr=False)
    verifier: str = field(repr=False)
    redirect_uri: str
    return_to: str


@dataclass(frozen=True, slots=True)
class Identity:
    """Who logged in, as a provider vouches for it. `issuer` and `subject` are the key, nothing else is."""

    provider: str
    issuer: str
    subject: str
    name: str
    email: str
    """Only one that the provider has verified; empty otherwise."""
    groups: tuple[str, ...]
    authenticated_at: datetime
    """When the person last proved who they are to the provider, as far as it says."""
    session_id: str = ""
    """The provider's session (`sid`), which a logout may name; empty where it has none."""
    id_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class LogoutClaim:
    """A logout that a provider told, verified. The caller refuses a `jti` that it saw before `ends_at`."""

    issuer: str
    subject: str
    """Empty where the token names only a session."""
    session_id: str
    """Empty: all sessions of the subject."""
    jti: str
    ends_at: datetime
    """From then on the token is refused for its age, and its `jti` can be forgotten."""


def check_callback(
    attempt: Attempt, query: Mapping[str, Sequence[str]], issuers: Sequence[str], *, iss_promised: bool
) -> str:
    """The code of a callback. `issuers` are the spellings of `iss` that are right here, see RFC 9207.

    Raises `LoginRefused`. The state is looked at first: without it nothing else is this browser's.
    """
    told = {name: _single(query, name) for name in _ONCE}
    _check_state(attempt, told["state"])
    _check_issuer(told["iss"], issuers, promised=iss_promised)
    if (error := told["error"]) is not None:
        sentence = CANCELLED if error == "access_denied" else LoginRefused.AGAIN
        raise LoginRefused(f"error: the provider answered {shown(error)}", sentence)
    if "response" in query or "id_token" in query or "access_token" in query:
        raise LoginRefused("response: the callback brings tokens, and only a code was asked for")
    if told["code"] is None:
        raise LoginRefused("code: the callback brings none")
    if not told["code"]:
        raise LoginRefused("code: it is empty")
    return told["code"]


def groups_at(claims: Mapping[str, object], path: str) -> tuple[str, ...] | None:
    """The groups at a claim or a dotted path into one; None where there is nothing.

    A claim whose whole name is the path goes first, for names that hold dots themselves. One text is one
    group. Raises `LoginRefused` where there is something that is no list of texts, or none to print.
    """
    found = claim_at(claims, path)
    match found:
        case None:
            return None
        case str():
            found = [found] if found else []
        case _:
            pass
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise LoginRefused(f"groups: the claim {path} is not a list of texts")
    if len(found) > 2000 or any(len(one) > 1024 for one in found):
        raise LoginRefused(f"groups: the claim {path} is too long")
    return printable_groups(found, f"in the claim {path}")


def printable_groups(groups: Sequence[str], place: str) -> tuple[str, ...]:
    """Each group once, without empty ones.

    Raises `LoginRefused` where one has characters that do not print: administrators read groups in a
    terminal, which obeys some of them, and one that is left out would be another group.
    """
    if not all(one.isprintable() for one in groups):
        raise LoginRefused(f"groups: a group {place} has characters that cannot be printed")
    return tuple(dict.fromkeys(one for one in groups if one))


def claim_at(claims: Mapping[str, object], path: str) -> object:
    """The value at a claim or a dotted path; None where there is none."""
    if path in claims:
        return claims[path]
    found: object = claims
    for key in path.split("."):
        if not isinstance(found, Mapping) or key not in found:
            return None
        found = found[key]
    return found


def display_name(claims: Mapping[str, object], path: str, otherwise: str) -> str:
    """What people read: the claim, or else. At most 100 characters, all of them printable.

    What is not printable is replaced, not left out: the name would become that of somebody else.
    """
    found = claim_at(claims, path)
    for one in (found, claims.get("name"), claims.get("email"), otherwise):
        if isinstance(one, str) and any(map(str.isprintable, one)) and (cut := one.strip()[:100]):
            return "".join(each if each.isprintable() else UNPRINTABLE for each in cut)
    return "somebody"


def verified_email(claims: Mapping[str, object], *, trusted: bool) -> str:
    """The e-mail address if the provider calls it verified; `trusted` believes one it says nothing of."""
    email, verified = claims.get("email"), claims.get("email_verified")
    if not isinstance(email, str) or not is_plain_address(email):
        return ""
    return email if verified is True or (trusted and verified is None) else ""


def is_plain_address(email: str) -> bool:
    """Whether it can be compared: in ASCII, since the lower case of the Kelvin sign is the letter k."""
    is_readable = email.isascii() and email.isprintable() and " " not in email
    return len(email) <= 254 and is_readable and "@" in email


def check_required(claims: Mapping[str, object], required: Mapping[str, Sequence[str]]) -> None:
    """Raises `LoginRefused` unless each required claim is, or holds, one of its values."""
    for path, values in required.items():
        found = claim_at(claims, path)
        told = found if isinstance(found, list) else [found]
        if not any(isinstance(one, str) and one in values for one in told):
            sentence = "Your account at the provider is not one of those that may log in here."
            raise LoginRefused(f"requireClaims: {path} is {shown(found)}", sentence)


def same(left: str, right: str) -> bool:
    """Whether two secrets are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(*(one.encode(errors="surrogatepass") for one in (left, right)))


def _single(query: Mapping[str, Sequence[str]], name: str) -> str | None:
    values = query.get(name, ())
    if len(values) > 1:
        raise LoginRefused(f"repeated: the callback has {name} more than once")
    if values and len(values[0]) > LONGEST_PARAMETER:
        raise LoginRefused(f"oversized: {name} has more than {LONGEST_PARAMETER} characters")
    return values[0] if values else None


def _check_state(attempt: Attempt, state: str | None) -> None:
    if not attempt.state or not attempt.nonce or not attempt.verifier:
        raise LoginRefused("attempt: no login is under way in this browser")
    if state is None:
        raise LoginRefused("state: the callback brings none")
    if not state:
        raise LoginRefused("state: it is empty")
    if not same(state, attempt.state):
        raise LoginRefused("state: it is of another login or another browser")


def _check_issuer(iss: str | None, issuers: Sequence[str], *, promised: bool) -> None:
    if iss is None:
        if promised:
            raise LoginRefused("callback iss: it is missing, and the provider promises it")
    elif iss not in issuers:
        raise LoginRefused(f"callback iss: it is {shown(iss)}")

"""Attacks on a login, as data: callbacks, ID tokens and logout tokens that must all be refused.

A hostile callback is made out of an honest one, a hostile token out of the claims of an honest one, signed at
`forge.py`, the stand-in for a hostile provider. `reason` is how the refusal begins: the check, and what is
wrong. Every one is different, so that an attack is refused for what it is and not by luck.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from sre_portal.core.id_token import LOGOUT_EVENT
from tests.providers.forge import (
    ELLIPTIC,
    ENCRYPTING,
    EVIL,
    SECRET,
    SHORT,
    SIGNING,
    Claims,
    Forge,
    Forgery,
    confused,
    encoded,
    sign,
    sign_bytes,
    unsigned,
)

Query = dict[str, list[str]]


@dataclass(frozen=True)
class HostileCallback:
    """`make` turns the parameters of an honest callback into those of the attack."""

    name: str
    reason: str
    make: Callable[[Query], Query]
    kind: Literal["callback"] = "callback"


@dataclass(frozen=True)
class HostileToken:
    """`make` turns the claims of an honest token into the token of the attack."""

    name: str
    kind: Literal["id_token", "logout_token"]
    reason: str
    make: Forgery


def said(**values: str | list[str] | None) -> Callable[[Query], Query]:
    """Parameters replaced; None takes one away, a list gives it several times."""

    def change(query: Query) -> Query:
        changed = query | {
            name: value if isinstance(value, list) else [value]
            for name, value in values.items()
            if value is not None
        }
        return {name: told for name, told in changed.items() if values.get(name, "") is not None}

    return change


def twice(name: str) -> Callable[[Query], Query]:
    return lambda query: query | {name: [*query.get(name, ["x"]), "x"]}


def claiming(**values: object) -> Forgery:
    """An honestly signed token with other claims; None takes one away, a callable gets the old value."""

    def change(_: Forge, claims: Claims) -> str:
        changed = claims | {
            name: value(claims.get(name)) if callable(value) else value for name, value in values.items()
        }
        return sign({name: value for name, value in changed.items() if value is not None})

    return change


def later(seconds: int) -> Callable[[object], int]:
    return lambda at: (at if isinstance(at, int) else 0) + seconds


def encrypted(_: Forge, claims: Claims) -> str:
    return f"{sign(claims)}.AAAA.AAAA"


def repeated_claim(_: Forge, claims: Claims) -> str:
    body = b'{"sub": "mallory", ' + json.dumps(claims).encode()[1:]
    return sign_bytes(b'{"alg": "RS256", "kid": "signing"}', body, SIGNING, "RS256")


CALLBACKS = (
    HostileCallback("no state", "state: the callback brings none", said(state=None)),
    HostileCallback("an empty state", "state: it is empty", said(state="")),
    HostileCallback("the state of another browser", "state: it is of another login", said(state="A" * 43)),
    HostileCallback("two states", "repeated: the callback has state", twice("state")),
    HostileCallback("two codes", "repeated: the callback has code", twice("code")),
    HostileCallback("two issuers", "repeated: the callback has iss", twice("iss")),
    HostileCallback("two errors", "repeated: the callback has error", said(error=["a", "b"])),
    HostileCallback("an oversized state", "oversized: state", said(state="A" * 5000)),
    HostileCallback("an oversized code", "oversized: code", said(code="A" * 5000)),
    HostileCallback("an oversized issuer", "oversized: iss", said(iss="https://" + "a" * 5000)),
    HostileCallback("no issuer where it is promised", "callback iss: it is missing", said(iss=None)),
    HostileCallback("an empty issuer", 'callback iss: it is ""', said(iss="")),
    HostileCallback(
        "mixed up with another provider",
        'callback iss: it is "https://evil.example"',
        said(iss="https://evil.example"),
    ),
    HostileCallback(
        "an issuer with one slash more",
        'callback iss: it is "http://127.0.0.1',
        lambda query: query | {"iss": [f"{query['iss'][0]}/"]},
    ),
    HostileCallback("no code", "code: the callback brings none", said(code=None)),
    HostileCallback("an empty code", "code: it is empty", said(code="")),
    HostileCallback("a stolen code", 'code: the provider answers "invalid_grant"', said(code="stolen")),
    HostileCallback(
        "an error beside a code", 'error: the provider answered "access_denied"', said(error="access_denied")
    ),
    HostileCallback(
        "an error with markup",
        'error: the provider answered "<script>',
        said(error="<script>alert(1)</script>", code=None),
    ),
    HostileCallback("tokens of the implicit flow", "response: the callback brings", said(id_token="a.b.c")),
)


def _of_any_kind(kind: Literal["id_token", "logout_token"]) -> tuple[HostileToken, ...]:
    """Attacks on the form, the signature and the origin of a token, whatever it is for."""
    made: tuple[tuple[str, str, Forgery], ...] = (
        ("algorithm none", 'alg: "none"', lambda _, claims: unsigned(claims, "none")),
        ("algorithm nOnE", 'alg: "nOnE"', lambda _, claims: unsigned(claims, "nOnE")),
        ("no algorithm", "alg: nothing", lambda _, claims: sign(claims, alg=None)),
        (
            "the public key as a secret",
            'alg: "HS256"',
            lambda _, claims: confused(claims),
        ),
        (
            "a secret among the keys",
            'alg: "HS512"',
            lambda _, claims: sign(claims, SECRET, "HS512"),
        ),
        (
            "an algorithm that the provider does not use",
            "alg: RS512",
            lambda _, claims: sign(claims, algorithm="RS512"),
        ),
        ("a key of somebody else", "signature: it is not", lambda _, claims: sign(claims, EVIL)),
        (
            "a signature taken away",
            "signature: the token has none",
            lambda _, claims: f"{sign(claims).rpartition('.')[0]}.",
        ),
        (
            "a key that nobody knows",
            'kid: the provider has no key "unknown"',
            lambda _, claims: sign(claims, EVIL, kid="unknown"),
        ),
        (
            "a path for a key",
            'kid: the provider has no key "../../dev/null"',
            lambda _, claims: sign(claims, EVIL, kid="../../dev/null"),
        ),
        ("a key id that is a number", "kid: it is not a text", lambda _, claims: sign(claims, kid=7)),
        (
            "no key id where there are several keys",
            "kid: the token names no key",
            lambda _, claims: sign(claims, kid=None),
        ),
        (
            "a key for encryption",
            "key: that of the token is not one for signatures with RS256",
            lambda _, claims: sign(claims, ENCRYPTING),
        ),
        (
            "a key of another type",
            "key: that of the token is not one for signatures with ES256",
            lambda _, claims: sign(claims, ELLIPTIC, "ES256", kid="signing"),
        ),
        (
            "a short key",
            "key: that of the token has fewer",
            lambda _, claims: sign(claims, SHORT),
        ),
        (
            "its own key in the header",
            "header: the token brings jwk",
            lambda _, claims: sign(claims, EVIL, jwk=EVIL.as_dict(private=False)),
        ),
        (
            "its own key behind an address",
            "header: the token brings jku",
            lambda _, claims: sign(claims, EVIL, jku="https://evil.example/keys"),
        ),
        (
            "its own certificate behind an address",
            "header: the token brings x5u",
            lambda _, claims: sign(claims, EVIL, x5u="https://evil.example/cert"),
        ),
        (
            "rules of its own",
            "header: the token brings crit",
            lambda _, claims: sign(claims, crit=["exp"], exp=9),
        ),
        (
            "a body that is not encoded",
            "header: the token brings b64",
            lambda _, claims: sign(claims, b64=True),
        ),
        (
            "an access token",
            'typ: the token is of type "at+jwt"',
            lambda _, claims: sign(claims, typ="at+jwt"),
        ),
        ("two parts", "form: the token has 2 parts", lambda _, claims: sign(claims).rpartition(".")[0]),
        ("no token at all", "form: the token has 1 parts", lambda _, __: "token"),
        ("an encrypted token", "form: the token is encrypted", encrypted),
        (
            "a header that is not base64url",
            "form: the header of the token is not base64url",
            lambda _, claims: f"=+/{sign(claims)}",
        ),
        (
            "an algorithm told twice",
            "form: the header of the token cannot be read",
            lambda _, claims: sign_bytes(
                b'{"alg": "none", "alg": "RS256", "kid": "signing"}',
                json.dumps(claims).encode(),
                SIGNING,
                "RS256",
            ),
        ),
        (
            "a header that is a list",
            "form: the header of the token are not an object",
            lambda _, claims: f"{encoded(b'[]').decode()}.{sign(claims).partition('.')[2]}",
        ),
        ("a claim told twice", "form: the claims of the token cannot be read", repeated_claim),
        ("claims that are a list", "form: the claims of the token are not", lambda _, __: sign([1, 2])),
        ("an oversized token", "oversized: the token", claiming(padding="A" * 70_000)),
        (
            "another issuer",
            'iss: the token is from "https://evil.example"',
            claiming(iss="https://evil.example"),
        ),
        ("no issuer", "iss: the token has none", claiming(iss=None)),
        ("another client", 'aud: the token is for "other"', claiming(aud="other")),
        ("other clients", "aud: the token is for a list", claiming(aud=["other", "another"])),
        ("no client", "aud: the token has none", claiming(aud=None)),
        (
            "several clients, none of which asked",
            "azp: the token is for",
            claiming(aud=["sre-portal", "other"]),
        ),
        ("another client asked", 'azp: "other" asked', claiming(azp="other")),
        ("expired", "exp: the token has expired", claiming(exp=later(-3600))),
        ("without an end", "exp: the token has none", claiming(exp=None)),
        ("an end in words", "exp: it is not a number", claiming(exp="tomorrow")),
        ("an end beyond all time", "exp: it is not an instant", claiming(exp=10**15)),
        ("without a beginning", "iat: the token has none", claiming(iat=None)),
        ("from the future", "iat: the token is from the future", claiming(iat=later(3600), exp=later(7200))),
        ("an old one", "iat: the token is older", claiming(iat=later(-3600))),
        ("not in force yet", "nbf: the token is not in force", claiming(nbf=4_000_000_000)),
    )
    return tuple(HostileToken(name, kind, reason, make) for name, reason, make in made)


ID_TOKENS = (
    *_of_any_kind("id_token"),
    HostileToken(
        "a logout token by its type",
        "id_token",
        'typ: the token is of type "logout+jwt"',
        lambda _, claims: sign(claims, typ="logout+jwt"),
    ),
    HostileToken("no nonce", "id_token", "nonce: the token has none", claiming(nonce=None)),
    HostileToken(
        "replayed from another login", "id_token", "nonce: the token is of another", claiming(nonce="A" * 43)
    ),
    HostileToken("no subject", "id_token", "sub: the token has none", claiming(sub=None)),
    HostileToken(
        "an endless subject", "id_token", "sub: it is not a text of 1 to 255", claiming(sub="a" * 256)
    ),
    HostileToken("a subject that is a number", "id_token", "sub: it is not a text", claiming(sub=7)),
    HostileToken("of another access token", "id_token", "at_hash: ", claiming(at_hash="A" * 22)),
    HostileToken("of another code", "id_token", "c_hash: ", claiming(c_hash="A" * 22)),
    HostileToken(
        "a login in the future", "id_token", "auth_time: it is in the future", claiming(auth_time=later(3600))
    ),
    HostileToken("a login at no time", "id_token", "auth_time: it is not a number", claiming(auth_time=[1])),
    HostileToken(
        "a logout with a nonce",
        "id_token",
        "events: the token tells a logout",
        claiming(events={LOGOUT_EVENT: {}}),
    ),
    HostileToken("groups that are none", "id_token", "groups: ", claiming(groups={"admin": True})),
    HostileToken("a session that is a list", "id_token", "sid: it is not a text", claiming(sid=["a"])),
)

LOGOUT_TOKENS = (
    *_of_any_kind("logout_token"),
    HostileToken("no event", "logout_token", "events: the token has none", claiming(events=None)),
    HostileToken(
        "another event",
        "logout_token",
        "events: the token tells no logout",
        claiming(events={"https://x": {}}),
    ),
    HostileToken(
        "an event that is a word",
        "logout_token",
        "events: the logout that the token tells",
        claiming(events={LOGOUT_EVENT: "now"}),
    ),
    HostileToken("a nonce", "logout_token", "nonce: a logout token has none", claiming(nonce="n")),
    HostileToken("no id", "logout_token", "jti: the token has none", claiming(jti=None)),
    HostileToken("an endless id", "logout_token", "jti: it is not a text of", claiming(jti="a" * 300)),
    HostileToken("an id that is a number", "logout_token", "jti: it is not a text", claiming(jti=7)),
    HostileToken(
        "about nobody", "logout_token", "sub: the token names neither", claiming(sub=None, sid=None)
    ),
    HostileToken("a subject that is a list", "logout_token", "sub: it is not a text", claiming(sub=["a"])),
    HostileToken("good for years", "logout_token", "exp: a logout token", claiming(exp=later(10**8))),
)

HOSTILE: tuple[HostileCallback | HostileToken, ...] = (*CALLBACKS, *ID_TOKENS, *LOGOUT_TOKENS)

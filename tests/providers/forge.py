"""A stand-in for a hostile or broken provider: it signs whatever it is told to.

An honest provider (`idp.py`) never produces most of these tokens, so they are forged here. The endpoints are
those of a small OpenID Connect provider; `Forge.forge` replaces the ID token of the next logins.
"""

import base64
import hmac
import json
import warnings
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from secrets import token_urlsafe
from urllib.parse import urlencode

from joserfc import jws
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey
from starlette.applications import Starlette
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from sre_portal.core.id_token import LOGOUT_EVENT
from tests.providers.served import served

CLIENT_ID = "sre-portal"
CLIENT_SECRET = "the secret of the portal at the forge"

Claims = dict[str, object]
Forgery = Callable[["Forge", Claims], str]
"""Makes a token out of the claims that an honest one would have."""

SIGNING = RSAKey.generate_key(2048, {"kid": "signing", "use": "sig"})
ELLIPTIC = ECKey.generate_key("P-256", {"kid": "elliptic", "use": "sig", "alg": "ES256"})
ENCRYPTING = RSAKey.generate_key(2048, {"kid": "encrypting", "use": "enc"})
with warnings.catch_warnings(action="ignore"):  # that it is short is the point
    SHORT = RSAKey.generate_key(1024, {"kid": "short", "use": "sig"})
SECRET = OctKey.import_key("a secret that the provider should not show", {"kid": "secret", "use": "sig"})
EVIL = RSAKey.generate_key(2048, {"kid": "signing"})
"""Not the provider's, though it says so."""


@dataclass
class Forge:
    """The provider. Claims of the next logins are `claims`, over what an honest provider says."""

    issuer: str = ""
    subject: str = "alice"
    session_id: str = "session-of-alice"
    claims: Claims = field(default_factory=lambda: {"groups": ["sre"], "preferred_username": "alice"})
    userinfo: Claims = field(default_factory=dict)
    answer: Claims = field(default_factory=dict)
    """Over what the token endpoint says: None takes something away."""
    discovery: Claims = field(default_factory=dict)
    """Over the discovery document."""
    forge: Forgery | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)  # noqa: TID251
    keys: list[RSAKey | ECKey | OctKey] = field(
        default_factory=lambda: [SIGNING, ELLIPTIC, ENCRYPTING, SHORT, SECRET]
    )
    down: bool = False
    asked: list[str] = field(default_factory=list)
    nonces: dict[str, str] = field(default_factory=dict, repr=False)

    def honest_claims(self, nonce: str) -> Claims:
        """What an ID token says that must be believed."""
        at = int(self.now().timestamp())
        return {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT_ID,
            "exp": at + 300,
            "iat": at,
            "auth_time": at - 60,
            "nonce": nonce,
            "sid": self.session_id,
            **self.claims,
        }

    def logout_claims(self) -> Claims:
        """What a logout token says that must be believed."""
        at = int(self.now().timestamp())
        return {
            "iss": self.issuer,
            "sub": self.subject,
            "aud": CLIENT_ID,
            "exp": at + 120,
            "iat": at,
            "jti": token_urlsafe(16),
            "sid": self.session_id,
            "events": {LOGOUT_EVENT: {}},
        }

    def app(self) -> Starlette:
        routes = [
            Route("/.well-known/openid-configuration", self._discovery),
            Route("/keys", self._keys),
            Route("/authorize", self._authorize),
            Route("/token", self._token, methods=["POST"]),
            Route("/userinfo", self._userinfo),
        ]
        return Starlette(routes=routes)

    async def _discovery(self, _: Request) -> Response:
        told = {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "userinfo_endpoint": f"{self.issuer}/userinfo",
            "end_session_endpoint": f"{self.issuer}/logout",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "none", "HS256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
            "authorization_response_iss_parameter_supported": True,
            **self.discovery,
        }
        return self._told("discovery", {key: value for key, value in told.items() if value is not None})

    async def _keys(self, _: Request) -> Response:
        shown = [key.as_dict(private=isinstance(key, OctKey)) for key in self.keys]
        return self._told("keys", {"keys": shown})

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        code = token_urlsafe(16)
        self.nonces[code] = asked["nonce"]
        answer = urlencode({"code": code, "state": asked["state"], "iss": self.issuer})
        return RedirectResponse(f"{asked['redirect_uri']}?{answer}", 302)

    async def _token(self, request: Request) -> Response:
        form = await request.form()
        if _text(form, "client_secret") != CLIENT_SECRET:
            return JSONResponse({"error": "invalid_client"}, 401)
        nonce = self.nonces.pop(_text(form, "code"), None)
        if nonce is None and not _text(form, "refresh_token").startswith("refresh-"):
            return JSONResponse({"error": "invalid_grant"}, 400)
        claims = self.honest_claims(nonce or "")
        if nonce is None:
            claims.pop("nonce")
        token = self.forge(self, claims) if self.forge else sign(claims)
        told = {
            "access_token": "access",
            "token_type": "Bearer",
            "refresh_token": "refresh-1",
            "id_token": token,
            **self.answer,
        }
        return self._told("token", {key: value for key, value in told.items() if value is not None})

    async def _userinfo(self, request: Request) -> Response:
        if request.headers.get("authorization") != "Bearer access":
            return Response(status_code=401)
        return self._told("userinfo", {"sub": self.subject, **self.userinfo})

    def _told(self, endpoint: str, value: Mapping[str, object]) -> Response:
        self.asked.append(endpoint)
        return Response(status_code=503) if self.down else JSONResponse(dict(value))


def sign(
    claims: object,
    key: RSAKey | ECKey | OctKey = SIGNING,
    algorithm: str = "RS256",
    **header: object,
) -> str:
    """A signed token. Header members given as None are left out."""
    told = {"alg": algorithm, "kid": key.kid, "typ": "JWT", **header}
    kept = {name: value for name, value in told.items() if value is not None}
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    return sign_bytes(json.dumps(kept).encode(), body, key, algorithm)


def sign_bytes(header: bytes, body: bytes, key: RSAKey | ECKey | OKPKey | OctKey, algorithm: str) -> str:
    """A token with exactly these bytes, however wrong they are, and a signature that holds."""
    signed = b".".join((encoded(header), encoded(body)))
    model = jws.JWSRegistry.algorithms[algorithm]
    return b".".join((signed, encoded(model.sign(signed, key)))).decode()


def unsigned(claims: object, algorithm: str) -> str:
    """A token with an empty signature."""
    header = json.dumps({"alg": algorithm, "typ": "JWT"}).encode()
    return f"{encoded(header).decode()}.{encoded(json.dumps(claims).encode()).decode()}."


def confused(claims: Claims) -> str:
    """A token signed with the provider's public key, taken for a shared secret. joserfc would not do that."""
    header = json.dumps({"alg": "HS256", "kid": "signing", "typ": "JWT"}).encode()
    signed = b".".join((encoded(header), encoded(json.dumps(claims).encode())))
    proof = hmac.digest(SIGNING.as_pem(private=False), signed, "sha256")
    return b".".join((signed, encoded(proof))).decode()


def encoded(raw: bytes) -> bytes:
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


@asynccontextmanager
async def running_forge(now: Callable[[], datetime] | None = None) -> AsyncIterator[Forge]:
    """The forge on a free loopback port. `now` is its clock, where it is not that of the machine."""
    forge = Forge()
    if now is not None:
        forge.now = now
    async with served(forge.app()) as address:
        forge.issuer = address
        yield forge


def _text(form: FormData, name: str) -> str:
    value = form.get(name, "")
    return value if isinstance(value, str) else ""

"""Login at an OpenID Connect provider. Implements `core.ports.LoginProvider`."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlencode

from sre_portal.clients import oauth2
from sre_portal.clients.jwks import KeySet
from sre_portal.clients.outward import Outward
from sre_portal.clients.upstream import Upstream, refused_by
from sre_portal.core import id_token as id_tokens
from sre_portal.core import logout_token as logout_tokens
from sre_portal.core.complaint import shown
from sre_portal.core.discovery import Discovered, read_discovery, well_known
from sre_portal.core.errors import LoginRefused, ProviderUnavailable
from sre_portal.core.id_token import Asked, Proven, check_id_token
from sre_portal.core.jwt import LARGEST_TOKEN, Claims, read_header, text
from sre_portal.core.login import (
    Attempt,
    Identity,
    LogoutClaim,
    check_callback,
    check_required,
    display_name,
    groups_at,
    verified_email,
)
from sre_portal.core.logout_token import check_logout_token
from sre_portal.core.ports import Clock
from sre_portal.core.provider import OidcProvider

KEPT = timedelta(hours=1)
"""How old a discovery document may get before it is asked for again."""

ASKED_AGAIN = timedelta(seconds=10)
"""How long an old discovery document serves after one could not be fetched."""

LONGEST_HINT = 4096
"""Characters of an ID token that fit into an address."""

LONGEST_TOKEN = 16 * 1024
"""Characters of an access token, which has to fit into a header."""


class OidcLogin:
    """One provider, for as long as the portal runs. Remembers its discovery document and keys."""

    kind = "oidc"

    def __init__(self, provider: OidcProvider, secret: str, outward: Outward, clock: Clock) -> None:
        self.name = provider.name
        self.title = provider.shown_title
        self.issuer = provider.issuer
        self._provider = provider
        self._client = oauth2.Client(provider.client_id, secret)
        self._clock = clock
        self._upstream = Upstream(self.title, outward, clock)
        self._keys = KeySet(self.title, self._fetch_keys, clock)
        self._discovered: Discovered | None = None
        self._discovered_at: datetime | None = None
        self._tried_at: datetime | None = None
        self._lock = asyncio.Lock()

    async def begin(self, redirect_uri: str, return_to: str) -> tuple[str, Attempt]:
        """See `core.ports.LoginProvider`. State and nonce have 256 bits, the verifier 384."""
        found = await self._discover()
        attempt = Attempt(
            self.name,
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(32),
            secrets.token_urlsafe(48),
            redirect_uri,
            return_to,
        )
        scopes = self._provider.scopes
        return oauth2.authorization_url(found.authorization_endpoint, self._client, scopes, attempt), attempt

    async def finish(self, attempt: Attempt, query: Mapping[str, Sequence[str]]) -> Identity:
        """See `core.ports.LoginProvider`."""
        if attempt.provider != self.name:
            raise LoginRefused(f"provider: the login was begun at {shown(attempt.provider)}")
        found = await self._discover()
        code = check_callback(attempt, query, (self.issuer,), iss_promised=found.promises_iss)
        request = oauth2.code_request(
            found.token_endpoint, self._client, self._authentication(found), code, attempt
        )
        told, error = await self._upstream.tokens(request)
        if error:
            raise refused_by(error) or self._upstream.unsound(f"its token endpoint answered {shown(error)}")
        access_token = self._token(told, "access_token")
        asked = Asked(
            self.issuer,
            self._provider.client_id,
            self._provider.clock_skew,
            attempt.nonce,
            access_token,
            code,
        )
        token = told.get("id_token")
        if not isinstance(token, str):
            raise LoginRefused("id_token: the provider sends none")
        claims, proven = await self._proven(found, token, asked)
        return await self._identity(claims, proven, told, found.userinfo_endpoint)

    async def refresh(self, refresh_token: str) -> Identity | None:
        """See `core.ports.LoginProvider`."""
        found = await self._discover()
        request = oauth2.refresh_request(
            found.token_endpoint, self._client, self._authentication(found), refresh_token
        )
        told, error = await self._upstream.tokens(request)
        if error == "invalid_grant":
            return None
        if error:
            raise self._upstream.unsound(f"its token endpoint answered {shown(error)}")
        access_token = self._token(told, "access_token")
        asked = Asked(
            self.issuer, self._provider.client_id, self._provider.clock_skew, access_token=access_token
        )
        told = {"refresh_token": refresh_token, **told}
        token = told.get("id_token")
        if isinstance(token, str):
            claims, proven = await self._proven(found, token, asked)
            return await self._identity(claims, proven, told, found.userinfo_endpoint)
        if not found.userinfo_endpoint:
            raise self._upstream.unsound("it renews without an ID token and has no userinfo")
        claims = await self._userinfo(found.userinfo_endpoint, access_token)
        proven = Proven(text(claims, "sub"), "", self._clock.now())
        return await self._identity(claims, proven, told, "")

    async def logout_url(self, id_token: str, post_logout_redirect_uri: str, state: str) -> str | None:
        """See `core.ports.LoginProvider`. The ID token is a hint and left out where it is long."""
        endpoint = (await self._discover()).end_session_endpoint
        if not endpoint:
            return None
        told = {
            "client_id": self._provider.client_id,
            "post_logout_redirect_uri": post_logout_redirect_uri,
            "state": state,
        }
        if id_token and len(id_token) <= LONGEST_HINT:
            told["id_token_hint"] = id_token
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(told)}"

    async def logout_claim(self, logout_token: str) -> LogoutClaim:
        """See `core.ports.LoginProvider`."""
        found = await self._discover()
        header = read_header(logout_token, found.algorithms, logout_tokens.TYPES)
        claims = await self._keys.verified(logout_token, header)
        return check_logout_token(
            claims,
            self.issuer,
            self._provider.client_id,
            self._clock.now(),
            self._provider.clock_skew,
        )

    async def ready(self) -> str:
        """See `core.ports.LoginProvider`. Asks for the discovery document."""
        return await self._upstream.ready(self._fetch_discovery)

    async def _proven(self, found: Discovered, token: str, asked: Asked) -> tuple[Claims, Proven]:
        header = read_header(token, found.algorithms, id_tokens.TYPES)
        claims = await self._keys.verified(token, header)
        return claims, check_id_token(claims, header.algorithm, asked, self._clock.now())

    async def _identity(
        self, claims: Claims, proven: Proven, told: Claims, userinfo_endpoint: str
    ) -> Identity:
        """`told` is the answer of the token endpoint. Without a userinfo endpoint nothing more is asked."""
        path = self._provider.groups_claim
        groups = groups_at(claims, path) if path else ()
        if groups is None and userinfo_endpoint:
            more = await self._userinfo(userinfo_endpoint, self._token(told, "access_token"))
            if more.get("sub") != proven.subject:
                raise LoginRefused("userinfo: it is about somebody else")
            claims = {**more, **claims}
            groups = groups_at(claims, path)
        check_required(claims, self._provider.require_claims)
        return Identity(
            self.name,
            self.issuer,
            proven.subject,
            display_name(claims, self._provider.name_claim, proven.subject),
            verified_email(claims, trusted=self._provider.trust_email),
            groups or (),
            proven.authenticated_at,
            proven.session_id,
            _kept(told, "id_token"),
            _kept(told, "refresh_token"),
        )

    async def _userinfo(self, endpoint: str, access_token: str) -> Claims:
        value = await self._upstream.get_json(endpoint, {"Authorization": f"Bearer {access_token}"})
        if not isinstance(value, Mapping) or not isinstance(value.get("sub"), str) or not value["sub"]:
            raise self._upstream.unsound("its userinfo names nobody")
        return value

    def _token(self, told: Claims, name: str) -> str:
        value = told.get(name)
        kind = told.get("token_type")
        if not isinstance(value, str) or not value.isascii() or not value.isprintable():
            raise self._upstream.unsound(f"its token endpoint sends no {name}")
        if len(value) > LONGEST_TOKEN or not isinstance(kind, str) or kind.lower() != "bearer":
            raise self._upstream.unsound(f"its token endpoint sends an {name} that cannot be used")
        return value

    def _authentication(self, found: Discovered) -> str:
        method = self._client.authentication(found.client_authentications)
        if method is None:
            raise self._upstream.unsound("it takes no client secret in a way that is supported here")
        return method

    async def _discover(self) -> Discovered:
        """The discovery document, at most an hour old; older where the provider is down."""
        async with self._lock:
            now = self._clock.now()
            if self._discovered is not None and self._discovered_at is not None:
                tried_lately = self._tried_at is not None and now - self._tried_at < ASKED_AGAIN
                if now - self._discovered_at < KEPT or tried_lately:
                    return self._discovered
            self._tried_at = now
            try:
                return await self._fetch_discovery(0)
            except ProviderUnavailable:
                if self._discovered is None:
                    raise
                return self._discovered

    async def _fetch_discovery(self, seconds: float) -> Discovered:
        value = await self._upstream.get_json(well_known(self.issuer), seconds=seconds)
        try:
            found = read_discovery(value, self.issuer)
        except ValueError as wrong:
            raise self._upstream.unsound(str(wrong)) from None
        self._discovered, self._discovered_at = found, self._clock.now()
        return found

    async def _fetch_keys(self) -> object:
        return await self._upstream.get_json((await self._discover()).jwks_uri)


def _kept(told: Claims, name: str) -> str:
    value = told.get(name)
    return value if isinstance(value, str) and len(value) <= LARGEST_TOKEN else ""

"""The requests of OAuth2 as Authlib writes them, with types. The only module that knows Authlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote_plus

from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.client import OAuth2Client
from authlib.oauth2.rfc6749.parameters import prepare_token_request

from sre_portal.core.login import Attempt

PREFERRED = ("client_secret_basic", "client_secret_post")


@dataclass(frozen=True, slots=True)
class Client:
    """How the portal shows a provider who it is. Without a secret it is a public client."""

    id: str
    secret: str = field(default="", repr=False)

    def authentication(self, offered: Sequence[str]) -> str | None:
        """The way of client authentication to use, of those a provider offers; None where none fits."""
        if not self.secret:
            return "none"
        return next((one for one in PREFERRED if one in offered), None)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request ready to be sent."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


def authorization_url(endpoint: str, client: Client, scopes: Sequence[str], attempt: Attempt) -> str:
    """Where the browser goes to log in: code flow, PKCE with S256; the nonce where the attempt has one."""
    asking = OAuth2Client(
        None,
        client_id=client.id,
        redirect_uri=attempt.redirect_uri,
        scope=" ".join(scopes),
        code_challenge_method="S256",
    )
    url, _ = asking.create_authorization_url(
        endpoint, state=attempt.state, code_verifier=attempt.verifier, nonce=attempt.nonce
    )
    return str(url)


def code_request(endpoint: str, client: Client, method: str, code: str, attempt: Attempt) -> Prepared:
    """The request that turns a code into tokens."""
    body = prepare_token_request(
        "authorization_code",
        redirect_uri=attempt.redirect_uri,
        code=code,
        code_verifier=attempt.verifier,
    )
    return _authenticated(endpoint, client, method, str(body))


def refresh_request(endpoint: str, client: Client, method: str, refresh_token: str) -> Prepared:
    """The request that renews tokens."""
    body = prepare_token_request("refresh_token", refresh_token=refresh_token)
    return _authenticated(endpoint, client, method, str(body))


def _authenticated(endpoint: str, client: Client, method: str, body: str) -> Prepared:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    # RFC 6749, section 2.3.1: id and secret are form-encoded before they become a user and a password.
    encoded = quote_plus if method == "client_secret_basic" else str
    shown = ClientAuth(encoded(client.id), encoded(client.secret), method)
    url, signed, content = shown.prepare("POST", endpoint, headers, body)
    return Prepared(str(url), dict(signed), str(content).encode())

"""A stand-in for GitHub: the six endpoints that a login uses, as its documentation describes them."""

import base64
import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from secrets import token_urlsafe
from urllib.parse import urlencode

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from tests.providers.served import served

CLIENT_ID = "Iv1.portal"
CLIENT_SECRET = "the secret of the portal at GitHub"


@dataclass
class Account:
    """Somebody at GitHub."""

    number: int
    login: str
    emails: list[dict[str, object]] = field(default_factory=list)
    organizations: list[str] = field(default_factory=list)
    teams: list[tuple[str, str]] = field(default_factory=list)
    """Organization and team."""


@dataclass
class GitHub:
    """The stand-in. Whoever is `logged_in` grants every login at once."""

    url: str = ""
    logged_in: Account = field(
        default_factory=lambda: Account(
            583231,
            "octocat",
            [{"email": "octocat@example.org", "primary": True, "verified": True}],
            ["example"],
            [("example", "sre")],
        )
    )
    scope: str = "read:org,read:user,user:email"
    down: bool = False
    user: object = None
    """What /user answers in place of the account."""
    codes: dict[str, tuple[str, str]] = field(default_factory=dict)
    """code -> PKCE challenge, redirect address."""
    asked: list[str] = field(default_factory=list)

    def app(self) -> Starlette:
        return Starlette(
            routes=[
                Route("/login/oauth/authorize", self._authorize),
                Route("/login/oauth/access_token", self._access_token, methods=["POST"]),
                Route("/user", self._user),
                Route("/user/emails", self._list(lambda: self.logged_in.emails)),
                Route(
                    "/user/orgs", self._list(lambda: [{"login": one} for one in self.logged_in.organizations])
                ),
                Route(
                    "/user/teams",
                    self._list(
                        lambda: [
                            {"slug": team, "name": team.title(), "organization": {"login": organization}}
                            for organization, team in self.logged_in.teams
                        ]
                    ),
                ),
            ]
        )

    async def _authorize(self, request: Request) -> Response:
        asked = request.query_params
        if asked["client_id"] != CLIENT_ID:
            return Response("404", 404)
        code = token_urlsafe(10)
        self.codes[code] = asked["code_challenge"], asked["redirect_uri"]
        answer = urlencode({"code": code, "state": asked["state"]})
        return RedirectResponse(f"{asked['redirect_uri']}?{answer}", 302)

    async def _access_token(self, request: Request) -> Response:
        """Errors come with status 200, as GitHub sends them."""
        form = {name: str(value) for name, value in (await request.form()).items()}
        if (form.get("client_id"), form.get("client_secret")) != (CLIENT_ID, CLIENT_SECRET):
            return JSONResponse({"error": "incorrect_client_credentials"})
        challenge, redirect_uri = self.codes.pop(form.get("code", ""), ("", ""))
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        shown = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if shown != challenge or form.get("redirect_uri") != redirect_uri:
            return JSONResponse({"error": "bad_verification_code"})
        return JSONResponse({"access_token": "gho_token", "token_type": "bearer", "scope": self.scope})

    async def _user(self, request: Request) -> Response:
        if (refusal := self._refusal(request)) is not None:
            return refusal
        account = {"id": self.logged_in.number, "login": self.logged_in.login, "name": "The Octocat"}
        return JSONResponse(account if self.user is None else self.user)

    def _list(self, entries: Callable[[], list[dict[str, object]]]) -> Callable[[Request], Response]:
        def answer(request: Request) -> Response:
            if (refusal := self._refusal(request)) is not None:
                return refusal
            size, page = int(request.query_params["per_page"]), int(request.query_params["page"])
            return JSONResponse(entries()[(page - 1) * size : page * size])

        return answer

    def _refusal(self, request: Request) -> Response | None:
        self.asked.append(request.url.path)
        if self.down:
            return Response("no server is currently available", 503)
        if request.headers.get("authorization") != "Bearer gho_token":
            return JSONResponse({"message": "Requires authentication"}, 401)
        return None


@asynccontextmanager
async def running_github() -> AsyncIterator[GitHub]:
    """GitHub on a free loopback port, web and API on the same."""
    github = GitHub()
    async with served(github.app()) as address:
        github.url = address
        yield github

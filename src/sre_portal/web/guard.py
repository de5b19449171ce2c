"""Who asks and may they: the only door to every route. A route names its permission or says it is public."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from secrets import compare_digest
from typing import Literal

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sre_portal.core.access import Permission, Principal, everywhere, require
from sre_portal.core.errors import NotAuthenticated, NotPermitted
from sre_portal.core.ports import Session, Token
from sre_portal.operations.audited import Act, deny
from sre_portal.operations.tokens import session_of, token_of
from sre_portal.web.context import address_of, ports_of, principal_of

Needs = Permission | Literal["public", "agent"]
Endpoint = Callable[[Request], Awaitable[Response]]

COOKIE = "sre_portal_session"
SECURE_COOKIE = "__Host-sre_portal_session"
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Guarded:
    """One row of the route table."""

    method: Literal["GET", "POST"]
    path: str
    endpoint: Endpoint
    needs: Needs

    def route(self) -> Route:
        return NeedsRoute(
            self.path, guarded(self.endpoint, self.needs), methods=[self.method], needs=self.needs
        )


class NeedsRoute(Route):
    """A route that can say what it needs."""

    def __init__(self, path: str, endpoint: Endpoint, *, methods: Sequence[str], needs: Needs) -> None:
        super().__init__(path, endpoint, methods=list(methods))
        self.needs = needs


class Allowed:
    """The FastAPI dependency of an API route: identifies, then requires."""

    def __init__(self, needs: Permission) -> None:
        self.needs = needs

    async def __call__(self, request: Request) -> None:
        await identify(request)
        await _require(request, self.needs)


def needs_of(route: object) -> Needs | None:
    """What a route asks for, read back from the running app; None where it asks for nothing."""
    if isinstance(route, NeedsRoute):
        return route.needs
    if isinstance(route, APIRoute):
        found = [one.call for one in route.dependant.dependencies if isinstance(one.call, Allowed)]
        return found[0].needs if found else None
    return None


def guarded(endpoint: Endpoint, needs: Needs) -> Endpoint:
    @wraps(endpoint)
    async def guard(request: Request) -> Response:
        if needs != "agent":
            await identify(request)
            if isinstance(needs, Permission):
                await _require(request, needs)
        return await endpoint(request)

    return guard


async def identify(request: Request) -> None:
    """Puts the principal, the session and its CSRF token into the scope, where there are any."""
    ports = ports_of(request)
    if bearer := bearer_of(request):
        token = await token_of(ports, bearer)
        if token is not None and token.role is not None:
            request.scope["principal"] = Principal(token.name, everywhere(token.role), f"token:{token.name}")
    elif cookie := request.cookies.get(cookie_name(request)):
        session = await session_of(ports, cookie)
        if session is not None:
            request.scope.update(principal=session.principal, session=session, csrf=session.csrf)


async def agent_token(request: Request) -> Token:
    """The agent token of a request. Raises `NotAuthenticated`; the refusal is counted."""
    ports = ports_of(request)
    token = await token_of(ports, bearer_of(request))
    if token is None or token.service is None:
        ports.watch.refused_agents += 1
        raise NotAuthenticated("this is not the token of an agent")
    return token


def session_in(request: Request) -> Session | None:
    session = request.scope.get("session")
    return session if isinstance(session, Session) else None


def cookie_name(request: Request) -> str:
    """Over TLS a `__Host-` cookie; a plain name only without TLS, which the portal serves on loopback."""
    return SECURE_COOKIE if is_secure(request) else COOKIE


def is_secure(request: Request) -> bool:
    """Whether the browser speaks TLS, to us or to a proxy before us."""
    return ports_of(request).is_behind_tls or request.url.scheme == "https"


def bearer_of(request: Request) -> str:
    kind, _, secret = request.headers.get("authorization", "").partition(" ")
    return secret.strip() if kind.lower() == "bearer" else ""


async def _require(request: Request, needs: Permission) -> None:
    who = principal_of(request)
    try:
        require(who, needs)
        if request.method not in SAFE_METHODS and session_in(request) is not None:
            await _check_csrf(request)
    except NotPermitted as denied:
        if needs is not Permission.PORTAL_READ:
            act = Act(who, needs, f"{request.method} {request.url.path}"[:200], address_of(request))
            await deny(ports_of(request), act, str(denied))
        raise


async def _check_csrf(request: Request) -> None:
    """A session's unsafe request carries its CSRF token, in a header or in the form."""
    expected = str(request.scope["csrf"])
    given = request.headers.get("x-csrf-token", "")
    if not given and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        value = (await request.form()).get("csrf", "")
        given = value if isinstance(value, str) else ""
    if not compare_digest(expected.encode(), given.encode()):
        raise NotPermitted("csrf", "a form of this session")

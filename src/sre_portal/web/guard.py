"""Who asks and may they: the only door to every route. A route names its permission or says it is public."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import wraps
from math import inf
from secrets import compare_digest
from typing import Literal

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sre_portal.core.access import STOPPING, Permission, Principal
from sre_portal.core.errors import NotAuthenticated, NotPermitted, StoreUnavailable
from sre_portal.core.ports import Session, Token
from sre_portal.operations.behind import behind
from sre_portal.operations.ports import Ports
from sre_portal.operations.sessions import (
    TOUCH,
    Origin,
    digest_of,
    note_use,
    principal_in,
    renewed_secret,
    session_of,
)
from sre_portal.operations.tokens import (
    SEEN_FOR_FLAGS_SECONDS,
    is_worth_noting,
    note_token,
    principal_with,
    token_of,
)
from sre_portal.web.body_size import LARGEST_BODY_BYTES
from sre_portal.web.context import address_of, ports_of, principal_of
from sre_portal.web.cookies import cookie_in, set_cookie
from sre_portal.web.denial import STRANGER, require_or_tell, tell_denial
from sre_portal.web.holder import Holder, principal_now
from sre_portal.web.ofrep_wire import api_key_of
from sre_portal.web.rate import limit

Needs = Permission | Literal["public", "agent", "person", "ticket"]
"""`person` is anybody with a session, whatever they may; `ticket` whoever was given one for this route."""
Endpoint = Callable[[Request], Awaitable[Response]]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CHECK_THEMSELVES = frozenset({"agent", "ticket"})
"""Routes that know who asks by something of their own, and refuse everybody else."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """One row of the route table."""

    method: Literal["GET", "POST"]
    path: str
    endpoint: Endpoint
    needs: Needs
    limit: str = ""
    """The kind of `rate.KINDS` that bounds how often an address may ask; empty where nothing does."""

    def route(self) -> Route:
        return NeedsRoute(
            self.path, guarded(self.endpoint, self.needs, self.limit), methods=[self.method], needs=self.needs
        )


class NeedsRoute(Route):
    """A route that can say what it needs."""

    def __init__(self, path: str, endpoint: Endpoint, *, methods: Sequence[str], needs: Needs) -> None:
        super().__init__(path, endpoint, methods=list(methods))
        self.needs = needs


class Allowed:
    """The FastAPI dependency of an API route: lets in, or raises."""

    def __init__(self, needs: Permission) -> None:
        self.needs = needs

    async def __call__(self, request: Request) -> None:
        if request.scope.get("passed") is self:  # `first.GuardedFirst` asked before the body was read
            return
        await admit(request, self.needs)
        request.scope["passed"] = self


def needs_of(route: object) -> Needs | None:
    """What a route asks for, read back from the running app; None where it asks for nothing."""
    if isinstance(route, NeedsRoute):
        return route.needs
    if isinstance(route, APIRoute):
        found = [one.call for one in route.dependant.dependencies if isinstance(one.call, Allowed)]
        return found[0].needs if found else None
    return None


def guarded(endpoint: Endpoint, needs: Needs, kind: str = "") -> Endpoint:
    @wraps(endpoint)
    async def guard(request: Request) -> Response:
        if kind:
            await limit(request, kind)
        if needs not in CHECK_THEMSELVES:
            await admit(request, needs)
        response = await endpoint(request)
        await _renew(request, response)
        return response

    return guard


async def admit(request: Request, needs: Needs) -> None:
    """Lets a request in, or raises `NotAuthenticated` or `NotPermitted`.

    Who may not is refused before the body is read. A body may take half a minute to come, and who asked may
    be out by then: before a request that changes something takes effect, everything is asked again.
    """
    await _identify(request, needs)
    await _require(request, needs)
    if request.method in SAFE_METHODS or needs == "public":
        return
    await request.body()
    for known in ("principal", "session", "csrf"):
        request.scope.pop(known, None)
    await _identify(request, needs)
    await _require(request, needs)
    if session_in(request) is not None:
        await _check_csrf(request)


async def _identify(request: Request, needs: Needs) -> None:
    """Puts the principal, the session and its CSRF token into the scope, where there are any."""
    try:
        if bearer := bearer_of(request):
            await _identify_token(request, bearer, seen_for=_seen_for(needs))
        elif cookie := cookie_in(request):
            await _identify_session(request, cookie, seen_for=_seen_for(needs))
    except StoreUnavailable:
        if needs != "public":  # what everybody may see is shown to who cannot be known, too
            raise


def _seen_for(needs: Needs) -> float:
    """How long whoever was seen before is let in where the database does not answer, in seconds."""
    if needs in STOPPING:
        return inf
    return SEEN_FOR_FLAGS_SECONDS if needs is Permission.FLAG_ASK else 0.0


async def _identify_token(request: Request, bearer: str, *, seen_for: float) -> None:
    ports = ports_of(request)
    token = await token_of(ports, bearer, seen_for=seen_for)
    if token is not None and token.role is not None:
        request.scope["principal"] = principal_with(ports, token)
        note(ports, token)
        return
    await limit(request, "token")
    await tell_denial(request, STRANGER, "token:use", "the token is unknown, over, or an agent's")


async def _identify_session(request: Request, cookie: str, *, seen_for: float) -> None:
    ports = ports_of(request)
    session = await session_of(ports, cookie, seen_for=seen_for)
    if session is None:
        return
    request.scope.update(principal=principal_in(ports, session), session=session, csrf=session.csrf)
    if session.seen_at + TOUCH <= ports.clock.now():
        _ = behind(ports, note_use(ports, session))


async def agent_token(request: Request) -> Token:
    """The agent token of a request. Raises `NotAuthenticated`; the refusal is counted."""
    ports = ports_of(request)
    token = await token_of(ports, bearer_of(request))
    if token is None or token.service is None:
        ports.watch.refused_agents += 1
        await limit(request, "agent")
        await tell_denial(request, STRANGER, "agent:use", "this is not the token of an agent")
        raise NotAuthenticated("this is not the token of an agent")
    request.scope["agent"] = token
    note(ports, token)
    return token


def note(ports: Ports, token: Token) -> None:
    """Writes down behind the request that a token is used, where that was not done lately."""
    if is_worth_noting(ports, token):
        _ = behind(ports, note_token(ports, token))


def session_in(request: Request) -> Session | None:
    session = request.scope.get("session")
    return session if isinstance(session, Session) else None


async def still(request: Request) -> Principal | None:
    """Who asked, as they are known now; None where they are not let in any more.

    For answers that take long. The secret may be an older one of the same session.
    """
    holder = holder_of(request)
    return None if holder is None else await principal_now(ports_of(request), holder)


def holder_of(request: Request) -> Holder | None:
    """By what whoever asks was let in; None where nobody was."""
    if bearer := bearer_of(request):
        return Holder("token", digest_of(bearer))
    session = session_in(request)
    return None if session is None else Holder("session", session.digest)


def own_session(request: Request) -> Session:
    """The session of whoever asks. Raises `NotAuthenticated` for a token: it is nobody's own."""
    if (session := session_in(request)) is None:
        raise NotAuthenticated("log in with a browser first")
    return session


def origin_of(request: Request) -> Origin:
    return Origin(address_of(request), request.headers.get("user-agent", ""))


def bearer_of(request: Request) -> str:
    return secret_in(request.headers.get("authorization", "")) or api_key_of(request)


def secret_in(authorization: str) -> str:
    """The secret of an `Authorization` header; empty where it is none of a bearer."""
    kind, _, secret = authorization.partition(" ")
    return secret.strip() if kind.lower() == "bearer" else ""


async def _require(request: Request, needs: Needs) -> None:
    if needs == "public" or needs in CHECK_THEMSELVES:
        return
    who = principal_of(request)
    if isinstance(needs, Permission):
        await require_or_tell(request, who, needs)
    else:
        own_session(request)


async def _renew(request: Request, response: Response) -> None:
    """A page shown to somebody who may something else than before comes with a new secret."""
    session = session_in(request)
    if (
        session is None
        or request.method != "GET"
        or response.headers.get("content-type", "")[:9] != "text/html"
    ):
        return
    with suppress(StoreUnavailable):
        if (secret := await renewed_secret(ports_of(request), session, cookie_in(request))) is not None:
            set_cookie(request, response, secret)


async def _check_csrf(request: Request) -> None:
    """A session's unsafe request carries its CSRF token, in a header or in the form."""
    expected = str(request.scope["csrf"])
    given = request.headers.get("x-csrf-token", "")
    if not given and request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
        form = await request.form(max_part_size=LARGEST_BODY_BYTES)  # kept: who asks later gets the same
        value = form.get("csrf", "")
        given = value if isinstance(value, str) else ""
    if not compare_digest(expected.encode(), given.encode()):
        refusal = NotPermitted("csrf", "a form of this session")
        await tell_denial(request, principal_of(request), "csrf", str(refusal))
        raise refusal

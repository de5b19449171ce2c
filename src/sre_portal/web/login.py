"""Logging in, by a one-time link or at a provider, and out again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sre_portal.core.errors import LoginRefused, NotAuthenticated, ProviderUnavailable
from sre_portal.core.ports import Session
from sre_portal.operations.login import begin_login, finish_login, provider_named, use_link
from sre_portal.operations.logout import kept_id_token, logout_address, obey_logout
from sre_portal.operations.sessions import close_session, new_secret, sign_out_everywhere
from sre_portal.web.context import ports_of
from sre_portal.web.cookies import LOGIN, cookie_in, drop_cookie, set_cookie
from sre_portal.web.denial import STRANGER, tell_denial
from sre_portal.web.guard import origin_of, own_session, session_in
from sre_portal.web.pages.login import login_page

LONGEST_LOGOUT_FORM = 128 * 1024


async def login(request: Request) -> Response:
    """`GET /login` tells how; `GET /login?token=...` uses the link up and sets the session's cookie."""
    secret = request.query_params.get("token", "")
    if not secret or request.method == "HEAD":
        return await login_page(request)
    async with _refusals_told(request, "session:open", "a login link"):
        opened = await use_link(ports_of(request), secret, origin_of(request))
    return await _opened(request, *opened, "/")


async def begin(request: Request) -> Response:
    """`GET /login/with/{provider}`: sends the browser to the provider, and remembers which browser it was."""
    browser = new_secret()
    address = await begin_login(
        ports_of(request), request.path_params["provider"], browser, request.query_params.get("to", "/")
    )
    response = RedirectResponse(address, 303)
    set_cookie(request, response, browser, LOGIN)
    return response


async def callback(request: Request) -> Response:
    """`GET /login/callback/{provider}`: the browser is back."""
    query = parse_qs(request.url.query, keep_blank_values=True)
    provider = request.path_params["provider"]
    async with _refusals_told(request, "session:open", f"a login at {provider}"):
        secret, session, return_to = await finish_login(
            ports_of(request), provider, query, cookie_in(request, LOGIN), origin_of(request)
        )
    response = await _opened(request, secret, session, return_to)
    drop_cookie(request, response, LOGIN)
    return response


async def logout(request: Request) -> Response:
    """Ends the session here, then the one at the provider."""
    session = own_session(request)
    id_token = await kept_id_token(ports_of(request), session)
    await close_session(ports_of(request), session, origin_of(request))
    return _left(request, await logout_address(ports_of(request), session, id_token))


async def everywhere(request: Request) -> Response:
    """Ends every session of whoever asks."""
    session = own_session(request)
    id_token = await kept_id_token(ports_of(request), session)
    await sign_out_everywhere(ports_of(request), session, origin_of(request))
    return _left(request, await logout_address(ports_of(request), session, id_token))


async def backchannel(request: Request) -> Response:
    """`POST /login/backchannel/{provider}`: a provider says that somebody logged out there.

    The answers are those of OpenID Connect Back-Channel Logout 1.0, section 2.8: 200, or 400.
    """
    form = await request.form(max_fields=10, max_files=0, max_part_size=LONGEST_LOGOUT_FORM)
    tokens = form.getlist("logout_token")
    token = tokens[0] if len(tokens) == 1 else None
    if not isinstance(token, str):
        token = ""
    provider = provider_named(ports_of(request), request.path_params["provider"])
    try:
        async with _refusals_told(request, "session:end", f"a logout told by {provider.name}"):
            await obey_logout(ports_of(request), provider, token, origin_of(request))
    except LoginRefused:
        return Response('{"error":"invalid_request"}\n', 400, media_type="application/json")
    return Response(status_code=200)


@asynccontextmanager
async def _refusals_told(request: Request, action: str, subject: str) -> AsyncIterator[None]:
    """Writes down what a stranger tried and was refused. What was begun is written down by the operation."""
    try:
        yield
    except LoginRefused as refused:
        await tell_denial(request, STRANGER, action, refused.reason, object=subject)
        raise
    except NotAuthenticated as refused:
        await tell_denial(request, STRANGER, action, str(refused), object=subject)
        raise
    except ProviderUnavailable as down:
        await tell_denial(request, STRANGER, action, down.reason, object=subject, outcome="failed")
        raise


async def _opened(request: Request, secret: str, session: Session, to: str) -> Response:
    """The session a browser had before ends: a secret that somebody put there is worth nothing."""
    before = session_in(request)
    if before is not None and before.id != session.id:
        await close_session(ports_of(request), before, origin_of(request))
    response = RedirectResponse(to, 303)
    set_cookie(request, response, secret)
    return response


def _left(request: Request, address: str) -> Response:
    response = RedirectResponse(address or "/login", 303)
    drop_cookie(request, response)
    return response

"""Logging in by a one-time link, and out again."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sre_portal.core.errors import NotAuthenticated
from sre_portal.operations.tokens import SESSION_LASTS, close_session, open_session
from sre_portal.web.context import address_of, ports_of
from sre_portal.web.guard import cookie_name, is_secure, session_in
from sre_portal.web.pages.login import login_page


async def login(request: Request) -> Response:
    """`GET /login` tells how; `GET /login?token=...` uses the link up and sets the session's cookie."""
    secret = request.query_params.get("token", "")
    if not secret or request.method == "HEAD":
        return await login_page(request)
    session = await open_session(ports_of(request), secret, address_of(request))
    if (before := session_in(request)) is not None:
        await close_session(ports_of(request), before, address_of(request))
    response = RedirectResponse("/", 303)
    response.set_cookie(
        cookie_name(request),
        session,
        max_age=int(SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=is_secure(request),
    )
    return response


async def logout(request: Request) -> Response:
    session = session_in(request)
    if session is None:
        raise NotAuthenticated("nobody is logged in")
    await close_session(ports_of(request), session, address_of(request))
    response = RedirectResponse("/login", 303)
    response.delete_cookie(cookie_name(request), secure=is_secure(request), httponly=True, samesite="lax")
    return response

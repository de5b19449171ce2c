"""The cookies of a session and of a login under way. No script can read them."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.web.context import ports_of

SESSION: Final = "sre_portal_session"
LOGIN: Final = "sre_portal_login"
"""Held by the browser that began a login at a provider, until it is back."""
LOGIN_SECONDS = 600


def cookie_name(request: Request, name: str = SESSION) -> str:
    """Over TLS a `__Host-` cookie; a plain name only without TLS, which the portal serves on loopback."""
    return f"__Host-{name}" if is_secure(request) else name


def is_secure(request: Request) -> bool:
    """Whether the browser speaks TLS, to us or to a proxy before us."""
    return ports_of(request).is_behind_tls or request.url.scheme == "https"


def cookie_in(request: Request, name: str = SESSION) -> str:
    return request.cookies.get(cookie_name(request, name), "")


def set_cookie(request: Request, response: Response, value: str, name: str = SESSION) -> None:
    """`SameSite=Lax`: a person comes back from a provider, or follows a link, by a plain GET."""
    lasts = ports_of(request).policy.session_lasts.total_seconds() if name == SESSION else LOGIN_SECONDS
    response.set_cookie(
        cookie_name(request, name),
        value,
        max_age=int(lasts),
        httponly=True,
        samesite="lax",
        secure=is_secure(request),
    )


def drop_cookie(request: Request, response: Response, name: str = SESSION) -> None:
    response.delete_cookie(
        cookie_name(request, name), httponly=True, samesite="lax", secure=is_secure(request)
    )

"""What went wrong, for people: what it is, then the next step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.access import Permission
from sre_portal.web import render
from sre_portal.web.pages.frame import NOBODY, person_of
from sre_portal.web.pages.login import login_href

NEXT: Mapping[int, tuple[str, str, str]] = {
    401: ("lock", "/login", "Log in"),
    403: ("lock", "/", "Back to the overview"),
    404: ("question", "/", "Back to the overview"),
    409: ("slash", "/runs", "See the runs"),
    413: ("triangle", "/", "Back to the overview"),
    422: ("triangle", "/", "Back to the overview"),
    429: ("clock", "", "Try again"),
}
"""Status -> symbol, next address, its words."""
BELOW: Mapping[str, tuple[str, str]] = {
    "flags": ("/flags", "Back to the flags"),
    "flag-plans": ("/flag-plans", "Back to the planned changes"),
}
"""First part of the address -> where whoever looked for something below it goes on."""
LOST = frozenset({404, 405, 409, 413, 422})
"""What went wrong was in the request: the list that it began from helps."""
BROKEN = ("triangle", "", "Try again")
AGAIN = ("lock", "/login", "Start the login again")
"""After a login that was not accepted."""
COMES_BACK = "This page is for people who are logged in. The login brings you back to it."


@dataclass(frozen=True, slots=True)
class ErrorPage:
    status: int
    title: str
    sentences: tuple[str, ...]
    symbol: str
    next_href: str
    next_words: str

    @classmethod
    def of(
        cls, status: int, title: str, sentences: Sequence[str], then: tuple[str, str, str] | None = None
    ) -> ErrorPage:
        symbol, href, words = then or NEXT.get(status, BROKEN)
        return cls(status, title, tuple(sentences), symbol, href, words)


def error_page(
    request: Request,
    status: int,
    title: str,
    sentences: Sequence[str],
    then: tuple[str, str, str] | None = None,
) -> Response:
    """The page of an error. Whoever is logged in keeps the bar with STOP ALL.

    `then`: symbol, address and words of the next step, where it is not the usual one of the status.
    """
    if status == 401 and request.method == "GET":
        symbol, _, words = NEXT[401]
        then = symbol, login_href(_asked(request)), words
        sentences = [COMES_BACK if one == "log in first" else one for one in sentences]
    elif then is None and status in LOST and (below := BELOW.get(request.url.path.split("/")[1])):
        then = NEXT.get(status, BROKEN)[0], *below
    who = person_of(request)
    if status == 403 and then is None and "session" in request.scope and not who.may(Permission.PORTAL_READ):
        then = NEXT[status][0], "/account", "See your account"
    view = ErrorPage.of(status, title, sentences, then)
    if who is NOBODY:
        return render.public_page(request, "error_public.html", view, status)
    return render.page(request, "error.html", view, status)


def _asked(request: Request) -> str:
    """The page that was asked for, to come back to after the login."""
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path

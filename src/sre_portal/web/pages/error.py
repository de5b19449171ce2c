"""What went wrong, for people: what it is, then the next step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.web import render
from sre_portal.web.pages.frame import NOBODY, person_of

NEXT: Mapping[int, tuple[str, str, str]] = {
    401: ("lock", "/login", "How to log in"),
    403: ("lock", "/", "Back to the overview"),
    404: ("question", "/", "Back to the overview"),
    409: ("slash", "/runs", "See the runs"),
    422: ("triangle", "/", "Back to the overview"),
    429: ("clock", "", "Try again"),
}
"""Status -> symbol, next address, its words."""
BROKEN = ("triangle", "", "Try again")


@dataclass(frozen=True, slots=True)
class ErrorPage:
    status: int
    title: str
    sentences: tuple[str, ...]
    symbol: str
    next_href: str
    next_words: str

    @classmethod
    def of(cls, status: int, title: str, sentences: Sequence[str]) -> ErrorPage:
        symbol, href, words = NEXT.get(status, BROKEN)
        return cls(status, title, tuple(sentences), symbol, href, words)


def error_page(request: Request, status: int, title: str, sentences: Sequence[str]) -> Response:
    """The page of an error. Whoever is logged in keeps the bar with STOP ALL."""
    view = ErrorPage.of(status, title, sentences)
    if person_of(request) is NOBODY:
        return render.public_page(request, "error_public.html", view, status)
    return render.page(request, "error.html", view, status)

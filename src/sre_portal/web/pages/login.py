"""What to do when nobody is logged in."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.web import render
from sre_portal.web.context import ports_of
from sre_portal.web.pages.frame import NOBODY, person_of


@dataclass(frozen=True, slots=True)
class LoginPage:
    environment: str
    person: str
    """Who is logged in already, empty for nobody."""


async def login_page(request: Request) -> Response:
    person = person_of(request)
    name = "" if person is NOBODY else person.name
    return render.public_page(request, "login.html", LoginPage(ports_of(request).environment, name))

"""The page that shows a new token. It is the answer to the form, never an address, and is kept nowhere."""

from __future__ import annotations

from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.web import render


@dataclass(frozen=True, slots=True)
class NewSecret:
    name: str
    secret: str = field(repr=False)
    back: str
    back_words: str
    agent_of: str = ""
    """The service of an agent's token; empty for the API."""
    before: str = ""
    """What becomes of the token it takes the place of; empty where there is none."""


def secret_page(request: Request, shown: NewSecret) -> Response:
    return render.page(request, "account_secret.html", shown, 201)

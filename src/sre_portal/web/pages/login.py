"""How to log in: a button for each provider, and what is known of those that do not answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from urllib.parse import urlencode

import structlog
from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.ports import LoginProvider
from sre_portal.operations.login import local_path
from sre_portal.web import render
from sre_portal.web.context import ports_of
from sre_portal.web.pages.frame import NOBODY, person_of

log = structlog.get_logger("sre_portal.web")

PATIENCE_SECONDS = 2.0
"""The page waits no longer for all providers together."""
STAYS = "Whoever is logged in stays logged in."


@dataclass(frozen=True, slots=True)
class ProviderRow:
    """A button. `down` is a sentence where the provider does not answer; it can be tried all the same."""

    href: str
    title: str
    down: str


@dataclass(frozen=True, slots=True)
class LoginPage:
    environment: str
    person: str
    """Who is logged in already, empty for nobody."""
    to: str
    """Where the person wanted to go."""
    providers: tuple[ProviderRow, ...]
    links: bool


async def login_page(request: Request) -> Response:
    ports, person = ports_of(request), person_of(request)
    to = local_path(request.query_params.get("to", "/"))
    providers = list(ports.policy.providers.values())
    down = await asyncio.gather(*map(why_down, providers))
    view = LoginPage(
        environment=ports.environment,
        person="" if person is NOBODY else person.name,
        to=to,
        providers=tuple(
            ProviderRow(begin_href(one.name, to), one.title, why)
            for one, why in zip(providers, down, strict=True)
        ),
        links=ports.policy.links,
    )
    return render.public_page(request, "login.html", view)


def login_href(path: str) -> str:
    """The login page that leads back to a path of the portal."""
    to = local_path(path)
    return "/login" if to == "/" else f"/login?{urlencode({'to': to})}"


def begin_href(provider: str, to: str) -> str:
    return f"/login/with/{provider}" + ("" if to == "/" else f"?{urlencode({'to': to})}")


async def why_down(provider: LoginProvider, patience_seconds: float = PATIENCE_SECONDS) -> str:
    """Why a provider cannot be used now, in one sentence; empty where it can."""
    try:
        return await asyncio.wait_for(provider.ready(), patience_seconds)
    except TimeoutError:
        return f"{provider.title} does not answer right now. {STAYS}"
    except Exception:
        log.exception("bug in a login provider", provider=provider.name)
        return f"{provider.title} cannot be asked right now. {STAYS}"

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx2
import pytest
from fastapi import FastAPI

from sre_portal.web.app import build_app
from tests.web.pages.markup import Markup
from tests.web.pages.posting import Post
from tests.web.pages.scene import CAST, OMAR, Scene, scene

Read = Callable[..., Awaitable[Markup]]


@pytest.fixture
async def here() -> Scene:
    """The portal of the scene, everybody of the cast logged in."""
    built = scene()
    await built.told()
    for who in CAST:
        await built.log_in(who)
    return built


@pytest.fixture
def app(here: Scene) -> FastAPI:
    """The whole application over the scene."""
    return build_app(here.ports)


@pytest.fixture
async def browser(app: FastAPI, here: Scene) -> AsyncIterator[httpx2.AsyncClient]:
    """Speaks to the application in process, as Omar unless it is told otherwise."""
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=True)
    headers = {"accept": "text/html"}
    async with httpx2.AsyncClient(
        transport=transport, base_url="http://portal.test", headers=headers
    ) as client:
        client.cookies.set("sre_portal_session", here.sessions[OMAR.name])
        yield client


@pytest.fixture
def read(here: Scene, browser: httpx2.AsyncClient) -> Read:
    """Reads a page as somebody of the cast; the status must be as expected."""

    async def read_page(path: str, who: str = "omar", status: int = 200) -> Markup:
        browser.cookies.set("sre_portal_session", here.sessions.get(who, ""))
        answer = await browser.get(path)
        assert answer.status_code == status, answer.text[:500]
        return Markup(answer.text)

    return read_page


@pytest.fixture
def post(here: Scene, browser: httpx2.AsyncClient) -> Post:
    """Posts a form as somebody of the cast, with the token of their session."""

    async def send(path: str, who: str = "omar", **fields: str) -> httpx2.Response:
        browser.cookies.set("sre_portal_session", here.sessions[who])
        return await browser.post(path, data={"csrf": f"csrf-of-{who}", **fields})

    return send

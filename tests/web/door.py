"""The whole application in process, and one client for each person of the cast."""

from __future__ import annotations

import re
from types import TracebackType
from typing import Self

import httpx2

from sre_portal.core.access import Role
from sre_portal.core.ports import Token
from sre_portal.operations.login import issue_link
from sre_portal.operations.sessions import digest_of
from sre_portal.web.app import build_app
from sre_portal.web.limits import FlagLimits
from tests.operations.world import START, World

SECRETS = {
    "ada": ("ada-secret-0123456789abcdef", Role.ADMIN),
    "omar": ("omar-secret-0123456789abcde", Role.OPERATOR),
    "vera": ("vera-secret-0123456789abcde", Role.VIEWER),
    "pia": ("pia-secret-0123456789abcdef", Role.PROGRAM),
    "nils": ("nils-secret-0123456789abcde", None),
}
AGENT_SECRET = "agent-secret-0123456789abcd"


class Door:
    def __init__(self, world: World, limits: FlagLimits | None = None) -> None:
        self.world = world
        self.app = build_app(world.ports, limits=limits)
        self.clients: list[httpx2.AsyncClient] = []

    async def __aenter__(self) -> Self:
        people = [
            Token(name, digest_of(secret), role, None, START) for name, (secret, role) in SECRETS.items()
        ]
        agent = Token("agent:shop", digest_of(AGENT_SECRET), None, "shop", START)
        await self.world.ports.tokens.replace_settings([*people, agent])
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self.clients:
            await client.aclose()

    def client(self, name: str = "") -> httpx2.AsyncClient:
        """A client with the token of one of the cast, or with none."""
        secret = AGENT_SECRET if name == "agent" else SECRETS[name][0] if name else ""
        headers = {"authorization": f"Bearer {secret}"} if secret else {}
        transport = httpx2.ASGITransport(app=self.app, raise_app_exceptions=False)
        client = httpx2.AsyncClient(transport=transport, base_url="http://portal.test", headers=headers)
        self.clients.append(client)
        return client

    async def browser(self, name: str = "ada", role: Role = Role.ADMIN) -> httpx2.AsyncClient:
        """A client with a session, as after opening a login link."""
        client = self.client()
        client.headers["accept"] = "text/html"
        secret = await issue_link(self.world.ports, name, role)
        answer = await client.get("/login", params={"token": secret})
        assert answer.status_code == 303
        return client


def csrf_in(page: str) -> str:
    """The CSRF token of a page's forms."""
    found = re.search(r'name="csrf" value="([^"]+)"', page)
    assert found is not None
    return found.group(1)

"""The whole application with a login provider in front, and browsers that go there and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import urlencode, urlsplit

import httpx2

from sre_portal.clients.oidc import OidcLogin
from sre_portal.clients.outward import Outward
from sre_portal.core.access import Role
from sre_portal.core.audit import AuditEvent
from sre_portal.core.grant_rule import Rule
from sre_portal.core.outward import parse_allowed
from sre_portal.core.provider import OidcProvider
from sre_portal.operations.policy import Policy
from tests.operations.world import World
from tests.providers.forge import CLIENT_ID, CLIENT_SECRET, Forge, running_forge, sign
from tests.providers.hostile import Query
from tests.providers.idp import query_of
from tests.web.door import Door

URL = "http://portal.test"
CALLBACK = "/login/callback/forge"
BACKCHANNEL = "/login/backchannel/forge"
RULES = (
    Rule(name="sre", group="sre", role=Role.OPERATOR),
    Rule(name="admins", group="admins", role=Role.ADMIN),
)


@dataclass
class Entrance:
    """A portal whose only provider is the forge."""

    door: Door
    forge: Forge
    world: World
    login: OidcLogin

    async def begin(self, browser: httpx2.AsyncClient, to: str = "/") -> Query:
        """A login as far as the provider's answer: the parameters of the callback."""
        sent = await browser.get("/login/with/forge", params={"to": to})
        assert sent.status_code == 303, sent.text
        async with httpx2.AsyncClient(trust_env=False) as http:
            answer = await http.get(sent.headers["location"])
        return {name: list(values) for name, values in query_of(answer.headers["location"]).items()}

    async def come_back(self, browser: httpx2.AsyncClient, query: Query) -> httpx2.Response:
        return await browser.get(f"{CALLBACK}?{urlencode(query, doseq=True)}")

    async def log_in(self, to: str = "/") -> httpx2.AsyncClient:
        """A browser with a session of the provider's `alice`."""
        browser = self.stranger()
        answer = await self.come_back(browser, await self.begin(browser, to))
        assert answer.status_code == 303, answer.text
        return browser

    def stranger(self) -> httpx2.AsyncClient:
        browser = self.door.client()
        browser.headers["accept"] = "text/html"
        return browser

    async def tell_logout(self, token: str | None = None) -> httpx2.Response:
        """The provider's own call; honest unless a token is given."""
        told = sign(self.forge.logout_claims(), typ="logout+jwt") if token is None else token
        return await self.door.client().post(BACKCHANNEL, data={"logout_token": told})

    async def last(self) -> AuditEvent:
        return (await self.world.ports.audit.recent(1))[0]


@asynccontextmanager
async def entrance_over(world: World) -> AsyncIterator[Entrance]:
    def now() -> datetime:
        return world.clock.now()

    async with running_forge(now) as forge, Outward(parse_allowed("127.0.0.0/8")) as outward:
        told = {"type": "oidc", "name": "forge", "issuer": forge.issuer, "client_id": CLIENT_ID}
        login = OidcLogin(OidcProvider.model_validate(told), CLIENT_SECRET, outward, world.clock)
        policy = Policy(rules=RULES, providers={"forge": login}, url=URL)
        world.ports = replace(world.ports, policy=policy)
        async with Door(world) as door:
            yield Entrance(door, forge, world, login)


def path_of(address: str) -> str:
    return urlsplit(address).path

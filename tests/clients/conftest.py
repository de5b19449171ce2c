"""Providers, and the portal's clients for them, on a clock that the test moves."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from sre_portal.clients.oidc import OidcLogin
from sre_portal.clients.outward import Outward
from sre_portal.core.login import Attempt, Identity
from sre_portal.core.outward import parse_allowed
from sre_portal.core.provider import OidcProvider
from tests.providers.forge import CLIENT_ID, CLIENT_SECRET, Forge, running_forge
from tests.providers.hostile import Query
from tests.providers.idp import query_of

CALLBACK = "https://portal.example/login/forge/callback"


@dataclass
class Watch:
    """A clock that stands still until it is moved."""

    at: datetime = field(default_factory=lambda: datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC))

    def now(self) -> datetime:
        return self.at

    def move(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Stage:
    """The forge and the portal's client for it."""

    forge: Forge
    login: OidcLogin
    watch: Watch
    outward: Outward

    async def begin(self) -> tuple[Attempt, Query]:
        """A login as far as the honest callback."""
        url, attempt = await self.login.begin(CALLBACK, "/runs")
        answer = await self.outward.request("GET", url)
        return attempt, {name: list(values) for name, values in query_of(answer.headers["location"]).items()}

    async def log_in(self) -> Identity:
        attempt, query = await self.begin()
        return await self.login.finish(attempt, query)

    def client(self, secret: str = CLIENT_SECRET, **settings: object) -> OidcLogin:
        """A client for the forge with other settings."""
        told = {"type": "oidc", "name": "forge", "issuer": self.forge.issuer, "client_id": CLIENT_ID}
        return OidcLogin(OidcProvider.model_validate(told | settings), secret, self.outward, self.watch)


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
async def outward() -> AsyncIterator[Outward]:
    """Allowed to call this machine, where the providers of the tests are."""
    async with Outward(parse_allowed("127.0.0.0/8")) as client:
        yield client


@pytest.fixture
async def stage(watch: Watch, outward: Outward) -> AsyncIterator[Stage]:
    async with running_forge(watch.now) as forge:
        told = {"type": "oidc", "name": "forge", "issuer": forge.issuer, "client_id": CLIENT_ID}
        login = OidcLogin(OidcProvider.model_validate(told), CLIENT_SECRET, outward, watch)
        yield Stage(forge, login, watch, outward)

"""All that the portal calls of its own: login providers, and the addresses that are told of things.

Imported only where there is one of these: what speaks with them is 10 MB of memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import structlog

from sre_portal.clients.notice import Webhooks, Witness
from sre_portal.clients.outward import Outward
from sre_portal.clients.providers import login_providers
from sre_portal.core.outward import OutwardRule
from sre_portal.core.ports import Clock, LoginProvider
from sre_portal.core.provider import GitHubProvider, OidcProvider

log = structlog.get_logger("sre_portal")

LAST_SECONDS = 2.0
"""So long a portal that ends waits for notices that are under way."""


@asynccontextmanager
async def calling(
    providers: Sequence[OidcProvider | GitHubProvider], rule: OutwardRule, clock: Clock
) -> AsyncIterator[tuple[Outward, Sequence[LoginProvider]]]:
    """A client that is bound to a rule, and the login providers that are asked by it."""
    async with Outward(rule) as outward:
        yield outward, login_providers(providers, outward, clock)


@asynccontextmanager
async def telling(
    urls: Sequence[str], outward: Outward, witness: Witness, environment: str
) -> AsyncIterator[Webhooks]:
    """What tells people. It waits a moment at its end: a portal may end right after the glass was broken."""
    notices = Webhooks(urls, outward, witness, environment)
    try:
        yield notices
    finally:
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await notices.settled()
        except TimeoutError:
            log.warning("the portal ends before its notices are delivered", seconds=LAST_SECONDS)

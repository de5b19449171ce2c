"""A provider that follows a stub portal over real sockets, and a client of OpenFeature before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.event import EventDetails, ProviderEvent
from openfeature.provider import ProviderStatus

from sre_portal.agent.alone import LoneAgent
from sre_portal.agent.clock import Clock
from sre_portal.agent.flags import PortalProvider
from sre_portal.agent.flags.provider import NAME
from tests.agent.portal import HANGS_SECONDS, TOKEN, StubPortal, Wire, serving
from tests.agent.worn import wall

SWITCH: Wire = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
OFF: Wire = {**SWITCH, "defaultVariant": "off"}
DISABLED: Wire = {**SWITCH, "state": "DISABLED"}
EMPTY_DEFAULT: Wire = {"kind": "set", "flag_set": "default", "version": 0, "document": {"flags": {}}}
DOMAIN = "tests"


def whole(version: int = 1, flag_set: str = "shop", around: Wire | None = None, **flags: Wire) -> Wire:
    document = {**(around or {}), "flags": flags}
    return {"kind": "set", "flag_set": flag_set, "version": version, "document": document}


def change(since: int, flag_set: str = "shop", **flags: Wire | None) -> Wire:
    return {"kind": "change", "flag_set": flag_set, "since": since, "version": since + 1, "flags": flags}


def beat() -> Wire:
    return {"kind": "beat", "sent_at": wall()}


@dataclass
class Flagged:
    """The portal, the provider, a client of the SDK, and every event there was."""

    portal: StubPortal
    provider: PortalProvider
    client: OpenFeatureClient
    events: list[tuple[ProviderEvent, EventDetails]] = field(default_factory=list)

    def note(self, kind: ProviderEvent, details: EventDetails) -> None:
        if details.provider_name == NAME:  # and not that of the SDK, which was there before
            self.events.append((kind, details))

    @property
    def status(self) -> ProviderStatus:
        return self.client.get_provider_status()

    def kinds(self) -> list[str]:
        return [kind.name.removeprefix("PROVIDER_") for kind, _ in self.events]

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Waits until the provider is so: it changes on threads of its own, without an event for each."""
        async with asyncio.timeout(HANGS_SECONDS):
            while not wanted():  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.002)

    async def until_version(self, version: int, flag_set: str = "shop") -> None:
        def has_it() -> bool:
            known = self.provider._known.sets.get(flag_set)
            return known is not None and known.version >= version

        await self.until(has_it)

    async def report_with_seen(self, flag_set: str, version: int) -> Wire:
        def tells(report: Wire) -> bool:
            return any(
                (one["flag_set"], one["version"]) == (flag_set, version) for one in report["flags_seen"]
            )

        return await self.portal.reported(tells)


@asynccontextmanager
async def flagged(
    *lines: Wire,
    clock: Clock | None = None,
    status: int = 200,
    wait_seconds: float = 30.0,
    **options: Any,  # noqa: ANN401  # whatever else the provider takes
) -> AsyncIterator[Flagged]:
    """A provider by itself whose first definitions are these lines; without any it waits for some."""
    async with serving(StubPortal(wall)) as portal:
        portal.flags_status = status
        await portal.flags(*lines)
        agent = LoneAgent(
            service="shop", portal_url=portal.url, token=TOKEN, instance="worker-1", clock=clock
        )
        provider = PortalProvider(agent, wait_seconds=wait_seconds, **options)
        one = Flagged(portal, provider, api.get_client(DOMAIN))
        for kind in ProviderEvent:
            one.client.add_handler(kind, partial(one.note, kind))
        api.set_provider(provider, DOMAIN)
        try:
            if lines:
                await one.until(lambda: one.status is ProviderStatus.READY)
            yield one
        finally:
            await asyncio.to_thread(api.shutdown)
            api.clear_providers()

"""The portal dies under a service that evaluates flags: it answers on, says it is stale, and catches up."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from openfeature import api
from openfeature.client import OpenFeatureClient
from openfeature.flag_evaluation import Reason
from openfeature.provider import ProviderStatus

from sre_portal.agent.flags import PortalProvider
from tests.demo.running import RunningDemo, eventually

pytestmark = pytest.mark.live

FLAG = "recommendations"
INSTANCE = "worker-of-a-test"


async def post(demo: RunningDemo, path: str, body: object) -> Any:  # noqa: ANN401  # JSON
    headers = {"authorization": f"Bearer {demo.ready['token']}"}
    async with httpx2.AsyncClient(headers=headers, trust_env=False) as http:
        answer = await http.post(f"{demo.ready['portal']}/api/v1{path}", json=body)
    answer.raise_for_status()
    return answer.json()


@pytest.fixture
async def client(demo: RunningDemo) -> AsyncIterator[OpenFeatureClient]:
    """Asks a provider of its own that follows the demo's portal."""
    told = {"name": "worker", "agent": "shop", "days": 1, "reason": "a test"}
    token = (await post(demo, "/tokens", told))["secret"]
    provider = PortalProvider.alone(
        service="shop", portal_url=demo.ready["portal"], token=token, instance=INSTANCE
    )
    await asyncio.to_thread(api.set_provider_and_wait, provider, "live")
    yield api.get_client("live")
    await asyncio.to_thread(api.shutdown)
    api.clear_providers()


async def is_in(client: OpenFeatureClient, status: ProviderStatus) -> None:
    async with asyncio.timeout(60):
        while client.get_provider_status() is not status:  # noqa: ASYNC110  # the SDK tells it by asking only
            await asyncio.sleep(0.02)


async def test_a_service_outlives_its_portal_and_catches_up(
    demo: RunningDemo, client: OpenFeatureClient
) -> None:
    assert client.get_integer_details(FLAG, 0).reason is Reason.STATIC
    portal = demo.children()["portal"]
    portal.send_signal(signal.SIGSTOP)  # its connections stay open and nothing comes
    await is_in(client, ProviderStatus.STALE)
    last = client.get_integer_details(FLAG, 0)
    assert (last.value, last.variant, last.reason) == (4, "few", Reason.STALE)
    portal.kill()
    await is_in(client, ProviderStatus.READY)
    assert client.get_integer_details(FLAG, 0).reason is Reason.STATIC

    flipped = await post(demo, f"/flags/shop/{FLAG}/toggle", {"enabled": False, "reason": "a test"})
    assert flipped["version"] == 2

    async def is_off() -> bool:
        return client.get_integer_details(FLAG, 0).reason is Reason.DISABLED

    async def all_have_seen() -> dict[str, Any] | None:
        seen = await demo.api(f"/flags/shop/{FLAG}/seen")
        assert isinstance(seen, dict)
        return seen if seen["subscribers"] == 2 and not seen["missing"] else None

    await eventually(is_off)
    seen = await eventually(all_have_seen)
    assert seen is not None
    [ours] = [one for one in seen["instances"] if one["name"] == f"shop/{INSTANCE}"]
    assert 0 <= ours["delay_ms"] < 5_000

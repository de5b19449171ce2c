"""Who has seen a version, over the API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sre_portal.contract.report import FlagSeen
from tests.operations.test_sightings import flip, tell
from tests.operations.world import World
from tests.web.door import Door


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path, agents=[]).open()
    yield opened
    await opened.close()


async def test_a_set_and_a_flag_say_who_has_their_last_change(door: Door, world: World) -> None:
    first = await flip(world, key="cart")
    at = world.clock.now().timestamp()
    world.clock.move(1)
    last = await flip(world, key="search")
    await tell(world, FlagSeen("shop", first, at + 0.25))
    await tell(world, FlagSeen("shop", last, at + 1.0), instance="shop-2")
    vera = door.client("vera")
    flag = (await vera.get("/api/v1/flags/shop/cart/seen")).json()
    assert (flag["set_version"], flag["subscribers"], flag["seen"], flag["missing"]) == (1, 2, 2, [])
    assert flag["p50_ms"] == pytest.approx(625.0)
    assert flag["slowest"] == {"name": "shop/shop-2", "seen": True, "delay_ms": 1000.0}
    whole = (await vera.get("/api/v1/flag-sets/shop/seen")).json()
    assert (whole["set_version"], whole["seen"], whole["missing"]) == (2, 1, ["shop/shop-1"])
    assert whole["instances"][-1] == {"name": "shop/shop-1", "seen": False, "delay_ms": None}
    assert (await vera.get("/api/v1/flag-sets/shop/seen?version=1")).json()["seen"] == 2


async def test_one_waiting_subscriber_is_every_percentile(door: Door, world: World) -> None:
    version, at = await flip(world), world.clock.now().timestamp()
    world.clock.move(1)
    await tell(world, FlagSeen("shop", version, at + 0.5))
    told = (await door.client("vera").get("/api/v1/flag-sets/shop/seen")).json()
    assert (told["p50_ms"], told["p99_ms"]) == (500.0, 500.0)


async def test_without_subscribers_there_is_nothing_to_wait_for(door: Door, world: World) -> None:
    await flip(world)
    told = (await door.client("vera").get("/api/v1/flag-sets/shop/seen")).json()
    assert (told["subscribers"], told["p50_ms"], told["slowest"]) == (0, None, None)


@pytest.mark.parametrize(
    "path", ["/flag-sets/none/seen", "/flag-sets/shop/seen?version=9", "/flags/shop/none/seen"]
)
async def test_what_is_not_there_was_seen_by_nobody(door: Door, world: World, path: str) -> None:
    await flip(world)
    assert (await door.client("vera").get(f"/api/v1{path}")).status_code == 404

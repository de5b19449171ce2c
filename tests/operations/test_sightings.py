"""Agents tell what they have seen; what they cannot have seen is not believed."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from sre_portal.contract.report import AgentReport, FlagSeen
from sre_portal.core.errors import InvalidInput, NotFound
from sre_portal.core.flag_step import Put, Toggle
from sre_portal.core.ports import Token
from sre_portal.operations.flags import FlagOrder, change_flag
from sre_portal.operations.ingest import ingest
from sre_portal.operations.instances import look_at_instances
from sre_portal.operations.sightings import seen_by
from tests.operations.world import ADA, START, World

TOKEN = Token("agent", "", None, "shop", START)
SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    world = await World(tmp_path, agents=[]).open()
    yield world
    await world.close()


async def flip(world: World, flag_set: str = "shop", key: str = "cart") -> int:
    """Changes a flag. The version of its set."""
    kept = world.ports.flag_book.get(flag_set)
    row = None if kept is None else kept.rows.get(key)
    order = FlagOrder(flag_set, key, "a test")
    if row is None:
        return (await change_flag(world.ports, ADA, order, Put(SWITCH))).set_version
    is_on = "ENABLED" in (row.definition or "")
    return (await change_flag(world.ports, ADA, order, Toggle(not is_on))).set_version


async def tell(world: World, *seen: FlagSeen, instance: str = "shop-1") -> None:
    at = world.clock.now().timestamp()
    report = AgentReport("shop", instance, "0.1.0", 1, START.timestamp() - 60, at, flags_seen=list(seen))
    await ingest(world.ports, TOKEN, report)
    await look_at_instances(world.ports)


async def test_who_has_a_version_and_after_how_long(world: World) -> None:
    version = await flip(world)
    at = world.clock.now().timestamp()
    world.clock.move(1)
    await tell(world, FlagSeen("shop", version, at + 0.25))
    await tell(world, FlagSeen("shop", 0, at), instance="shop-2")
    found = await seen_by(world.ports, "shop", version)
    assert found.delays == {"shop/shop-1": 250.0}
    assert found.missing == ("shop/shop-2",)
    assert found.changed_at == START


async def test_a_version_that_others_followed_is_still_known(world: World) -> None:
    first = await flip(world)
    world.clock.move(1)
    last = await flip(world)
    await tell(world, FlagSeen("shop", last, world.clock.now().timestamp()))
    assert (await seen_by(world.ports, "shop", first)).delays == {"shop/shop-1": 1000.0}


async def test_an_instance_that_has_gone_is_asked_for_no_more(world: World) -> None:
    version = await flip(world)
    await tell(world, FlagSeen("shop", version, world.clock.now().timestamp()))
    world.clock.move(60)
    assert (await seen_by(world.ports, "shop", version)).subscribers == []


@pytest.mark.parametrize(("told", "kept"), [(-3600.0, 0.0), (3600.0, 2000.0), (1.5, 1500.0)])
async def test_an_instant_that_cannot_be_is_moved(world: World, told: float, kept: float) -> None:
    version = await flip(world)
    at = world.clock.now().timestamp()
    world.clock.move(2)
    await tell(world, FlagSeen("shop", version, at + told))
    assert (await seen_by(world.ports, "shop", version)).delays == {"shop/shop-1": kept}


async def test_a_token_tells_nothing_of_another_services_flags(world: World) -> None:
    version = await flip(world, "payments")
    shared = await flip(world, "default")
    staging = await flip(world, "shop@staging")
    at = world.clock.now().timestamp()
    told = [FlagSeen(name, 1, at) for name in ("payments", "default", "shop@staging", "payments@staging")]
    await tell(world, *told)
    assert (await seen_by(world.ports, "payments", version)).subscribers == []
    assert (await seen_by(world.ports, "default", shared)).subscribers == ["shop/shop-1"]
    assert (await seen_by(world.ports, "shop@staging", staging)).subscribers == ["shop/shop-1"]


@pytest.mark.parametrize("version", [-1, 2, 1 << 62])
async def test_a_version_that_is_not_there_cannot_be_seen(world: World, version: int) -> None:
    made = await flip(world)
    await tell(world, FlagSeen("shop", version, world.clock.now().timestamp()))
    assert (await seen_by(world.ports, "shop", made)).subscribers == []


async def test_what_is_told_of_a_set_that_is_not_there_is_not_kept(world: World) -> None:
    made = await flip(world)
    at = world.clock.now().timestamp()
    names = ["shop@made-up", "shop@" + "z" * 9000, "shop@\x00"]
    await tell(world, *(FlagSeen(name, 0, at) for name in names), FlagSeen("shop", 0, at))
    assert [await world.ports.sightings.of(name, 0) for name in names] == [[], [], []]
    assert (await seen_by(world.ports, "shop", made)).missing == ("shop/shop-1",)


async def test_more_sets_than_an_agent_follows_are_refused(world: World) -> None:
    with pytest.raises(InvalidInput, match="flags_seen: 9 of them"):
        await tell(world, *(FlagSeen("shop", 0, 1.0) for _ in range(9)))


async def test_nothing_is_known_of_a_version_that_never_was(world: World) -> None:
    await flip(world)
    with pytest.raises(NotFound):
        await seen_by(world.ports, "shop", 7)
    with pytest.raises(NotFound):
        await seen_by(world.ports, "none", 1)


async def test_a_version_of_another_replica_is_taken_in_when_an_agent_tells_of_it(
    world: World, tmp_path: Path
) -> None:
    other = await World(tmp_path, world.clock, agents=[]).open()
    try:
        version = await flip(other)
        assert world.ports.flag_book.get("shop") is None
        await tell(world, FlagSeen("shop", version, world.clock.now().timestamp()))
        assert (await seen_by(world.ports, "shop", version)).delays == {"shop/shop-1": 0.0}
    finally:
        await other.close()


async def test_what_was_told_long_ago_does_not_come_back(world: World) -> None:
    """Started after the change: it has the version, and has waited for nothing."""
    version = await flip(world)
    world.clock.move(30)
    now = world.clock.now()
    report = AgentReport(
        "shop", "shop-9", "0.1.0", 1, (now - timedelta(seconds=1)).timestamp(), now.timestamp()
    )
    report.flags_seen = [FlagSeen("shop", version, now.timestamp())]
    await ingest(world.ports, TOKEN, report)
    await look_at_instances(world.ports)
    found = await seen_by(world.ports, "shop", version)
    assert (found.subscribers, found.waits_ms) == (["shop/shop-9"], [])

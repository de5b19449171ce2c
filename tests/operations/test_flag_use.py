"""Evaluations are counted by everybody who evaluates, and by nobody who makes them up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from sre_portal.contract.report import AgentReport, FlagUse
from sre_portal.core.errors import InvalidInput, StoreUnavailable
from sre_portal.core.flag_step import Toggle
from sre_portal.core.ports import Token
from sre_portal.operations.flag_import import ImportOrder, import_flags
from sre_portal.operations.flag_use import (
    MOST_AT_ONCE,
    MOST_WRITTEN,
    count,
    count_all,
    given_so_far,
    look_for_stale,
    stale_in,
    use_of,
    write_uses,
)
from sre_portal.operations.flags import FlagOrder, change_flag, kept_set
from sre_portal.operations.ingest import ingest
from sre_portal.operations.ports import Ports
from tests.operations.world import OMAR, START, World

SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
RULE = {**SWITCH, "targeting": {"if": [{"var": "staff"}, "on", "off"]}}
FLAGS = {
    "new-cart": SWITCH,
    "staff": RULE,
    "panic": {**SWITCH, "metadata": {"killSwitch": True}},
    "short": {**SWITCH, "metadata": {"staleAfterDays": 2}},
}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path, agents=[]).open()
    await import_flags(opened.ports, OMAR, ImportOrder("shop", "test"), {"flags": FLAGS})
    await import_flags(opened.ports, OMAR, ImportOrder("pay", "test"), {"flags": {"new-cart": SWITCH}})
    yield opened
    await opened.close()


async def counted(ports: Ports, flag_set: str = "shop") -> dict[str, dict[str, int]]:
    await write_uses(ports)
    uses = await use_of(ports, flag_set)
    return {key: {name: one.count for name, one in use.variants.items()} for key, use in uses.items()}


def report(*uses: FlagUse) -> AgentReport:
    return AgentReport("shop", "shop-1", "1", 1, START.timestamp(), START.timestamp(), flag_uses=[*uses])


async def tell(ports: Ports, *uses: FlagUse) -> None:
    await ingest(ports, Token("agent:shop", "", None, "shop", START), report(*uses))


async def test_evaluations_add_up_over_passes(world: World) -> None:
    count(world.ports, "shop", "new-cart", "on")
    count(world.ports, "shop", "new-cart", "on")
    assert await counted(world.ports) == {"new-cart": {"on": 2}}
    count(world.ports, "shop", "new-cart", None)
    count(world.ports, "pay", "new-cart", "off")
    assert await counted(world.ports) == {"new-cart": {"on": 2, "": 1}}
    assert await counted(world.ports, "pay") == {"new-cart": {"off": 1}}
    assert world.ports.watch.flags_evaluated == {"shop": 3, "pay": 1}


async def test_what_is_being_written_counts_once(world: World) -> None:
    key, asked = ("shop", "new-cart", "on"), list[asyncio.Task[tuple[int, datetime | None]]]()

    async def ask() -> None:
        asked.append(asyncio.create_task(given_so_far(world.ports, key)))
        await asyncio.sleep(0)

    assert await given_so_far(world.ports, key) == (0, None)
    for _ in range(3):
        count(world.ports, *key)
    assert await given_so_far(world.ports, key) == (3, START)
    world.meddle("flag_uses", "add", ask)
    await write_uses(world.ports)
    world.clock.move(60)
    assert [await one for one in asked] == [(3, START)]
    count(world.ports, *key)
    assert await given_so_far(world.ports, key) == (4, START + timedelta(seconds=60))


async def test_what_is_not_there_is_not_kept(world: World) -> None:
    for key, variant in (("gone", "on"), ("new-cart", "maybe")):
        count(world.ports, "shop", key, variant)
    count(world.ports, "nowhere", "new-cart", "on")
    assert await counted(world.ports) == {}
    assert world.ports.watch.flag_uses == {}


async def test_the_same_answer_with_all_flags_counts_once_a_pass(world: World) -> None:
    flags = kept_set(world.ports, "shop").flags
    contexts: list[Mapping[str, object]] = [{}, {}, {"staff": True}]
    for context in contexts:
        found = flags.evaluate_all(context)
        count_all(world.ports, "shop", str(found["staff"].variant), found)
    seen = await counted(world.ports)
    assert (seen["new-cart"], seen["staff"]) == ({"on": 2}, {"on": 1, "off": 1})
    count_all(world.ports, "shop", "off", flags.evaluate_all({}))
    assert (await counted(world.ports))["staff"] == {"on": 1, "off": 2}


async def test_an_agent_tells_of_its_own_sets_and_of_the_default_one(world: World) -> None:
    await import_flags(world.ports, OMAR, ImportOrder("default", "test"), {"flags": {"all": SWITCH}})
    await import_flags(world.ports, OMAR, ImportOrder("shop@staging", "test"), {"flags": {"all": SWITCH}})
    await tell(
        world.ports,
        FlagUse("shop", "new-cart", "on", 5),
        FlagUse("default", "all", "off", 2),
        FlagUse("shop@staging", "all", "", 3),
        FlagUse("pay", "new-cart", "on", 7),
        FlagUse("shop", "gone", "on", 7),
        FlagUse("shop", "new-cart", "maybe", 7),
        FlagUse("shop", "new-cart", "on", -7),
        FlagUse("shop", "short", "on", 2**62),
    )
    assert await counted(world.ports) == {"new-cart": {"on": 5}, "short": {"on": 10_000_000}}
    assert await counted(world.ports, "default") == {"all": {"off": 2}}
    assert await counted(world.ports, "shop@staging") == {"all": {"": 3}}
    assert await counted(world.ports, "pay") == {}


async def test_a_report_that_repeats_a_flag_tells_no_more_of_it_than_one_may(world: World) -> None:
    await tell(world.ports, *[FlagUse("shop", "new-cart", "on", 2**62)] * 1000)
    assert await counted(world.ports) == {"new-cart": {"on": MOST_AT_ONCE}}
    await tell(world.ports, *[FlagUse("shop", "new-cart", "on", 2)] * 3)
    assert await counted(world.ports) == {"new-cart": {"on": MOST_AT_ONCE + 6}}


async def test_a_report_with_too_many_uses_is_refused(world: World) -> None:
    with pytest.raises(InvalidInput, match="flag_uses"):
        await tell(world.ports, *[FlagUse("shop", "new-cart", "on", 1)] * 10_001)


async def test_what_cannot_be_written_is_counted_still(world: World) -> None:
    count(world.ports, "shop", "new-cart", "on")
    world.fail("flag_uses", "add")
    with pytest.raises(StoreUnavailable):
        await write_uses(world.ports)
    count(world.ports, "shop", "new-cart", "on")
    assert await counted(world.ports) == {"new-cart": {"on": 2}}


async def test_what_is_evaluated_while_it_is_written_is_counted_too(world: World) -> None:
    async def meanwhile() -> None:
        count(world.ports, "shop", "new-cart", "on")

    world.meddle("flag_uses", "add", meanwhile)
    count(world.ports, "shop", "new-cart", "on")
    await write_uses(world.ports)
    assert world.ports.watch.flag_uses == {("shop", "new-cart", "on"): 1}
    assert await counted(world.ports) == {"new-cart": {"on": 2}}


async def test_one_pass_writes_so_many_rows_and_the_next_the_rest(world: World) -> None:
    flags = {f"flag-{n}": SWITCH for n in range(MOST_WRITTEN + 5)}
    await import_flags(world.ports, OMAR, ImportOrder("many", "test"), {"flags": flags})
    count_all(world.ports, "many", "tag", kept_set(world.ports, "many").flags.evaluate_all({}))
    assert [len(await counted(world.ports, "many")) for _ in range(2)] == [MOST_WRITTEN, MOST_WRITTEN + 5]


async def pass_days(world: World, days: int, *used: str) -> None:
    """Days go by in which the portal counts, and those flags give `on`."""
    for _ in range(days * 24):
        world.clock.move(3600)
        for key in used:
            count(world.ports, "shop", key, "on")
        await write_uses(world.ports)


async def test_flags_that_nobody_needs_are_found(world: World) -> None:
    await write_uses(world.ports)
    await pass_days(world, 3, "panic", "short")
    assert {
        key: str(one) for key, one in (await stale_in(world.ports, kept_set(world.ports, "shop"))).items()
    } == {"short": "always variant on for 3 days"}
    await change_flag(world.ports, OMAR, FlagOrder("shop", "short", "needed"), Toggle(False))
    await look_for_stale(world.ports)
    assert world.ports.watch.flags_stale == {"pay": 0, "shop": 0}
    world.clock.move(timedelta(days=40).total_seconds())
    await write_uses(world.ports)
    assert await stale_in(world.ports, kept_set(world.ports, "shop")) == {}

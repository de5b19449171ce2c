"""A budget that burns turns a flag, and everybody can see later that it did, and why."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from sre_portal.core.audit import AuditEvent, AuditFilter
from sre_portal.core.errors import StoreUnavailable
from sre_portal.core.flag_step import Put, Toggle
from sre_portal.core.flag_turn import FlagTurn
from sre_portal.core.parse import parse_slo
from sre_portal.operations.flag_facts import facts_of
from sre_portal.operations.flag_import import ImportOrder, import_flags
from sre_portal.operations.flag_turns import look_at_turns
from sre_portal.operations.flags import FlagOrder, change_flag, kept_set
from tests.operations.world import OMAR, SLO, STEP, World

NAME = "shop-availability"
SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
LOW = {"<": [{"var": [f"$slo.{NAME}.budget_remaining", 1]}, 0.8]}
RULE = {**SWITCH, "targeting": {"if": [{"and": [LOW, {"!=": [{"var": "tier"}, "gold"]}]}, "off", "on"]}}
HOT = {**SWITCH, "targeting": {"if": [{">": [{"var": [f"$slo.{NAME}.burn_1h", 0]}, 2]}, "off", "on"]}}
KEY = "recommendations"
HOT_WORDS = f"$slo.{NAME}.burn_1h > 2"
LOW_WORDS = f"$slo.{NAME}.budget_remaining < 0.8"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Of a budget of one hour, so that it can be spent in a minute."""
    opened = await World(tmp_path, slos=(parse_slo(SLO.replace("30d", "1h"), "slo"),)).open()
    await import_flags(
        opened.ports, OMAR, ImportOrder("shop", "test"), {"flags": {KEY: RULE, "plain": SWITCH}}
    )
    await opened.warm()
    await look_at_turns(opened.ports)
    yield opened
    await opened.close()


async def passing(world: World, seconds: float, bad: int = 0) -> None:
    """Time in which that many requests a second fail."""
    world.agents[0].organic_bad = bad
    for _ in range(int(seconds / STEP)):
        await world.step()
        await look_at_turns(world.ports)


async def turns(world: World, key: str = KEY) -> list[FlagTurn]:
    """Oldest first."""
    return [*await world.ports.flag_turns.recent("shop", key, 100)][::-1]


async def told(world: World) -> list[AuditEvent]:
    """Oldest first."""
    return [*await world.ports.audit.recent(100, AuditFilter(action="flag:turn"))][::-1]


def value(world: World, **context: object) -> object:
    flags = kept_set(world.ports, "shop").flags
    return flags.evaluate(KEY, context, facts=facts_of(world.ports)).value


async def test_a_budget_that_burns_turns_a_flag_and_it_is_written_down(world: World) -> None:
    assert value(world) is True
    await passing(world, 15, bad=40)
    assert (value(world), value(world, tier="gold")) == (False, True)
    [turn] = await turns(world)
    assert turn.words == f"{LOW_WORDS} holds"
    assert (turn.flag_set, turn.key) == ("shop", KEY)
    left = turn.facts[f"{NAME}.budget_remaining"]
    assert left is not None
    assert 0.7 < left < 0.8
    [event] = await told(world)
    assert (event.actor, event.object, event.outcome) == ("portal", f"flag:shop/{KEY}", "done")
    assert (event.reason, event.at) == (turn.words, turn.at)
    assert event.before is not None
    assert event.after is not None
    assert event.before["conditions"] == {LOW_WORDS: False}
    assert event.after == {"conditions": {LOW_WORDS: True}, "facts": {f"{NAME}.budget_remaining": left}}


async def hot_for_a_while(world: World) -> None:
    """Another rule, by the burn of the last hour: it rises above 2, and is below after a minute."""
    await change_flag(world.ports, OMAR, FlagOrder("shop", KEY, "hot", version=1), Put(HOT))
    await passing(world, 8, bad=20)
    world.agents[0].organic_bad = 0


async def test_it_turns_back_when_the_budget_burns_no_more(world: World) -> None:
    await hot_for_a_while(world)
    assert value(world) is False
    await passing(world, 75)
    assert [one.words for one in await turns(world)] == [f"{HOT_WORDS} holds", f"{HOT_WORDS} holds no more"]
    assert value(world) is True


async def test_what_turned_while_nobody_looked_is_told_when_somebody_does(world: World) -> None:
    await hot_for_a_while(world)
    await world.run_for(75)
    assert len(await turns(world)) == 1
    await world.restart()
    await passing(world, 1)
    _, back = await turns(world)
    assert back.words == f"{HOT_WORDS} holds no more"


async def test_a_flag_that_flutters_turns_once_in_ten_seconds(world: World) -> None:
    await change_flag(world.ports, OMAR, FlagOrder("shop", KEY, "hot", version=1), Put(HOT))
    watch, book = world.ports.watch.turns, world.ports.flag_book
    for turn in range(81):
        world.clock.move(STEP)
        watch.look(book.all(), {NAME: {"burn_1h": 3.0 if turn % 2 else 1.0}}, world.clock.now())
    waiting = [one.turn for one in watch.waiting]
    assert [one.conditions[0].after for one in waiting] == [True, False]
    assert timedelta(seconds=10) <= waiting[1].at - waiting[0].at <= timedelta(seconds=10 + 2 * STEP)


async def test_an_edit_is_no_turn(world: World) -> None:
    await passing(world, 15, bad=40)
    stricter = {**SWITCH, "targeting": {"if": [{"<": [LOW["<"][0], 0.1]}, "off", "on"]}}
    await change_flag(world.ports, OMAR, FlagOrder("shop", KEY, "stricter", version=1), Put(stricter))
    await passing(world, 2)
    await change_flag(world.ports, OMAR, FlagOrder("shop", KEY, "off"), Toggle(False))
    await passing(world, 2)
    await change_flag(world.ports, OMAR, FlagOrder("shop", KEY, "on"), Toggle(True))
    await passing(world, 2)
    assert len(await turns(world)) == 1


async def test_a_restart_is_no_turn(world: World) -> None:
    await passing(world, 15, bad=40)
    await world.restart()
    await passing(world, 3)
    assert len(await turns(world)) == len(await told(world)) == 1


@pytest.mark.parametrize(("port", "method"), [("audit", "record"), ("flag_turns", "add")])
async def test_what_cannot_be_written_is_written_later_and_once(world: World, port: str, method: str) -> None:
    failing = world.fail(port, method, 3)
    world.agents[0].organic_bad = 40
    for _ in range(60):
        await world.step()
        try:
            await look_at_turns(world.ports)
        except StoreUnavailable:
            assert len(world.ports.watch.turns.waiting) == 1
    assert failing.times == 0
    assert len(await turns(world)) == len(await told(world)) == 1
    assert not world.ports.watch.turns.waiting


async def test_a_shared_rule_turns_all_flags_that_name_it(world: World) -> None:
    named = {**SWITCH, "targeting": {"if": [{"$ref": "degraded"}, "off", "on"]}}
    document = {"$evaluators": {"degraded": LOW}, "flags": {"a": named, "b": named, "c": SWITCH}}
    await import_flags(world.ports, OMAR, ImportOrder("shop", "shared"), document)
    await passing(world, 15, bad=40)
    assert sorted(one.key for one in await turns(world, "")) == ["a", "b"]


async def test_facts_stay_while_nothing_can_be_judged(world: World) -> None:
    await passing(world, 3, bad=40)
    known = facts_of(world.ports)
    world.fail("reports", "slis_since", 10_000)
    for _ in range(40):
        await world.step()
    assert facts_of(world.ports) is known

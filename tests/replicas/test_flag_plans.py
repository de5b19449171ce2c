"""Planned changes over several replicas: made once, and by whoever drives when their instant comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from sre_portal.core.access import Principal, Role
from sre_portal.core.errors import Conflict
from sre_portal.core.flag_plan import FlagPlan, PlanState, TimedStep
from sre_portal.core.flag_step import Put, Toggle
from sre_portal.operations.flag_making import make_due
from sre_portal.operations.flag_plans import approve, make_or_plan, propose
from sre_portal.operations.flags import FlagOrder, change_flag
from sre_portal.operations.standby import driving
from tests.operations.people import acting_as, person
from tests.operations.world import ADA
from tests.replicas.pair import Pair, running_pair

SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
CART = FlagOrder("shop", "new-cart", "a test")
SOON = timedelta(minutes=10)


@pytest.fixture
async def pair(fresh_postgres_url: str, tmp_path: Path) -> AsyncIterator[Pair]:
    async with running_pair(fresh_postgres_url, tmp_path) as running:
        yield running


async def operator(pair: Pair, name: str) -> Principal:
    return await acting_as(pair.driver.ports, await person(pair.driver.ports, name, Role.OPERATOR))


async def versions(pair: Pair) -> list[str]:
    """Who made each version, oldest first."""
    found = await pair.driver.ports.flags.history("shop", "new-cart", 10, None)
    return [one.changed_by for one in reversed(found)]


async def soon_off(pair: Pair) -> FlagPlan:
    """Planned on the one that stands by."""
    ana, ports = await operator(pair, "ana"), pair.standby.ports
    await change_flag(pair.driver.ports, ADA, CART, Put(SWITCH))
    steps = [TimedStep(Toggle(False), ports.clock.now() + SOON)]
    [plan] = await propose(ports, ana, CART, steps)
    return plan


async def test_replicas_that_all_think_they_drive_make_a_plan_once(pair: Pair) -> None:
    plan = await soon_off(pair)
    pair.driver.clock.move(SOON.total_seconds())
    both = (pair.driver.ports, pair.standby.ports)
    await asyncio.gather(*(make_due(ports) for ports in both * 3))
    assert (await pair.standby.ports.flag_plans.get(plan.id)).state is PlanState.DONE
    assert await versions(pair) == ["ada", f"ana, planned {plan.id}"]


async def test_a_plan_is_made_by_whoever_drives_when_it_is_due(pair: Pair) -> None:
    plan = await soon_off(pair)
    pair.driver.clock.move(SOON.total_seconds())
    await driving(make_due)(pair.standby.ports)
    assert (await pair.standby.ports.flag_plans.get(plan.id)).is_open
    await pair.driver_leaves()
    await driving(make_due)(pair.standby.ports)
    assert (await pair.standby.ports.flag_plans.get(plan.id)).outcome == "version 2"


async def test_of_two_who_approve_on_two_replicas_one_makes_it(pair: Pair) -> None:
    here, there = pair.driver.ports, pair.standby.ports
    dear = {**SWITCH, "metadata": {"protected": True}}
    await change_flag(here, ADA, CART, Put(dear))
    plan = await make_or_plan(here, await operator(pair, "ana"), CART, Toggle(False))
    assert isinstance(plan, FlagPlan)
    bo, cem = await operator(pair, "bo"), await operator(pair, "cem")
    tries = [approve(here, bo, plan.id, "fine"), approve(there, cem, plan.id, "fine")]
    ends = await asyncio.gather(*tries, return_exceptions=True)
    assert sum(isinstance(one, Conflict) for one in ends) == 1
    assert await versions(pair) == ["ada", f"ana, planned {plan.id}"]

"""A budget turns a flag on every replica, one of them writes it down, and all of them count evaluations."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sre_portal.core.audit import AuditFilter
from sre_portal.operations.flag_facts import facts_of
from sre_portal.operations.flag_import import ImportOrder, import_flags
from sre_portal.operations.flag_turns import look_at_turns
from sre_portal.operations.flag_use import count, use_of, write_uses
from sre_portal.operations.flags import kept_now
from sre_portal.operations.ports import Ports
from sre_portal.operations.standby import driving
from tests.operations.world import OMAR
from tests.replicas.pair import Pair, running_pair

SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
HOT = {">": [{"var": ["$slo.shop-availability.burn_1h", 0]}, 2]}
FLAGS = {"flags": {"recommendations": {**SWITCH, "targeting": {"if": [HOT, "off", "on"]}}}}
look = driving(look_at_turns)


@pytest.fixture
async def pair(fresh_postgres_url: str, tmp_path: Path) -> AsyncIterator[Pair]:
    async with running_pair(fresh_postgres_url, tmp_path) as running:
        await import_flags(running.driver.ports, OMAR, ImportOrder("shop", "test"), FLAGS)
        yield running


async def value(ports: Ports) -> object:
    kept = await kept_now(ports, "shop")
    return kept.flags.evaluate("recommendations", {}, facts=facts_of(ports)).value


async def test_all_replicas_turn_and_the_driver_writes_it_down(pair: Pair) -> None:
    here, there = pair.driver, pair.standby
    await look(here.ports)
    here.agents[0].organic_bad = 20
    for _ in range(40):
        await pair.step()
        await look(here.ports)
        await look(there.ports)
    assert (await value(here.ports), await value(there.ports)) == (False, False)
    assert facts_of(here.ports) == facts_of(there.ports)
    assert len(await there.ports.flag_turns.recent("shop", "", 10)) == 1
    await pair.driver_leaves()
    await look(there.ports)
    assert len(await there.ports.flag_turns.recent("shop", "", 10)) == 1
    assert len(await there.ports.audit.recent(10, AuditFilter(action="flag:turn"))) == 1


async def test_evaluations_of_all_replicas_add_up(pair: Pair) -> None:
    for ports in (pair.driver.ports, pair.standby.ports):
        await kept_now(ports, "shop")
        for _ in range(3):
            count(ports, "shop", "recommendations", "on")
        await write_uses(ports)
    for ports in (pair.driver.ports, pair.standby.ports):
        assert (await use_of(ports, "shop"))["recommendations"].count == 6

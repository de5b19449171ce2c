"""A drill outlives neither its portal nor a stop, whichever replica is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sre_portal.core.drill import wrapper_in
from sre_portal.core.flag_change import fields_of
from sre_portal.core.flag_kept import live_row
from sre_portal.core.flag_step import Put
from sre_portal.core.parse import parse_experiment
from sre_portal.core.run import Phase, Run, Verdict
from sre_portal.operations.flags import FlagOrder, change_flag, kept_now
from sre_portal.operations.standby import pass_time
from sre_portal.operations.stop import stop_all
from tests.operations.drilling import DRILL, SWITCH
from tests.operations.world import ADA, OMAR, World
from tests.replicas.pair import Pair, running_pair

pytestmark = pytest.mark.postgres


@pytest.fixture
async def pair(fresh_postgres_url: str, tmp_path: Path) -> AsyncIterator[Pair]:
    async with running_pair(fresh_postgres_url, tmp_path) as running:
        running.driver.agents[0].follows = "shop"
        await change_flag(
            running.driver.ports, ADA, FlagOrder("shop", "recommendations", "a test"), Put(SWITCH)
        )
        await running.step(2)
        yield running


async def flipped(pair: Pair) -> Run:
    """A run in the middle of its drill."""
    run = await pair.driver.start(ADA, parse_experiment(DRILL, "drill"))
    await pair.step(3)
    await is_wrapped(pair.driver, expected=True)
    return run


async def is_wrapped(world: World, *, expected: bool) -> None:
    async with asyncio.timeout(20):
        while True:
            row = live_row(await kept_now(world.ports, "shop"), "recommendations")
            if (wrapper_in(fields_of(row) or {}) is not None) is expected:
                return
            await asyncio.sleep(0.02)


async def test_a_replica_that_takes_over_in_mid_drill_brings_the_switch_back(pair: Pair) -> None:
    run = await flipped(pair)
    await pair.driver_leaves()
    await pass_time(pair.standby.ports)
    await is_wrapped(pair.standby, expected=False)
    done = await pair.standby.ports.runs.get(run.id)
    for _ in range(100):
        if done.phase is Phase.DONE:
            break
        pair.standby.clock.move(0.25)
        await pass_time(pair.standby.ports)
        done = await pair.standby.ports.runs.get(run.id)
    assert done.verdict is Verdict.ABORTED
    assert done.drills[0].restored_version is not None


async def test_a_stop_at_a_replica_that_stands_by_brings_the_switch_back(pair: Pair) -> None:
    run = await flipped(pair)
    stopping = asyncio.create_task(stop_all(pair.standby.ports, OMAR))
    while not stopping.done():
        await pair.step()
    assert list(stopping.result()) == [run.id]
    await is_wrapped(pair.standby, expected=False)

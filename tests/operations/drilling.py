"""A world in which kill switches are drilled: two shops subscribe to the flags of shop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from sre_portal.core.experiment import Experiment
from sre_portal.core.flag_change import fields_of
from sre_portal.core.flag_kept import live_row
from sre_portal.core.flag_step import Put
from sre_portal.core.run import Phase, Run
from sre_portal.operations.flags import FlagOrder, change_flag, kept_now
from tests.operations.world import ADA, SimulatedAgent, World

SWITCH: Mapping[str, object] = {
    "state": "ENABLED",
    "variants": {"on": True, "off": False},
    "defaultVariant": "on",
    "metadata": {"killSwitch": True},
}
DRILL = """
apiVersion: sre-portal.dev/v1
kind: Experiment
metadata: {name: drill-recommendations}
spec:
  target: {service: shop}
  duration: 20s
  steadyState: [{type: errors, slo: shop-availability, below: 1, over: 10s}]
  guardrails: [{type: traffic, service: shop, above: 5, over: 5s}]
  expectations:
    - {type: flag, flag: recommendations, variant: "off", cohort: {percent: 20}}
    - {type: alert, slo: shop-availability, alert: error-rate, outcome: silent}
"""


async def drill_world(path: Path, experiment: Experiment, fields: Mapping[str, object] = SWITCH) -> World:
    """Warm, and with a flag that is drilled."""
    shops = [SimulatedAgent(instance=f"shop-{one}", follows="shop", rate=20) for one in (1, 2)]
    opened = await World(path, agents=shops, experiment=experiment).open()
    await put(opened, fields)
    return await opened.warm()


async def put(world: World, fields: Mapping[str, object], key: str = "recommendations") -> None:
    await change_flag(world.ports, ADA, FlagOrder("shop", key, "a test"), Put(fields))


async def put_rule(world: World, fields: Mapping[str, object]) -> None:
    """As a drill does it, or whoever has the database: by hand no rule of a drill comes in."""
    order = FlagOrder("shop", "recommendations", "a test", is_drill=True)
    await change_flag(world.ports, ADA, order, Put(fields))


async def go(world: World, seconds: float) -> None:
    """Time passes, and what is done beside the loop gets done."""
    for _ in range(int(seconds * 4)):
        await world.step()
        if world.ports.watch.behind:
            await asyncio.wait(set(world.ports.watch.behind), timeout=0.2)


async def finish(world: World, run: Run) -> Run:
    for _ in range(120):
        if (await world.run(run.id)).phase is Phase.DONE:
            break
        await go(world, 1)
    return await world.run(run.id)


async def definition(world: World) -> Mapping[str, object]:
    return fields_of(live_row(await kept_now(world.ports, "shop"), "recommendations")) or {}


def answers(world: World, after: float = 0.0, people: int = 200) -> int:
    """How many of so many people get `off` now."""
    kept = world.ports.flag_book.get("shop")
    assert kept is not None
    at = int((world.clock.now() + timedelta(seconds=after)).timestamp())
    told = (
        kept.flags.evaluate("recommendations", {"targetingKey": f"u{one}"}, at=at) for one in range(people)
    )
    return sum(one.variant == "off" for one in told)

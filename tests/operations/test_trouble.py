"""What goes wrong around a run: a database that fails, a clock that is set, agents that lie or are silent."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from sre_portal.contract.report import AgentReport, InjectionCount, LeaseStatus, Second, SliCount
from sre_portal.core.alert import AlertState
from sre_portal.core.errors import InvalidInput, NotAuthenticated, NotFound, Refused, StoreUnavailable
from sre_portal.core.parse import parse_experiment
from sre_portal.core.ports import Token
from sre_portal.core.run import Phase, Verdict
from sre_portal.operations.ingest import ingest
from sre_portal.operations.stop import abort_run, stop_all
from sre_portal.operations.tick import tick
from tests.operations.world import ADA, EXPERIMENT, OMAR, START, SimulatedAgent, World

PAYMENTS = Token("payments", "", None, "payments", START)
LONG = EXPERIMENT.replace("duration: 20s", "duration: 120s")


async def acts(world: World, action: str) -> list[tuple[str, str]]:
    """(actor, outcome) of what was written into the audit log, oldest first."""
    events = await world.ports.audit.recent(100)
    return [(one.actor, one.outcome) for one in reversed(events) if one.action == action]


async def test_stops_at_once_are_each_written_once(world: World) -> None:
    await world.start()
    await asyncio.gather(*(stop_all(world.ports, who) for who in (ADA, OMAR, ADA)))
    assert await acts(world, "harm:stop") == [("ada", "done"), ("omar", "done"), ("ada", "done")]


async def test_a_stop_that_cannot_be_written_is_obeyed_and_written_by_the_loop(world: World) -> None:
    run = await world.until(Phase.OBSERVE, (await world.start()).id)
    failing = world.fail("audit", "record", times=3)
    assert list(await stop_all(world.ports, OMAR)) == [run.id]
    assert failing.times < 3
    assert not world.ports.desk.active().get("shop")
    await world.run_for(5)
    assert failing.times == 0
    assert await acts(world, "harm:stop") == [("omar", "done")]
    assert (await world.finish(run.id)).verdict is Verdict.ABORTED


async def test_whoever_stops_harm_is_answered_while_the_database_hangs(world: World) -> None:
    run = await world.until(Phase.OBSERVE, (await world.start()).id)
    hangs, free = asyncio.Event(), asyncio.Event()

    async def hang() -> None:
        hangs.set()
        await free.wait()

    world.meddle("audit", "record", hang)
    await abort_run(world.ports, OMAR, run.id, "enough")
    assert hangs.is_set()
    assert not free.is_set()
    assert not world.ports.desk.active().get("shop")
    free.set()
    assert (await world.finish(run.id)).verdict is Verdict.ABORTED


async def test_a_start_that_cannot_be_written_down_injects_nothing_and_ends(world: World) -> None:
    world.fail("runs", "save")
    with pytest.raises(StoreUnavailable):
        await world.start()
    assert not world.ports.desk.active().get("shop")
    run = await world.finish(1)
    assert run.verdict is Verdict.ABORTED
    assert any("could not be written down" in reason for reason in run.reasons), run.reasons
    assert (await world.start()).live


async def test_a_start_is_no_failure_because_its_outcome_is_written_late(world: World) -> None:
    world.fail("audit", "conclude")
    run = await world.start()
    assert world.ports.desk.active().get("shop")
    await world.run_for(2)
    assert await acts(world, "run:start") == [("ada", "done")]
    assert run.live


async def test_a_verdict_and_its_note_are_written_together(world: World) -> None:
    run = await world.until(Phase.RECOVER, (await world.start()).id)
    world.fail("runs", "save", times=2)
    run = await world.finish(run.id)
    entries = await world.ports.journal.entries(run.id)
    assert [entry.kind for entry in entries].count("verdict") == 1


async def test_a_change_of_an_alert_survives_a_write_that_failed(world: World) -> None:
    run = await world.until(Phase.OBSERVE, (await world.start()).id)
    world.fail("alerts", "save", times=2)
    await world.finish(run.id)
    states = [one.state for one in await world.ports.alerts.changes(START) if one.alert == "error-rate"]
    assert states[:2] == [AlertState.PENDING, AlertState.FIRING]


async def test_a_clock_that_is_set_back_ends_the_run_and_lets_none_start_until_it_is_known_again(
    world: World,
) -> None:
    run = await world.until(Phase.OBSERVE, (await world.start()).id)
    world.clock.move(-60)
    run = await world.finish(run.id)
    assert run.verdict is Verdict.ABORTED
    await world.run_for(2)
    with pytest.raises(Refused) as refused:
        await world.start()
    assert any("ahead of the clock" in one.reason for one in refused.value.objections)
    assert world.ports.watch.evaluated < world.clock.now().timestamp()
    await world.run_for(70)
    assert (await world.start()).live


async def test_a_run_may_not_burn_what_another_is_judged_by(world: World) -> None:
    run = await world.start(
        experiment=parse_experiment(
            EXPERIMENT.replace("service: shop,", "service: shop, route: /,", 1), "one"
        )
    )
    other = EXPERIMENT.replace("service: shop,", "service: shop, route: /checkout,", 1)
    with pytest.raises(Refused) as refused:
        await world.start(OMAR, parse_experiment(other, "other"))
    (overlap,) = (one for one in refused.value.objections if one.guard == "overlap")
    assert f"run {run.id}" in overlap.reason
    assert "both would burn shop-availability" in overlap.reason


async def test_an_agent_speaks_for_its_own_service_only(world: World) -> None:
    run = await world.until(Phase.OBSERVE, (await world.start()).id)
    now = int(world.clock.now().timestamp())
    lie = AgentReport(
        "payments",
        "payments-1",
        "0.1.0",
        1,
        START.timestamp(),
        float(now),
        seconds=[Second(now - 1, 10, 10, slis=[SliCount("shop-availability", 0, 5_000)])],
        leases=[LeaseStatus(f"{run.id}-0", run.id, refused="no")],
    )
    await ingest(world.ports, PAYMENTS, lie)
    await world.run_for(2)
    assert world.ports.board.sli("shop-availability").counts(now - 1, now).organic < 5_000
    assert (await world.finish(run.id)).verdict is Verdict.PASSED


async def test_a_report_with_the_token_of_another_service_is_refused_and_counted(world: World) -> None:
    report = AgentReport("shop", "shop-1", "0.1.0", 1, START.timestamp(), START.timestamp())
    with pytest.raises(NotAuthenticated):
        await ingest(world.ports, PAYMENTS, report)
    assert world.ports.watch.refused_agents == 1


async def test_seconds_that_are_told_after_a_gap_are_counted(world: World) -> None:
    agent = world.agents[0]
    agent.silent = True
    start = int(world.clock.now().timestamp())
    await world.run_for(40)
    agent.silent = False
    agent.organic_bad = 10
    await world._tell(agent, [agent.second(at) for at in range(start, start + 30)])
    await world.run_for(2)
    assert world.ports.board.sli("shop-availability").counts(start, start + 30).bad == 300


async def test_an_instance_that_reads_its_plans_and_reports_nothing_loses_its_lease(world: World) -> None:
    other = SimulatedAgent(instance="shop-2")
    world.agents.append(other)
    world.streams.append(asyncio.create_task(world._stream(other)))
    await world.run_for(3)
    run = await world.until(Phase.OBSERVE, (await world.start(experiment=parse_experiment(LONG, "x"))).id)
    assert other.lease() is not None
    other.silent = True
    await world.run_for(6)
    # A plan goes out once a second of real time; here the next change brings it.
    world.ports.desk.define({"shop": []})
    await world._deliver()
    assert other.lease() is None
    assert world.agents[0].lease() is not None
    assert (await world.run(run.id)).live


def told(**fields: Any) -> AgentReport:  # noqa: ANN401  # any field of a report
    known = AgentReport("shop", "shop-1", "1", 99, START.timestamp(), START.timestamp())
    return replace(known, **fields)


def second(**fields: Any) -> list[Second]:  # noqa: ANN401  # any field of a second
    return [Second(**{"at": int(START.timestamp())} | fields)]


@pytest.mark.parametrize(
    ("report", "path"),
    [
        (told(instance=""), "instance"),
        (told(instance="shop\n1"), "instance"),
        (told(version="1" * 200), "version"),
        (told(routes=["/x"] * 501), "routes"),
        (told(routes=["/" + "x" * 300]), "routes"),
        (told(seconds=second(requests=-5)), "seconds.0.requests"),
        (told(seconds=second(requests=3, errors=4)), "seconds.0.requests"),
        (told(seconds=second(requests=2**40)), "seconds.0.requests"),
        (told(seconds=second(slis=[SliCount("x", good=5_000_000_000)])), "seconds.0.slis.x"),
        (told(seconds=second(slis=[SliCount("x", bad=1, planned=2)])), "seconds.0.slis.x"),
        (told(seconds=second(slis=[SliCount("x", good=-1)])), "seconds.0.slis.x"),
        (told(seconds=second(injections=[InjectionCount("1-0", 1, 2)])), "seconds.0.injections.1-0"),
        (told(seconds=second(latency=[2**37, 1])), "report"),
        (told(seconds=second(latency=[100, 2**40])), "report"),
    ],
)
async def test_a_report_that_no_agent_would_send_is_refused_with_its_place(
    world: World, report: AgentReport, path: str
) -> None:
    with pytest.raises(InvalidInput) as invalid:
        await ingest(world.ports, Token("shop", "", None, "shop", START), report)
    assert path in [problem.path for problem in invalid.value.problems]
    await world.run_for(2)
    assert world.ports.watch.failures == 0


async def test_an_instant_that_cannot_be_is_brought_within_reach(world: World) -> None:
    run = await world.until(Phase.OBSERVE, (await world.start()).id)
    world.agents[0].statuses[f"{run.id}-0"].last_hit_at = 1e18
    await world.run_for(2)
    (status,) = (await world.ports.reports.lease_statuses(run.id)).values()
    assert status.last_hit_at is not None
    assert status.last_hit_at < START.timestamp() + 86_400


async def test_a_run_that_cannot_be_driven_leaves_the_others_driven(world: World) -> None:
    run = await world.until(Phase.OBSERVE, (await world.start()).id)
    world.ports.watch.live = {0: run.model_copy(update={"id": 0}), **world.ports.watch.live}
    with pytest.raises(NotFound):
        await tick(world.ports)
    world.ports.watch.live.pop(0)
    assert (await world.finish(run.id)).verdict is Verdict.PASSED


async def test_a_reason_is_kept_as_far_as_every_database_can_hold_it(world: World) -> None:
    run = await world.until(Phase.OBSERVE, (await world.start()).id)
    await abort_run(world.ports, OMAR, run.id, "enough\0 of\ud800 it")
    run = await world.finish(run.id)
    assert any("enough of it" in reason for reason in run.reasons), run.reasons

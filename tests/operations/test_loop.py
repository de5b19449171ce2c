"""Whole runs, from preflight to verdict, on a clock that the test moves."""

from __future__ import annotations

import asyncio

import pytest

from sre_portal.core.access import Principal
from sre_portal.core.errors import InvalidInput, NotPermitted, Refused
from sre_portal.core.journal import verify
from sre_portal.core.parse import parse_experiment
from sre_portal.core.run import Phase, Verdict
from sre_portal.operations.stop import abort_run, stop_all
from tests.operations.world import ADA, EXPERIMENT, NILS, OMAR, VERA, SimulatedAgent, World


async def test_a_run_whose_alert_fires_in_its_band_passes(world: World) -> None:
    run = await world.finish((await world.start()).id)
    assert run.verdict is Verdict.PASSED, run.reasons
    assert run.prediction is not None
    predicted = run.prediction.alert("shop-availability", "error-rate")
    assert predicted is not None
    assert predicted.firing is not None
    fired = next(mark for mark in run.alerts if mark.alert == "error-rate")
    offset = run.since_effective(fired.firing_at)
    assert offset is not None
    assert predicted.firing.holds(offset)


async def test_every_phase_is_entered_once_and_in_order(world: World) -> None:
    run = await world.finish((await world.start()).id)
    phases = [mark.phase for mark in run.marks]
    assert phases == list(Phase)


async def test_the_prediction_is_sealed_before_anything_is_injected(world: World) -> None:
    run = await world.start()
    entries = await world.ports.journal.entries(run.id)
    kinds = [entry.kind for entry in entries]
    assert kinds.index("predict") < kinds.index("inject")
    assert verify(entries) == []


async def test_every_instance_gives_a_receipt(world: World) -> None:
    run = await world.finish((await world.start()).id)
    assert [(receipt.instance, receipt.status is not None) for receipt in run.receipts] == [("shop-1", True)]
    assert run.reverted_at is not None


async def test_planned_burn_is_counted_apart_from_organic_burn(world: World) -> None:
    run = await world.finish((await world.start()).id)
    assert dict(run.costs)["shop-availability"] > 0
    start = int(run.created_at.timestamp())
    counts = world.ports.board.sli("shop-availability").counts(start, start + 60)
    assert counts.planned == counts.bad > 0
    assert counts.organic == 0


async def test_an_agent_that_hits_half_of_what_was_asked_makes_the_run_invalid(world: World) -> None:
    world.agents[0].obeys = 0.5
    run = await world.finish((await world.start()).id)
    assert run.verdict is Verdict.INVALID
    assert any("share" in reason for reason in run.reasons), run.reasons


async def test_a_run_that_hits_nothing_is_invalid(world: World) -> None:
    world.agents[0].obeys = 0.0
    run = await world.finish((await world.start()).id)
    assert run.verdict is Verdict.INVALID


async def test_a_guardrail_that_is_breached_ends_the_run(world: World) -> None:
    run = await world.until(Phase.OBSERVE, (await world.start()).id)
    world.agents[0].rate = 2
    run = await world.finish(run.id)
    assert run.verdict is Verdict.ABORTED
    assert any("guardrail" in reason for reason in run.reasons), run.reasons
    assert not world.ports.desk.active().get("shop")


async def test_a_guardrail_that_becomes_unreadable_ends_the_run(world: World) -> None:
    run = await world.until(Phase.OBSERVE, (await world.start()).id)
    world.agents[0].silent = True
    run = await world.finish(run.id)
    assert run.verdict is Verdict.ABORTED
    assert any("unreadable" in reason for reason in run.reasons), run.reasons


async def test_an_instance_that_never_answers_is_named_as_a_missing_receipt(world: World) -> None:
    run = await world.until(Phase.OBSERVE, (await world.start()).id)
    world.agents[0].silent = True
    run = await world.finish(run.id)
    assert [receipt.status is None or receipt.status.ended_at is None for receipt in run.receipts] == [True]


async def test_traffic_that_stops_in_the_middle_ends_the_run(world: World) -> None:
    run = await world.until(Phase.OBSERVE, (await world.start()).id)
    world.agents[0].serving = False
    run = await world.finish(run.id)
    assert run.verdict is Verdict.ABORTED


@pytest.mark.parametrize("phase", [Phase.INJECT, Phase.FIDELITY, Phase.OBSERVE])
async def test_a_portal_that_dies_while_leases_are_out_aborts_the_run_when_it_is_back(
    world: World, phase: Phase
) -> None:
    run = await world.until(phase, (await world.start()).id)
    await world.restart(after_seconds=6)
    run = await world.finish(run.id)
    assert run.verdict is Verdict.ABORTED
    assert any("restart" in reason for reason in run.reasons), run.reasons


@pytest.mark.parametrize("phase", [Phase.REVERT, Phase.RECOVER])
async def test_a_portal_that_dies_after_the_revert_still_ends_the_run(world: World, phase: Phase) -> None:
    run = await world.until(phase, (await world.start()).id)
    await world.restart(after_seconds=3)
    run = await world.finish(run.id)
    assert run.verdict is not None
    assert not world.ports.desk.active().get("shop")


async def test_a_restarted_portal_grants_nothing_by_itself(world: World) -> None:
    run = await world.until(Phase.OBSERVE, (await world.start()).id)
    await world.restart(after_seconds=1)
    assert not world.ports.desk.active().get("shop")
    await world.run_for(1)
    assert not world.ports.desk.active().get("shop")
    assert (await world.run(run.id)).abortion is not None


async def test_abort_withdraws_the_leases_before_it_answers(world: World) -> None:
    run = await world.until(Phase.OBSERVE, (await world.start()).id)
    await abort_run(world.ports, OMAR, run.id, "enough")
    assert not world.ports.desk.active().get("shop")
    run = await world.finish(run.id)
    assert run.verdict is Verdict.ABORTED
    assert any("enough" in reason and "omar" in reason for reason in run.reasons), run.reasons


async def test_abort_of_a_run_that_is_over_changes_nothing(world: World) -> None:
    run = await world.finish((await world.start()).id)
    again = await abort_run(world.ports, OMAR, run.id, "too late")
    assert again == run


async def test_stop_all_ends_every_run(world: World) -> None:
    run = await world.until(Phase.OBSERVE, (await world.start()).id)
    assert list(await stop_all(world.ports, OMAR)) == [run.id]
    assert not world.ports.desk.active().get("shop")
    assert (await world.finish(run.id)).verdict is Verdict.ABORTED


@pytest.mark.parametrize(("port", "method"), [("reports", "injections"), ("runs", "save")])
async def test_a_stop_in_the_middle_of_a_pass_is_told_as_what_it_is(
    world: World, port: str, method: str
) -> None:
    run = await world.until(Phase.OBSERVE, (await world.start()).id)
    stops: list[asyncio.Task[object]] = []

    async def stop() -> None:
        if not stops:
            stops.append(asyncio.create_task(stop_all(world.ports, OMAR)))
            await world.report(int(world.clock.now().timestamp()))

    world.meddle(port, method, stop)
    await world.run_for(2)
    await asyncio.gather(*stops)
    run = await world.finish(run.id)
    assert stops
    assert run.verdict is Verdict.ABORTED, run.reasons
    assert any("omar" in reason for reason in run.reasons), run.reasons


async def test_stop_all_refuses_nothing_later(world: World) -> None:
    await stop_all(world.ports, OMAR)
    await world.run_for(2)
    assert (await world.start()).live


async def test_a_second_run_on_the_same_target_is_refused_with_the_name_of_the_first(world: World) -> None:
    run = await world.start()
    with pytest.raises(Refused) as refused:
        await world.start(OMAR)
    assert any(f"run {run.id}" in one.reason for one in refused.value.objections), refused.value.objections


async def test_two_starts_at_once_give_one_run(world: World) -> None:
    results = await asyncio.gather(world.start(), world.start(), return_exceptions=True)
    assert sum(isinstance(one, Refused) for one in results) == 1
    assert len(world.ports.watch.live) == 1


async def test_a_run_is_refused_while_the_steady_state_does_not_hold(world: World) -> None:
    world.agents[0].organic_bad = 4
    await world.run_for(12)
    with pytest.raises(Refused) as refused:
        await world.start()
    assert any(one.guard == "steady state" for one in refused.value.objections), refused.value.objections


async def test_a_run_on_a_service_without_a_live_agent_is_refused(world: World) -> None:
    world.agents[0].silent = True
    await world.run_for(8)
    with pytest.raises(Refused):
        await world.start()
    assert not world.ports.watch.live


async def test_an_unknown_service_is_bad_input_and_starts_nothing(world: World) -> None:
    text = EXPERIMENT.replace("service: shop,", "service: shoop,")
    with pytest.raises(InvalidInput) as invalid:
        await world.start(experiment=parse_experiment(text, "experiment"))
    assert any("shop" in problem.expected for problem in invalid.value.problems)
    assert not world.ports.watch.live


@pytest.mark.parametrize("principal", [VERA, NILS])
async def test_who_may_not_start_a_run_is_denied_and_audited(world: World, principal: Principal) -> None:
    with pytest.raises(NotPermitted):
        await world.start(principal)
    event = (await world.ports.audit.recent(1))[0]
    assert (event.actor, event.action, event.outcome) == (principal.name, "run:start", "denied")


async def test_start_and_stop_are_audited_with_their_outcome(world: World) -> None:
    run = await world.start(ADA)
    await stop_all(world.ports, OMAR, "10.0.0.1")
    events = await world.ports.audit.recent(2)
    assert [(one.actor, one.action, one.outcome) for one in events] == [
        ("omar", "harm:stop", "done"),
        ("ada", "run:start", "done"),
    ]
    assert str(run.id) in events[0].object


async def test_a_new_instance_of_the_target_gets_the_lease_and_owes_a_receipt(world: World) -> None:
    run = await world.until(Phase.FIDELITY, (await world.start()).id)
    late = SimulatedAgent(instance="shop-2")
    world.agents.append(late)
    world.streams.append(asyncio.create_task(world._stream(late)))
    run = await world.finish(run.id)
    assert {receipt.instance for receipt in run.receipts} == {"shop-1", "shop-2"}
    assert run.verdict is Verdict.PASSED, run.reasons


async def test_a_clock_that_jumps_ahead_ends_the_run(world: World) -> None:
    run = await world.until(Phase.OBSERVE, (await world.start()).id)
    world.clock.move(30)
    run = await world.finish(run.id)
    assert run.verdict is Verdict.ABORTED


async def test_the_journal_of_a_finished_run_holds_together(world: World) -> None:
    run = await world.finish((await world.start()).id)
    entries = await world.ports.journal.entries(run.id)
    assert verify(entries) == []
    assert {"preflight", "predict", "inject"} <= {entry.kind for entry in entries}

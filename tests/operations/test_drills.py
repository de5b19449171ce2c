"""Kill switches are drilled: flipped for a cohort, seen, brought back whatever happens, and certified."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from sre_portal.core.access import Grant, Principal, Role
from sre_portal.core.certificate import open_certificate
from sre_portal.core.drill import wrapper_in
from sre_portal.core.errors import InvalidInput, NotPermitted, Refused
from sre_portal.core.experiment import Experiment
from sre_portal.core.flag_step import Put, Remove, Toggle
from sre_portal.core.parse import parse_experiment
from sre_portal.core.run import Run, Verdict
from sre_portal.operations.certificates import drill_standing, issue_certificates, look_at_drills_due
from sre_portal.operations.drill_left import take_off_left
from sre_portal.operations.drills import QuickDrill, quick_drill
from sre_portal.operations.flags import FlagOrder, change_flag
from sre_portal.operations.stop import abort_run, stop_all
from tests.operations.drilling import (
    DRILL,
    SWITCH,
    answers,
    definition,
    drill_world,
    finish,
    go,
    put,
    put_rule,
)
from tests.operations.world import ADA, OMAR, World


@pytest.fixture
def drill() -> Experiment:
    return parse_experiment(DRILL, "drill")


@pytest.fixture
async def world(tmp_path: Path, drill: Experiment) -> AsyncIterator[World]:
    """Two shops subscribe to the flags of shop, one of which is a kill switch."""
    opened = await drill_world(tmp_path, drill)
    yield opened
    await opened.close()


async def texts(world: World, run: Run, kind: str = "drill") -> list[str]:
    return [one.text for one in await world.ports.journal.entries(run.id) if one.kind == kind]


async def test_a_whole_drill_is_flipped_seen_restored_and_certified(world: World) -> None:
    before = await definition(world)
    run = await world.start(OMAR)
    await go(world, 5)
    assert 15 <= answers(world) <= 70
    assert wrapper_in(await definition(world)) is not None
    done = await finish(world, run)
    assert done.verdict is Verdict.PASSED, done.reasons
    assert await definition(world) == before
    assert answers(world) == 0
    [mark] = done.drills
    assert mark.subscribers == ("shop/shop-1", "shop/shop-2")
    assert mark.told.by_all
    assert mark.told_restored.by_all
    flips = await world.ports.flags.history("shop", "recommendations", 3, None)
    assert [(one.changed_by, one.reason) for one in flips] == [
        ("portal", f"drill in run {run.id} is over"),
        ("omar", f"drill in run {run.id}"),
        ("ada", "a test"),
    ]
    assert [text.split(" ", 1)[0] for text in await texts(world, run)] == [
        "shop/recommendations",
        "The",
        "shop/recommendations:",
        "The",
    ]
    await issue_certificates(world.ports)
    [kept] = await world.ports.certificates.of_run(run.id)
    signer = world.ports.keys.signer(world.ports.environment)
    says = open_certificate(kept.text, signer.keys)
    entries = await world.ports.journal.entries(run.id)
    assert (says["verdict"], says["journal"]) == ("passed", entries[-1].hash)
    assert says["cohort"] == {"percent": 20}


async def test_the_flip_is_in_the_audit_log_by_who_started_the_run(world: World) -> None:
    run = await world.start(OMAR)
    await go(world, 2)
    told = [one for one in await world.ports.audit.recent() if one.action == "flag:flip"]
    assert (told[0].actor, told[0].reason, told[0].outcome) == ("omar", f"drill in run {run.id}", "done")


@pytest.mark.parametrize("how", ["stop all", "abort"])
async def test_whoever_ends_harm_ends_the_drill(world: World, how: str) -> None:
    run = await world.start()
    await go(world, 3)
    assert answers(world)
    await (
        stop_all(world.ports, OMAR) if how == "stop all" else abort_run(world.ports, OMAR, run.id, "enough")
    )
    await go(world, 0.5)
    assert answers(world) == 0
    done = await finish(world, run)
    assert done.verdict is Verdict.ABORTED
    assert await definition(world) == {**SWITCH, "variants": {"off": False, "on": True}}


async def test_a_guardrail_ends_the_drill(world: World) -> None:
    run = await world.start()
    await go(world, 3)
    for agent in world.agents:
        agent.serving = False
    done = await finish(world, run)
    assert done.verdict is Verdict.ABORTED
    assert "guardrail" in done.reasons[0]
    assert wrapper_in(await definition(world)) is None


async def test_a_stop_does_not_wait_for_the_flag_store_and_the_clock_ends_the_drill(world: World) -> None:
    run = await world.start()
    await go(world, 3)
    failing = world.fail("flags", "news", times=10_000)
    await stop_all(world.ports, OMAR)
    done = await finish(world, run)
    assert done.verdict is Verdict.ABORTED
    assert done.ended_at is not None
    assert done.created_at + timedelta(seconds=15) > done.ended_at
    assert [one for one in await texts(world, run) if "the clock ends the drill" in one]
    assert answers(world)
    assert answers(world, after=26) == 0
    failing.times = 0
    await go(world, 30)
    assert wrapper_in(await definition(world)) is None  # it was tried until then


async def test_a_portal_that_restarts_in_mid_drill_brings_the_switch_back(world: World) -> None:
    run = await world.start()
    await go(world, 3)
    assert answers(world)
    await world.restart(1.0)
    assert answers(world)
    await go(world, 1)
    assert answers(world) == 0
    done = await finish(world, run)
    assert done.verdict is Verdict.ABORTED
    assert done.reasons[0].startswith("the portal restarted")


async def test_a_portal_that_died_between_the_flip_and_its_record_brings_the_switch_back(
    world: World,
) -> None:
    run = await world.start()
    await go(world, 0.25)
    await go(world, 1)
    saved = await world.ports.runs.get(run.id)
    forgot = saved.model_copy(
        update={
            "drills": tuple(
                one.model_copy(update={"flipped_at": None, "set_version": None}) for one in saved.drills
            )
        }
    )
    await world.ports.runs.save(forgot, (), world.clock.now())
    await world.restart(1.0)
    await go(world, 1)
    assert answers(world) == 0
    assert "metadata" in await definition(world)


async def test_what_a_dead_portal_left_behind_is_taken_off_and_changes_no_answer(world: World) -> None:
    run = await world.start()
    await go(world, 3)
    stuck = await definition(world)
    await finish(world, run)
    await put_rule(world, stuck)
    world.clock.move(60)
    assert answers(world) == 0
    await take_off_left(world.ports)
    assert wrapper_in(await definition(world)) is None
    assert answers(world) == 0


async def test_who_edits_the_flag_meanwhile_keeps_the_edit(world: World) -> None:
    run = await world.start()
    await go(world, 3)
    await put(world, {**await definition(world), "variants": {"on": True, "off": False, "half": True}})
    done = await finish(world, run)
    assert done.verdict is Verdict.PASSED, done.reasons
    assert "half" in str((await definition(world))["variants"])
    assert wrapper_in(await definition(world)) is None
    assert "edited meanwhile" in done.drills[0].restored_how


async def test_who_disables_the_flag_meanwhile_has_the_last_word(world: World) -> None:
    run = await world.start()
    await go(world, 3)
    await change_flag(world.ports, ADA, FlagOrder("shop", "recommendations", "it hurts"), Toggle(False))
    await finish(world, run)
    found = await definition(world)
    assert (found["state"], wrapper_in(found)) == ("DISABLED", None)


async def test_who_takes_the_rule_off_or_removes_the_flag_has_the_last_word(world: World) -> None:
    run = await world.start()
    await go(world, 3)
    await change_flag(world.ports, ADA, FlagOrder("shop", "recommendations", "gone"), Remove())
    done = await finish(world, run)
    assert done.drills[0].restored_how == "somebody had removed the flag, and their word stays"
    assert done.drills[0].restored_version is None


async def test_one_that_does_not_see_the_flip_fails_the_run(world: World) -> None:
    run = await world.start()
    world.agents[1].blind = True
    done = await finish(world, run)
    assert done.verdict is Verdict.FAILED
    assert "shop/shop-2 not at all" in done.reasons[0]


async def test_nobody_to_see_it_is_an_objection(world: World, drill: Experiment) -> None:
    await change_flag(world.ports, ADA, FlagOrder("pay", "recommendations", "a test"), Put(SWITCH))
    elsewhere = parse_experiment(DRILL.replace("type: flag,", "type: flag, set: pay,"), "drill")
    with pytest.raises(Refused, match="nobody subscribes to pay"):
        await world.start(experiment=elsewhere)
    assert drill.drills[0].flag_set is None


async def test_a_flag_that_is_drilled_is_not_drilled_again(world: World) -> None:
    await world.start()
    await go(world, 1)
    with pytest.raises(Refused) as refusal:
        await world.start()
    guards = {one.guard: one.reason for one in refusal.value.objections}
    assert "both would drill shop/recommendations" in guards["overlap"]
    assert "has the rule of a drill already" in guards["switches"]


async def test_a_drill_takes_both_permissions(world: World) -> None:
    await change_flag(world.ports, ADA, FlagOrder("default", "recommendations", "a test"), Put(SWITCH))
    world.agents[0].flags_seen["default"] = replace(world.agents[0].flags_seen["shop"], flag_set="default")
    await go(world, 1)
    shopper = Principal("sam", (Grant(Role.OPERATOR, frozenset({"shop"})),))
    shared = parse_experiment(DRILL.replace("type: flag,", "type: flag, set: default,"), "drill")
    with pytest.raises(Refused, match="sam may not flip flags of default"):
        await world.start(shopper, shared)
    other = Principal("olga", (Grant(Role.OPERATOR, frozenset({"default"})),))
    with pytest.raises(NotPermitted):
        await world.start(other, shared)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"metadata": {}}, "expected a kill switch"),
        ({"state": "DISABLED"}, "expected an enabled flag"),
        ({"variants": {"on": True, "of": False}}, "expected a variant of recommendations: of"),
    ],
)
async def test_what_cannot_be_drilled_is_a_problem_with_its_path(
    world: World, changed: Mapping[str, object], problem: str
) -> None:
    await put(world, {**SWITCH, **changed})
    with pytest.raises(InvalidInput, match=problem):
        await world.start()


async def test_a_quick_drill_is_an_experiment_of_defaults(world: World) -> None:
    run = await quick_drill(
        world.ports, OMAR, QuickDrill("shop", "recommendations", "off", Decimal(20), timedelta(seconds=10))
    )
    assert run.experiment.spec.guardrails
    done = await finish(world, run)
    assert done.verdict is Verdict.PASSED, done.reasons


async def test_a_switch_stands_as_its_last_passed_drill_says(world: World) -> None:
    async def stands() -> tuple[str, int]:
        await look_at_drills_due(world.ports)
        found = (await drill_standing(world.ports, "shop"))["recommendations"].word
        return found, world.ports.watch.drills_due["shop"]

    await issue_certificates(world.ports)
    assert await stands() == ("never", 1)
    failed = await world.start()
    await go(world, 3)
    await abort_run(world.ports, ADA, failed.id, "no")
    await finish(world, failed)
    await issue_certificates(world.ports)
    assert await stands() == ("never", 1)
    await finish(world, await world.start())
    await issue_certificates(world.ports)
    assert await stands() == ("drilled", 0)
    world.clock.move(31 * 86_400)
    assert await stands() == ("due", 1)


async def test_a_certificate_is_issued_also_where_the_portal_died_before(world: World) -> None:
    run = await world.start()
    await finish(world, run)
    await world.restart()
    await issue_certificates(world.ports)
    await issue_certificates(world.ports)
    assert len(await world.ports.certificates.of_run(run.id)) == 1
    assert json.loads((await world.ports.certificates.of_run(run.id))[0].text.split("\n")[0])["run"] == run.id

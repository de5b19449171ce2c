"""What a drill must not do: go round a second person, outlive its run, or be certified for nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from sre_portal.contract.report import AgentReport, FlagSeen
from sre_portal.core.access import Role
from sre_portal.core.drill import unwrap, wrapper_in
from sre_portal.core.errors import InvalidInput, Refused
from sre_portal.core.flag_step import Put, Share, Toggle
from sre_portal.core.parse import parse_experiment
from sre_portal.core.ports import Token
from sre_portal.core.run import Run, Verdict
from sre_portal.operations.certificates import drill_standing, issue_certificates
from sre_portal.operations.drill_left import take_off_left
from sre_portal.operations.flag_environments import copy_flag
from sre_portal.operations.flag_import import ImportOrder, export_flags, import_flags
from sre_portal.operations.flags import FlagOrder, change_flag
from sre_portal.operations.grants import block_account
from sre_portal.operations.ingest import ingest
from sre_portal.operations.stop import stop_all
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
from tests.operations.people import acting_as, person
from tests.operations.world import ADA, OMAR, START, World

LATER = """
apiVersion: sre-portal.dev/v1
kind: Experiment
metadata: {name: drill-later}
spec:
  target: {service: shop, share: {percent: 50}}
  faults: [{type: error, status: 503}]
  duration: 20s
  budgetPercent: 100
  steadyState: [{type: errors, slo: shop-availability, below: 1, over: 10s}]
  guardrails: [{type: traffic, service: shop, above: 5, over: 5s}]
  expectations:
    - {type: flag, flag: recommendations, variant: "off", cohort: {}, after: 5s}
    - {type: recovers, within: 30s}
"""
"""The switch is flipped five seconds after the first hit."""
SPLIT = {"fractional": [{"var": "targetingKey"}, ["on", 90], ["off", 10]]}
NOBODY = "{attribute: nosuch, equals: nobody}"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await drill_world(tmp_path, parse_experiment(DRILL, "drill"))
    yield opened
    await opened.close()


def switch(**metadata: object) -> dict[str, object]:
    return {**SWITCH, "metadata": {"killSwitch": True, **metadata}}


def order(version: int | None = None, key: str = "recommendations") -> FlagOrder:
    return FlagOrder("shop", key, "a test", version=version)


async def started(world: World, cohort: str = "{percent: 20}", variant: str = '"off"') -> Run:
    document = DRILL.replace("{percent: 20}", cohort).replace('"off"', variant)
    return await world.start(OMAR, parse_experiment(document, "drill"))


async def later(world: World, change: Mapping[str, Any]) -> Run:
    """A run whose flag is changed between its start and the flip."""
    run = await world.start(OMAR, parse_experiment(LATER, "drill"))
    await go(world, 1)
    await put(world, {**SWITCH, **change})
    return run


async def standing(world: World) -> str:
    await issue_certificates(world.ports)
    return (await drill_standing(world.ports, "shop"))["recommendations"].word


# Round a second person


@pytest.mark.parametrize(
    ("said", "safe"), [({}, "neither does"), ({"offVariant": "off"}, "off"), ({"drillVariant": "off"}, "off")]
)
async def test_a_protected_flag_is_not_drilled_to_what_takes_two_people(
    world: World, said: Mapping[str, object], safe: str
) -> None:
    await put(world, {**switch(protected=True, **said), "defaultVariant": "off"})
    with pytest.raises(InvalidInput, match=f"of this protected flag names as safe: {safe}"):
        await started(world, variant='"on"', cohort="{}")


@pytest.mark.parametrize("name", ["offVariant", "drillVariant"])
async def test_a_protected_flag_is_drilled_to_the_variant_that_it_names_as_safe(
    world: World, name: str
) -> None:
    await put(world, switch(protected=True, **{name: "off"}))
    assert (await finish(world, await started(world))).verdict is Verdict.PASSED


async def test_the_set_may_name_the_safe_variant(world: World) -> None:
    metadata = {"protected": True, "drillVariant": "off"}
    await import_flags(
        world.ports,
        ADA,
        ImportOrder("shop", "a test"),
        {"flags": {"recommendations": SWITCH}, "metadata": metadata},
    )
    assert (await finish(world, await started(world))).verdict is Verdict.PASSED


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"metadata": {"protected": True}}, "expected a kill switch"),
        ({"metadata": {"killSwitch": True, "protected": True}}, "names as safe"),
        ({"state": "DISABLED"}, "this one is disabled"),
        ({"defaultVariant": "off"}, "nobody's answer would change"),
        ({"variants": {"on": True, "of": False}}, "expected a variant of recommendations"),
    ],
)
async def test_what_was_asked_before_the_start_is_asked_again_at_the_flip(
    world: World, change: Mapping[str, Any], why: str
) -> None:
    run = await later(world, change)
    done = await finish(world, run)
    assert done.verdict is Verdict.ABORTED
    assert "the switch shop/recommendations could not be flipped" in done.reasons[0]
    assert why in done.reasons[0]
    await issue_certificates(world.ports)
    assert not await world.ports.certificates.of_run(run.id)
    [newest] = await world.ports.flags.history("shop", "recommendations", 1, None)
    assert newest.reason == "a test"


async def test_nobody_is_flipped_for_who_was_blocked_meanwhile(world: World) -> None:
    account = await person(world.ports, "ana", Role.OPERATOR, frozenset({"shop"}))
    ana = await acting_as(world.ports, account)
    run = await world.start(ana, parse_experiment(LATER, "drill"))
    await go(world, 1)
    await block_account(world.ports, ADA, account.id, "a stolen laptop", "", blocked=True)
    done = await finish(world, run)
    assert done.verdict is Verdict.ABORTED
    assert "this needs the permission run:start" in done.reasons[0]


async def test_who_may_still_flip_does_so_under_their_own_name(world: World) -> None:
    ana = await acting_as(world.ports, await person(world.ports, "ana", Role.OPERATOR, frozenset({"shop"})))
    run = await world.start(ana, parse_experiment(DRILL, "drill"))
    await go(world, 2)
    [flip] = await world.ports.flags.history("shop", "recommendations", 1, None)
    assert (flip.changed_by, flip.reason) == ("ana", f"drill in run {run.id}")


# Elsewhere, and for longer


async def test_a_copy_brings_no_drill_into_another_environment(world: World) -> None:
    await started(world)
    await go(world, 3)
    during = await definition(world)
    await copy_flag(world.ports, OMAR, order(0), "prod")
    copied = world.ports.flag_book.get("shop@prod")
    assert copied is not None
    assert copied.fields("recommendations") == unwrap(during)


async def test_a_file_that_was_exported_during_a_drill_has_none_and_ends_none(world: World) -> None:
    run = await started(world)
    await go(world, 3)
    document = export_flags(world.ports, "shop")
    assert "drill " not in document
    told = await import_flags(world.ports, OMAR, ImportOrder("shop", "nightly"), document)
    assert not told.difference.changed
    assert wrapper_in(await definition(world)) is not None
    assert (await finish(world, run)).verdict is Verdict.PASSED


async def test_a_rule_of_a_drill_comes_back_neither_by_a_file_nor_by_hand_nor_as_an_old_version(
    world: World,
) -> None:
    run = await started(world)
    await go(world, 3)
    during = await definition(world)
    await finish(world, run)
    await put(world, during)
    assert wrapper_in(await definition(world)) is None
    file = {"flags": {"recommendations": during, "another": during}}
    await import_flags(world.ports, OMAR, ImportOrder("shop", "nightly"), json.dumps(file))
    assert wrapper_in(await definition(world)) is None
    kept = world.ports.flag_book.get("shop")
    assert kept is not None
    assert "drill " not in (kept.text("another") or "")


@pytest.mark.parametrize("how", ["the loop", "stop all"])
async def test_a_rule_whose_run_is_over_is_taken_off_at_once(world: World, how: str) -> None:
    run = await world.start(OMAR, parse_experiment(DRILL.replace("20s", "30m"), "drill"))
    await go(world, 3)
    during = await definition(world)
    await stop_all(world.ports, OMAR)
    await finish(world, run)
    await put_rule(world, during)
    assert answers(world)
    if how == "stop all":
        await stop_all(world.ports, OMAR)
        await go(world, 1)
    else:
        await take_off_left(world.ports)
    assert answers(world) == 0
    [last] = await world.ports.flags.history("shop", "recommendations", 1, None)
    assert (last.changed_by, last.reason) == ("portal", f"drill in run {run.id} is over")


async def test_a_rule_of_a_run_that_goes_on_stays(world: World) -> None:
    await started(world)
    await go(world, 3)
    await take_off_left(world.ports)
    assert answers(world)


async def test_who_makes_a_drill_longer_takes_its_rule_off_and_proves_nothing(world: World) -> None:
    run = await started(world)
    await go(world, 3)
    await put(world, longer(await definition(world)))
    assert answers(world, after=600) == 0
    done = await finish(world, run)
    assert done.verdict is Verdict.INCONCLUSIVE
    assert "Somebody had taken the rule of the drill off" in done.reasons[0]
    assert await standing(world) == "never"


async def test_a_rule_of_this_run_is_taken_off_however_it_was_edited(world: World) -> None:
    run = await started(world)
    await go(world, 3)
    await put_rule(world, longer(await definition(world)))
    done = await finish(world, run)
    assert "the rule of the drill alone was taken off" in done.drills[0].restored_how
    assert answers(world, after=600) == 0


async def test_a_share_that_is_changed_during_a_drill_lies_below_its_rule(world: World) -> None:
    await put(world, {**SWITCH, "targeting": SPLIT})
    run = await started(world, cohort="{}")
    await go(world, 3)
    await change_flag(world.ports, ADA, order(), Share("off", 50))
    assert answers(world) == 200
    await finish(world, run)
    assert wrapper_in(await definition(world)) is None
    assert 70 < answers(world) < 130


def longer(fields: Mapping[str, object]) -> Mapping[str, object]:
    edited: dict[str, Any] = json.loads(json.dumps(fields))
    edited["targeting"]["if"][0]["and"][1]["<"][1] += 86_400
    return edited


# Rules that are nobody's


def forged(run: int = 999) -> dict[str, object]:
    clock = {"<": [{"var": "$flagd.timestamp"}, int(START.timestamp()) + 10**8]}
    rule = {
        "if": [
            {"and": [f"drill {run} of shop/recommendations", clock, {"==": [{"var": "x"}, "y"]}]},
            "off",
            None,
        ]
    }
    return {**SWITCH, "targeting": rule}


async def test_a_forged_rule_does_not_come_in_by_hand(world: World) -> None:
    await put(world, forged())
    assert wrapper_in(await definition(world)) is None


async def test_a_rule_of_no_run_keeps_no_drill_out_and_stays_as_it_is(world: World) -> None:
    await put_rule(world, forged())
    before = await definition(world)
    assert (await finish(world, await started(world))).verdict is Verdict.PASSED
    await take_off_left(world.ports)
    assert await definition(world) == before
    await change_flag(world.ports, ADA, order(), Toggle(enabled=False))
    assert wrapper_in(await definition(world)) is not None


async def test_a_rule_that_names_the_drill_of_another_flag_is_nobody_s(world: World) -> None:
    run = await started(world)
    await finish(world, run)
    await put(world, SWITCH, "another")
    named = {**forged(run.id)}
    await change_flag(world.ports, ADA, replace(order(key="another"), is_drill=True), Put(named))
    await take_off_left(world.ports)
    kept = world.ports.flag_book.get("shop")
    assert kept is not None
    assert "drill " in (kept.text("another") or "")


# Nobody's answer


async def test_a_drill_to_what_everybody_gets_anyway_is_a_problem(world: World) -> None:
    await put(world, {**SWITCH, "defaultVariant": "off"})
    with pytest.raises(InvalidInput, match="nobody's answer would change"):
        await started(world)


async def test_a_drill_of_a_flag_whose_prerequisites_nobody_meets_is_a_problem(world: World) -> None:
    await put(world, {**SWITCH, "metadata": {}}, "gate")
    await put(world, switch(prerequisites="gate=off"))
    with pytest.raises(InvalidInput, match="gate gives off to nobody"):
        await started(world)


async def test_a_drill_of_a_cohort_that_nobody_is_in_proves_nothing(world: World) -> None:
    done = await finish(world, await started(world, NOBODY))
    assert done.verdict is Verdict.INCONCLUSIVE
    assert "No evaluation of shop/recommendations is known to have given off" in done.reasons[0]
    assert await standing(world) == "never"
    [kept] = await world.ports.certificates.of_flag("shop", "recommendations", 1)
    assert json.loads(kept.text.split("\n")[0])["effect"]["evaluations"] == 0


async def test_what_a_flag_gives_anyway_does_not_prove_a_drill(world: World) -> None:
    await put(world, {**SWITCH, "targeting": SPLIT})
    await go(world, 2)
    done = await finish(world, await started(world, NOBODY))
    assert done.verdict is Verdict.INCONCLUSIVE
    assert "whose answer the drill changed is not known" in done.reasons[0]


async def test_where_a_flag_gives_the_variant_to_some_made_up_people_show_the_rest(world: World) -> None:
    await put(world, {**SWITCH, "targeting": SPLIT})
    await go(world, 2)
    done = await finish(world, await started(world, "{}"))
    assert done.verdict is Verdict.PASSED, done.reasons
    effect = done.drills[0].effect
    assert effect is not None
    assert 850 < effect.changed < 950


async def test_the_certificate_says_how_many_evaluations_gave_the_variant(world: World) -> None:
    done = await finish(world, await started(world, "{}"))
    assert done.verdict is Verdict.PASSED, done.reasons
    await issue_certificates(world.ports)
    [kept] = await world.ports.certificates.of_run(done.id)
    says = json.loads(kept.text.split("\n")[0])["effect"]
    assert says == {
        "evaluations": says["evaluations"],
        "gave_before": False,
        "made_up_people": 1000,
        "of_them_changed": 1000,
    }
    assert 15 * 2 * 20 <= says["evaluations"] <= 22 * 2 * 20


# Who counts


async def test_of_the_set_of_everybody_only_the_agents_of_the_target_count(world: World) -> None:
    await change_flag(world.ports, ADA, FlagOrder("default", "recommendations", "a test"), Put(SWITCH))
    for agent in world.agents:
        agent.follows = "default"
        agent.flags_seen.clear()
    await go(world, 2)
    await lie(world, 1)
    await go(world, 1)
    document = DRILL.replace("type: flag,", "type: flag, set: default,")
    run = await world.start(ADA, parse_experiment(document, "drill"))
    for number in range(60):
        await lie(world, number + 2)
        await go(world, 1)
    done = await world.run(run.id)
    assert done.drills[0].subscribers == ("shop/shop-1", "shop/shop-2")
    assert done.verdict is Verdict.PASSED, done.reasons


async def test_where_strangers_alone_subscribe_nobody_would_see_it(world: World) -> None:
    await change_flag(world.ports, ADA, FlagOrder("default", "recommendations", "a test"), Put(SWITCH))
    await lie(world, 1)
    await go(world, 1)
    document = DRILL.replace("type: flag,", "type: flag, set: default,")
    with pytest.raises(Refused, match="nobody subscribes to default"):
        await world.start(ADA, parse_experiment(document, "drill"))


async def lie(world: World, number: int) -> None:
    """An agent of another service tells that it has the oldest version of the set of everybody."""
    now = world.clock.now().timestamp()
    told = AgentReport("evil", "evil-1", "1", number, START.timestamp(), now)
    told.flags_seen = [FlagSeen("default", 1, 1.0)]
    await ingest(world.ports, Token("agent:evil", "", None, "evil", START), told)

"""Before a drill: what is wrong with it here, what speaks against it, and what it is predicted to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from sre_portal.core.access import Grant, Principal, Role
from sre_portal.core.alert import AlertState
from sre_portal.core.board import Board
from sre_portal.core.flag.flag_set import parse_flags
from sre_portal.core.lint import problems_of
from sre_portal.core.prediction import predict
from sre_portal.core.preflight import Limits, Situation, Switch, objections
from sre_portal.core.run import Phase
from tests.unit.core.documents import slo_of
from tests.unit.core.drills import drill, drill_run
from tests.unit.core.given import FIRES, alert
from tests.unit.core.test_preflight import situation

NOW = 1_900_000_000
SLOS = {"shop-availability": slo_of(), "checkout-latency": slo_of("checkout-latency", "300ms")}
SWITCH = {
    "state": "ENABLED",
    "variants": {"on": True, "off": False},
    "defaultVariant": "on",
    "metadata": {"killSwitch": True},
}
FINE = Switch("shop", "recommendations", 2)


def found(changed: Mapping[str, Any] | None = None, **fields: Any) -> list[str]:  # noqa: ANN401  # any field of the drill
    flags = parse_flags({"flags": {"recommendations": SWITCH | dict(changed or {})}}).definitions
    problems = problems_of(drill(**fields), SLOS, {"shop": ()}, {"shop": flags})
    return [str(one) for one in problems]


def test_a_drill_of_a_kill_switch_has_no_problem() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("changed", "fields", "problem"),
    [
        ({}, {"set": "shpo"}, '.set: "shpo"; expected a set of flags of this portal: shop'),
        ({}, {"flag": "recommend"}, '.flag: "recommend"; expected a flag of shop: recommendations'),
        ({}, {"variant": "of"}, '.variant: "of"; expected a variant of recommendations: off, on'),
        (
            {"metadata": {}},
            {},
            '.flag: "recommendations"; expected a kill switch: a flag with killSwitch: true in its metadata',
        ),
        (
            {"metadata": {"killSwitch": True, "protected": True, "offVariant": "on"}},
            {},
            (
                '.variant: "off"; expected one that offVariant or drillVariant of this protected flag names '
                "as safe: on"
            ),
        ),
        (
            {"defaultVariant": "off"},
            {},
            (
                '.variant: "off"; expected another one: everybody gets this one without a drill, '
                "so nobody's answer would change"
            ),
        ),
        (
            {"state": "DISABLED"},
            {},
            '.flag: "recommendations"; expected an enabled flag: this one is disabled',
        ),
    ],
)
def test_what_does_not_exist_here_is_a_problem(
    changed: Mapping[str, Any], fields: dict[str, Any], problem: str
) -> None:
    assert found(changed, **fields) == [f"spec.expectations[0]{problem}"]


GATE = {**SWITCH, "metadata": {}}


@pytest.mark.parametrize(
    ("gate", "met"),
    [
        (GATE, True),
        ({**GATE, "defaultVariant": "off"}, False),
        ({**GATE, "state": "DISABLED"}, False),
        ({**GATE, "defaultVariant": "off", "targeting": {"if": [{"var": "beta"}, "on"]}}, True),
    ],
)
def test_a_prerequisite_that_surely_nobody_meets_is_a_problem(gate: Mapping[str, Any], met: bool) -> None:
    needs = {**SWITCH, "metadata": {"killSwitch": True, "prerequisites": "gate=on"}}
    flags = parse_flags({"flags": {"recommendations": needs, "gate": gate}}).definitions
    told = [str(one) for one in problems_of(drill(), SLOS, {"shop": ()}, {"shop": flags})]
    expected = "a flag whose prerequisites are met: gate gives on to nobody"
    assert told == ([] if met else [f'spec.expectations[0].flag: "recommendations"; expected {expected}'])


def test_an_alert_that_has_to_fire_without_a_fault_needs_a_band_of_its_own() -> None:
    plain = drill()
    fires = plain.model_validate(
        {"metadata": {"name": "x"}, "spec": {**plain.spec.model_dump(by_alias=True), "expectations": [FIRES]}}
    )
    assert "spec.expectations[0].between" in [one.path for one in problems_of(fires, SLOS, {"shop": ()})]


def drilled(**fields: Any) -> Situation:  # noqa: ANN401  # any field of a situation
    return situation(**{"experiment": drill(), "switches": (FINE,)} | fields)


def said(**fields: Any) -> list[str]:  # noqa: ANN401  # any field of a situation
    return [str(one) for one in objections(drilled(**fields))]


def test_nothing_speaks_against_a_drill_that_is_fine() -> None:
    assert said() == []


SHOPPER = Principal("sam", (Grant(Role.OPERATOR, frozenset({"shop"})),))


@pytest.mark.parametrize(
    ("fields", "objection"),
    [
        ({"switches": ()}, "switches: 1 of 1 switches were not looked at"),
        (
            {"switches": (replace(FINE, subscribers=0),)},
            "switches: nobody subscribes to shop: nobody would see shop/recommendations flip",
        ),
        (
            {"switches": (replace(FINE, subscribers=None),)},
            "switches: who subscribes to shop is not known",
        ),
        (
            {"switches": (replace(FINE, drilled=True),)},
            (
                "switches: shop/recommendations has the rule of a drill already: "
                "it is drilled, or a drill has left it behind"
            ),
        ),
        (
            {"switches": (replace(FINE, unfit="it is unsound"),)},
            "switches: shop/recommendations cannot be drilled: it is unsound",
        ),
        (
            {"experiment": drill(set="pay"), "actor": SHOPPER},
            "permission: sam may not flip flags of pay; it takes operator on pay",
        ),
        (
            {"limits": Limits(largest_share_percent=10)},
            (
                "policy: the drill of recommendations may reach 20 % of everybody, "
                "more than the largest share allowed, 10 %"
            ),
        ),
    ],
)
def test_a_guard_objects_with_its_reason(fields: dict[str, Any], objection: str) -> None:
    assert said(**fields) == [objection]


def test_the_environment_of_a_set_is_flipped_by_who_may_flip_its_service() -> None:
    assert said(experiment=drill(set="shop@staging"), actor=SHOPPER) == []


def test_two_runs_do_not_drill_one_switch() -> None:
    elsewhere = drill_run().model_copy(update={"phase": Phase.OBSERVE})
    spec = elsewhere.experiment.spec
    target = spec.target.model_copy(update={"service": "other"})
    drills = tuple(
        one.model_copy(update={"flag_set": "shop"}) if one.type == "flag" else one
        for one in spec.expectations
    )
    moved = spec.model_copy(
        update={"target": target, "expectations": drills, "steady_state": (), "guardrails": ()}
    )
    run = elsewhere.model_copy(update={"experiment": elsewhere.experiment.model_copy(update={"spec": moved})})
    [objection] = said(live_runs=(run,))
    assert objection.endswith("both would drill shop/recommendations")


def test_a_drill_alone_is_predicted_to_cost_nothing_and_to_move_no_alert() -> None:
    told = predict(drill(), list(SLOS.values()), Board(), NOW)
    assert {one.outcome for one in told.alerts} == {"silent"}
    assert all(one.high_ratio == 0 for one in told.costs)
    assert told.corridors == ()
    assert "the kill switch alone is flipped" in told.assumptions[0]


def test_an_alert_that_is_on_before_a_drill_proves_nothing() -> None:
    firing = alert("shop-availability", AlertState.FIRING)
    told = predict(drill(), list(SLOS.values()), Board(), NOW, [firing])
    found = told.alert("shop-availability", "error-rate")
    assert found is not None
    assert found.outcome == "already"

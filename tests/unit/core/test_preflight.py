"""The guards before a run: each says why not, and what is not known is never fine."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from sre_portal.core.access import Principal, Role, everywhere
from sre_portal.core.instance import Instance
from sre_portal.core.prediction import BudgetCost
from sre_portal.core.preflight import GUARDS, Limits, Situation, objections
from sre_portal.core.run import Phase
from tests.unit.core.given import (
    BREACHED,
    START,
    UNREADABLE,
    at,
    full_experiment,
    prediction,
    reading,
    run_of,
)

ADA, OMAR = Principal("ada", everywhere(Role.ADMIN)), Principal("omar", everywhere(Role.OPERATOR))
VERA, NILS = Principal("vera", everywhere(Role.VIEWER)), Principal("nils")


def instance(name: str = "shop-1", ago: float = 0.5, error_ms: float | None = 2.0) -> Instance:
    return Instance(
        service="shop",
        instance=name,
        version="1",
        started_at=at(-600),
        seen_at=at(-ago),
        clock_offset_ms=0.1,
        clock_error_ms=error_ms,
        memory_bytes=1,
        dropped_seconds=0,
        misfires=0,
        routes=("/checkout",),
        last_seq=9,
    )


def situation(**fields: Any) -> Situation:  # noqa: ANN401  # any field of it
    """Nothing speaks against it."""
    whole: dict[str, Any] = {
        "now": START,
        "actor": OMAR,
        "experiment": full_experiment(),
        "instances": (instance(), instance("shop-2")),
        "steady": (reading(),),
        "guardrails": (reading(),),
        "prediction": prediction(),
    }
    return Situation(**whole | fields)


def costing(high: float, left: float = 0.9) -> Any:  # noqa: ANN401  # a prediction
    return replace(prediction(), costs=(BudgetCost("checkout-latency", 0.0, high, left),))


def test_nothing_objects_to_a_run_that_is_fine() -> None:
    assert objections(situation()) == []


BLIND = "shop-availability errors under 5 % over 10 s is unreadable: the newest count is 9 s old"

CASES: list[tuple[dict[str, Any], str]] = [
    ({"actor": VERA}, "permission: vera may not start runs on shop; it takes operator on shop"),
    ({"actor": NILS}, "permission: nils may not start runs on shop; it takes operator on shop"),
    ({"instances": ()}, "agents: no agent of shop has ever reported"),
    (
        {"instances": (instance(ago=16),)},
        "agents: no agent of shop is live; the last report came at 11:59:44 UTC",
    ),
    (
        {"instances": (instance(), instance("shop-2", ago=4))},
        "fresh reports: the last report is older than 3s: shop-2 (4 s ago)",
    ),
    (
        {"instances": (instance(error_ms=None),)},
        "agent clocks: the clock is not known yet of shop-1",
    ),
    (
        {"instances": (instance(error_ms=501.0),)},
        "agent clocks: the clock has to be known within 500 ms: shop-1 (within 501 ms)",
    ),
    (
        {"instances": (instance(error_ms=float("nan")),)},
        "agent clocks: the clock has to be known within 500 ms: shop-1 (within nan ms)",
    ),
    (
        {"steady": (BREACHED,)},
        "steady state: shop-availability errors under 5 % over 10 s is breached",
    ),
    (
        {"steady": (UNREADABLE,)},
        f"steady state: {BLIND}",
    ),
    ({"steady": ()}, "steady state: 1 of 1 conditions were not read"),
    (
        {"guardrails": (BREACHED,)},
        "guardrails: shop-availability errors under 5 % over 10 s is breached",
    ),
    (
        {"guardrails": (UNREADABLE,)},
        f"guardrails: {BLIND}",
    ),
    ({"guardrails": ()}, "guardrails: 1 of 1 conditions were not read"),
    (
        {"limits": Limits(longest_run=timedelta(seconds=30))},
        "policy: 40s is longer than the longest run allowed, 30s",
    ),
    (
        {"limits": Limits(largest_share_percent=25)},
        "policy: 50 % of the requests is more than the largest share allowed, 25 %",
    ),
    (
        {"prediction": costing(0.62)},
        "budget: checkout-latency may lose 62 % of its error budget, and the escrow is 50 %",
    ),
    (
        {"prediction": costing(0.4, left=0.1)},
        "budget: checkout-latency may lose 40 % of its error budget, and 10 % is left",
    ),
    (
        {"prediction": costing(0.01, left=-0.2)},
        "budget: checkout-latency may lose 1 % of its error budget, and 0 % is left",
    ),
    (
        {"prediction": costing(float("nan"))},
        "budget: checkout-latency may lose NaN % of its error budget, and the escrow is 50 %",
    ),
    (
        {"live_runs": (run_of(actor="ada", phase=Phase.OBSERVE),)},
        "overlap: run 12 (latency-checkout) by ada holds shop POST /checkout until 12:00:40 UTC",
    ),
    (
        {"live_runs": (run_of(actor="ada", phase=Phase.RECOVER),)},
        (
            "overlap: run 12 (latency-checkout) by ada holds shop POST /checkout "
            "until it is judged (it is in recover)"
        ),
    ),
]


@pytest.mark.parametrize(("fields", "objection"), CASES, ids=[text for _, text in CASES])
def test_a_guard_objects_with_its_reason(fields: dict[str, Any], objection: str) -> None:
    assert [str(one) for one in objections(situation(**fields))] == [objection]


def test_a_run_that_cannot_be_predicted_has_no_known_cost_either() -> None:
    found = [str(one) for one in objections(situation(prediction=None, prediction_reason="no traffic"))]
    assert found == [
        "prediction: what this run would do cannot be predicted: no traffic",
        "budget: without a prediction the cost is not known",
    ]


def test_an_overspent_budget_that_the_run_does_not_touch_is_no_reason() -> None:
    assert objections(situation(prediction=costing(0.0, left=-0.5))) == []


def test_a_run_on_another_route_and_one_that_is_done_are_no_reason() -> None:
    elsewhere = run_of(full_experiment(target={"service": "shop", "route": "/cart"}))
    done = run_of(phase=Phase.DONE)
    assert objections(situation(live_runs=(elsewhere, done))) == []


def test_every_objection_is_told_at_once() -> None:
    nothing = Situation(now=START, actor=NILS, experiment=full_experiment())
    guards = [objection.guard for objection in objections(nothing)]
    assert guards == ["permission", "agents", "steady state", "guardrails", "prediction", "budget"]
    assert len(GUARDS) == 11

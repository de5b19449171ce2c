"""A prediction of a whole run, and random runs on a simulated clock that it is held to."""

from dataclasses import replace
from typing import Any

import pytest
from pydantic import TypeAdapter

from sre_portal.core.alert import ALERT_NAMES, ERROR_RATE, AlertState, alerts_of
from sre_portal.core.board import Board
from sre_portal.core.prediction import Band, Prediction, predict
from sre_portal.core.slo import Slo, budget_size
from tests.unit.core.ahead import NOW, RATE, steady_board
from tests.unit.core.cases import draw_case
from tests.unit.core.documents import experiment_of, slo_of
from tests.unit.core.simulation import Outcome, Simulation

UP, FAST, CART = slo_of("up"), slo_of("fast", threshold="300ms"), slo_of("cart", route="/cart")
ELSEWHERE = slo_of("payments", service="payments")
SLOW = {"type": "latency", "delay": "2s"}


def predicted(
    fault: dict[str, Any] | None = None,
    target: dict[str, Any] | None = None,
    slos: tuple[Slo, ...] = (UP, FAST, ELSEWHERE),
    **rest: Any,  # noqa: ANN401  # any field of the experiment
) -> Prediction:
    return predict(experiment_of(fault, target, **rest), slos, steady_board(*slos), NOW)


def outcomes(found: Prediction, alert: str = ERROR_RATE) -> dict[str, str]:
    return {one.slo: one.outcome for one in found.alerts if one.alert == alert}


def test_every_alert_of_every_slo_of_the_target_is_predicted() -> None:
    found = predicted()
    assert [(one.slo, one.alert) for one in found.alerts] == [
        (slo, alert) for slo in ("up", "fast") for alert in ALERT_NAMES
    ]
    assert found.alert("payments", ERROR_RATE) is None


def test_an_outage_fires_for_both_kinds_and_a_delay_for_latency_alone() -> None:
    assert outcomes(predicted({"type": "abort"})) == {"up": "fires", "fast": "fires"}
    assert outcomes(predicted(SLOW)) == {"up": "silent", "fast": "fires"}


def test_an_alert_that_fires_already_proves_nothing() -> None:
    firing = tuple(replace(alert, state=AlertState.FIRING) for alert in alerts_of(UP))
    found = predict(experiment_of(), [UP], steady_board(UP), NOW, firing)
    assert {one.outcome for one in found.alerts} == {"already"}


def test_without_traffic_nothing_is_claimed() -> None:
    found = predict(experiment_of(), [UP], Board(), NOW)
    assert outcomes(found) == {"up": "uncertain"}
    assert (found.costs, found.corridors, found.p99_before_ms, found.p99_during_ms) == ((), (), None, None)
    assert found.requests_per_second == 0


def test_a_target_of_unmeasured_requests_is_uncertain_and_says_why() -> None:
    found = predicted(target={"route": "/cart"})
    assert outcomes(found) == {"up": "uncertain", "fast": "uncertain"}
    told = found.alert("up", ERROR_RATE)
    assert told is not None
    assert "match the target is not measured" in told.reason
    assert any("not measured" in one for one in found.assumptions)


def test_an_slo_of_the_target_itself_makes_it_certain() -> None:
    board = steady_board(UP)
    board.slis["cart"] = steady_board(CART, rate=RATE // 2).slis["cart"]
    found = predict(experiment_of(target={"route": "/cart"}), (UP, CART), board, NOW)
    assert outcomes(found) == {"up": "fires", "cart": "fires"}
    assert found.requests_per_second == RATE / 2


def test_the_cost_is_the_planned_bad_requests_over_the_budget() -> None:
    (cost,) = predicted(slos=(UP,), target={"share": {"percent": 50}}, duration="100s").costs
    bad, size = 100 * 0.5 * RATE, 30 * 86400 * RATE * 0.001
    assert cost.low_ratio < bad / size < cost.high_ratio
    assert cost.high_ratio - cost.low_ratio < 0.2 * bad / size
    assert cost.left_ratio == 1


def test_a_delay_costs_availability_nothing() -> None:
    up, fast = predicted(SLOW).costs
    assert (up.low_ratio, up.high_ratio) == (0, 0)
    assert fast.low_ratio > 0


def test_the_hops_of_a_run_have_bands() -> None:
    found = predicted(SLOW, duration="60s")
    assert found.effective.holds(0.1)
    assert found.counted.earliest_s > 2
    assert found.counted.width_s < 2.5
    assert found.reverted.holds(59.8)
    assert predicted(slos=()).counted == Band(0.0, 1.8)


def test_the_percentile_before_and_during_is_told() -> None:
    found = predicted(SLOW)
    assert found.p99_before_ms == pytest.approx(40, rel=0.02)
    assert found.p99_during_ms is not None
    assert found.p99_during_ms[0] < 2040 < found.p99_during_ms[1]
    assert [(one.kind, one.subject, one.over_seconds) for one in found.corridors] == [
        ("burn", "up", 300),
        ("burn", "up", 3600),
        ("burn", "fast", 300),
        ("burn", "fast", 3600),
        ("p99", "shop", 10),
    ]


def test_what_is_assumed_is_said() -> None:
    users = {"share": {"percent": 30, "of": "users", "key_header": "x-customer"}}
    found = predicted(target=users, faults=[{"type": "abort"}, {"type": "error"}])
    assert any("x-customer" in one for one in found.assumptions)
    assert any("Only the first fault" in one for one in found.assumptions)
    assert all(one.endswith(".") for one in found.assumptions)


def test_a_prediction_survives_the_journal() -> None:
    found = predicted()
    adapter = TypeAdapter(Prediction)
    assert adapter.validate_json(adapter.dump_json(found)) == found


def test_a_prediction_is_the_same_for_the_same_board() -> None:
    assert predicted() == predicted()


def simulated(seed: int) -> tuple[str, Outcome]:
    case = draw_case(seed)
    seconds = case.experiment.spec.duration.total_seconds()
    return case.alert, Simulation(case).run(most_seconds=seconds + 30)


@pytest.mark.parametrize("seed", [1, 8, 13, 15, 26, 29, 38])
def test_a_live_alert_turns_inside_its_predicted_bands(seed: int) -> None:
    alert, outcome = simulated(seed)
    told = next(one for one in outcome.prediction.alerts if one.alert == alert)
    assert told.outcome == "fires"
    assert told.pending is not None
    assert told.firing is not None
    pending, firing = (outcome.seen(alert, state) for state in (AlertState.PENDING, AlertState.FIRING))
    assert pending is not None
    assert firing is not None
    assert told.pending.holds(pending)
    assert told.firing.holds(firing)
    assert told.firing.width_s <= 3


@pytest.mark.parametrize("seed", [1, 8, 13])
def test_a_live_alert_resolves_and_the_budget_burns_inside_what_was_predicted(seed: int) -> None:
    case = draw_case(seed)
    seconds = case.experiment.spec.duration.total_seconds()
    simulation = Simulation(case)
    outcome = simulation.run(until=AlertState.RESOLVED, most_seconds=seconds + 60)
    told = outcome.prediction.alert(case.slo.name, case.alert)
    seen = outcome.seen(case.alert, AlertState.RESOLVED)
    assert told is not None
    assert told.resolved is not None
    assert seen is not None
    assert told.resolved.holds(seen)
    series = simulation.board.sli(case.slo.name)
    assert series.last_at is not None
    burnt = outcome.planned / budget_size(series, case.slo, series.last_at + 1)
    cost = next(one for one in outcome.prediction.costs if one.slo == case.slo.name)
    assert cost.low_ratio <= burnt <= cost.high_ratio

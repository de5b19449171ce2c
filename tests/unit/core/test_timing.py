"""When the fault of a run begins and ends."""

from typing import Any

import pytest

from sre_portal.core.board import Board
from sre_portal.core.experiment import Target
from sre_portal.core.timing import PLAN_SECONDS, TargetTraffic, target_traffic, timing_of
from tests.unit.core.ahead import NOW, RATE, steady_board
from tests.unit.core.documents import experiment_of, slo_of

WHOLE, CART = slo_of(), slo_of("cart", route="/cart")


def target_of(**target: Any) -> Target:  # noqa: ANN401  # any field of the document
    return Target.model_validate({"service": "shop"} | target)


def test_the_rate_of_a_whole_service_is_the_one_it_was_seen_with() -> None:
    found = target_traffic(target_of(), [WHOLE, CART], steady_board(WHOLE, CART), NOW)
    assert (found.expected, found.least, found.dispersion) == (RATE, RATE, 0)


def test_the_rate_of_a_route_is_that_of_an_slo_with_its_requests() -> None:
    board = steady_board(WHOLE)
    board.slis["cart"] = steady_board(CART, rate=8).slis["cart"]
    assert target_traffic(target_of(route="/cart"), [WHOLE, CART], board, NOW).expected == 8
    within = target_traffic(target_of(route="/{page}"), [WHOLE, CART], board, NOW)
    assert (within.expected, within.least) == (8, 8)


def test_the_rate_of_unmeasured_requests_is_at_most_that_of_the_service() -> None:
    found = target_traffic(target_of(headers={"x-test": "1"}), [WHOLE], steady_board(WHOLE), NOW)
    assert (found.expected, found.least) == (RATE, 0)
    assert target_traffic(target_of(), [WHOLE], Board(), NOW) == TargetTraffic(0, 0, 1)


def test_a_service_without_an_slo_is_seen_by_its_signals() -> None:
    assert target_traffic(target_of(), [], steady_board(WHOLE), NOW) == TargetTraffic(RATE, RATE, 1)


@pytest.mark.parametrize(
    ("percent", "traffic", "wait"),
    [
        (100, TargetTraffic(50, 50, 0.0), 0.02),
        (100, TargetTraffic(50, 50, 1.0), 0.2),
        (10, TargetTraffic(50, 50, 0.0), 1.75),
        (100, TargetTraffic(50, 0, 0.0), 5),
        (0, TargetTraffic(50, 50, 0.0), 5),
    ],
)
def test_the_first_hit_waits_for_a_request_and_a_draw(
    percent: float, traffic: TargetTraffic, wait: float
) -> None:
    timing = timing_of(experiment_of(target={"share": {"percent": percent}}), traffic)
    assert timing.first_hit - PLAN_SECONDS == pytest.approx(wait, abs=0.01)
    assert timing.gap_high == pytest.approx(0.5 + 1 + timing.first_hit)


def test_the_fault_ends_up_to_the_wait_for_the_first_hit_earlier_than_its_duration() -> None:
    timing = timing_of(experiment_of(duration="60s"), TargetTraffic(50, 50, 0.0))
    assert 59 < timing.revert_low < 60 - timing.first_hit
    assert 60 < timing.revert_high < 60.5
    assert timing_of(experiment_of(duration="1s"), TargetTraffic(1, 0, 1.0)).revert_low == 0

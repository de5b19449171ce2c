"""The recorded counts, continued through a run."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.continuation import Burst, Past
from tests.unit.core.ahead import NOW, RATE, ahead_of, steady_board
from tests.unit.core.documents import experiment_of, slo_of

ERRORS = {"type": "error"}
SLOW = {"type": "latency", "delay": "2s"}


def test_the_past_is_what_was_counted_and_a_part_of_a_second_counts_in_part() -> None:
    board = steady_board(slo_of(), bad=1)
    past = Past(board.sli("shop-availability"), NOW)
    assert past.since(0) == past.since(-5) == (0, 0)
    assert past.since(10) == (500, 10)
    assert past.since(2.5) == (125, 2.5)


def test_before_the_first_hit_a_window_is_the_history() -> None:
    ahead = ahead_of(slo_of(), experiment_of(), steady_board(slo_of(), bad=1))
    for extreme in (ahead.fewest, ahead.most):
        counts = extreme.counts(-30, -20)
        assert counts.total == pytest.approx(500, abs=2)
        assert counts.bad == pytest.approx(10, abs=1)


def test_bad_requests_grow_with_the_fault_between_the_extremes() -> None:
    ahead = ahead_of(slo_of(), experiment_of())
    for at in (1, 2, 5, 9):
        fewest, most = ahead.fewest.counts(at - 10, at), ahead.most.counts(at - 10, at)
        assert (at - 0.5) * RATE < fewest.bad <= at * RATE <= most.bad < (at + 0.5) * RATE
        assert fewest.total == pytest.approx(500, abs=60)


def test_a_drawn_share_is_spread_by_its_binomial_deviation() -> None:
    half = ahead_of(slo_of(), experiment_of(target={"share": {"percent": 50}}))
    fewest, most = half.fewest.counts(20, 30), half.most.counts(20, 30)
    deviation = (500 * 0.25) ** 0.5
    assert most.bad - 250 == pytest.approx(3.5 * deviation, rel=0.15)
    assert 250 - fewest.bad == pytest.approx(3.5 * deviation, rel=0.15)


def test_after_the_revert_bad_requests_leave_the_window() -> None:
    ahead = ahead_of(slo_of(), experiment_of(duration="60s"))
    assert ahead.fewest.counts(55, 65).bad < ahead.most.counts(55, 65).bad < 300
    assert ahead.fewest.counts(62, 72).bad == 0
    assert ahead.most.counts(62, 72).bad < 10


def test_delayed_requests_are_missing_until_their_delay_and_then_bad() -> None:
    slo = slo_of(threshold="300ms")
    ahead = ahead_of(slo, experiment_of(SLOW))
    assert ahead.most.counts(0, 1.9).total < 5
    assert ahead.most.counts(0, 1.9).bad == 0
    later = ahead.most.counts(10, 20)
    assert later.bad == pytest.approx(500, abs=10)


def test_held_requests_are_let_go_at_the_revert_and_bad_if_they_waited_too_long() -> None:
    slo = slo_of(threshold="1s")
    ahead = ahead_of(slo, experiment_of(SLOW))
    for extreme in (ahead.fewest, ahead.most):
        assert extreme.course.released.total == pytest.approx(2 * RATE, rel=0.1)
        assert extreme.course.released.bad == pytest.approx(1 * RATE, rel=0.15)


def test_a_burst_is_in_every_window_it_can_be_in_or_only_where_it_must_be() -> None:
    may, must = (Burst(1, 1, early=10, late=12, most=most) for most in (True, False))
    assert [may.counts_in(*window) for window in ((0, 11), (11, 20), (0, 10), (13, 20))] == [1, 1, 0, 0]
    assert [must.counts_in(*window) for window in ((0, 13), (0, 11), (11, 20))] == [1, 0, 0]


def test_a_delay_longer_than_the_fault_makes_everything_bad_at_the_revert() -> None:
    slo = slo_of(threshold="1s")
    ahead = ahead_of(slo, experiment_of({"type": "latency", "delay": "60s"}, duration="20s"))
    low, high = ahead.timing.revert_low, ahead.timing.revert_high
    assert ahead.most.counts(0, low - 0.1).bad == 0
    assert ahead.most.counts(0, low + 0.1).bad > 900
    assert ahead.fewest.counts(0, high - 0.1).bad == 0
    assert ahead.fewest.counts(0, high + 0.1).bad > 800


@pytest.mark.parametrize("fault", [ERRORS, SLOW, SLOW | {"distribution": "uniform", "spread": "1s"}])
@pytest.mark.parametrize("threshold", [None, "500ms"])
def test_every_request_that_arrives_is_counted_once(fault: dict[str, Any], threshold: str | None) -> None:
    ahead = ahead_of(slo_of(threshold=threshold), experiment_of(fault, {"share": {"percent": 40}}))
    for extreme in (ahead.fewest, ahead.most):
        total, planned, as_ever = extreme.course.expected(0, 200)
        assert total == pytest.approx(200 * RATE, rel=0.001)
        assert 0 <= planned + as_ever <= total + 1


@given(st.floats(0, 100), st.floats(0.5, 60), st.sampled_from([10, 50, 100]), st.sampled_from([ERRORS, SLOW]))
def test_the_fewest_are_never_more_than_the_most(
    at: float, window: float, percent: int, fault: dict[str, Any]
) -> None:
    ahead = AHEAD[percent, fault["type"]]
    fewest, most = (extreme.counts(at - window, at) for extreme in (ahead.fewest, ahead.most))
    assert 0 <= fewest.bad <= most.bad
    assert ahead.fewest.course.planned_bounds(most=False) <= ahead.most.course.planned_bounds(most=True)


AHEAD = {
    (percent, fault["type"]): ahead_of(
        slo_of(threshold="300ms"), experiment_of(fault, {"share": {"percent": percent}})
    )
    for percent in (10, 50, 100)
    for fault in (ERRORS, SLOW)
}


def test_an_old_burst_leaves_the_window_later_for_the_most_than_for_the_fewest() -> None:
    slo, board = slo_of(), steady_board(slo_of())
    for at in range(NOW - 300, NOW - 290):
        counts = board.sli(slo.name).counts(at, at + 1)
        board.sli(slo.name).put_second(at, type(counts)(0, RATE))
    ahead = ahead_of(slo, experiment_of(target={"share": {"percent": 0}}), board)
    gap = (ahead.timing.gap_low + ahead.timing.gap_high) / 2
    edge = 5 - gap
    assert ahead.fewest.counts(edge - 300, edge).bad < ahead.most.counts(edge - 300, edge).bad

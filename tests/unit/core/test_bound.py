"""Bounds of what chance does, against chance."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.bound import Z, seen_before, skewed, wilson


@pytest.mark.parametrize(("hits", "total"), [(0, 0), (0, 100), (100, 100), (3, 1000), (500, 1000)])
def test_a_share_is_inside_its_bounds(hits: int, total: int) -> None:
    low, high = wilson(hits, total)
    assert 0 <= low <= (hits / total if total else 0) <= high <= 1
    assert (low == 0, high == 1) == (hits == 0, hits == total)


def test_a_sum_that_does_not_vary_is_at_its_mean() -> None:
    assert skewed(0.0, 0.0, most=True) == 0


def test_a_symmetric_sum_is_off_by_its_deviations() -> None:
    assert (skewed(4.0, 0.0, most=True), skewed(4.0, 0.0, most=False)) == (2 * Z, -2 * Z)


@given(st.floats(0.01, 1e6), st.floats(-1e9, 1e9))
def test_the_mean_is_within_the_bounds_however_skewed_a_sum_is(variance: float, third: float) -> None:
    assert skewed(variance, third, most=False) <= 0 <= skewed(variance, third, most=True)


@pytest.mark.parametrize(
    ("bad", "total", "coming", "most"),
    [
        (0, 180_000, 75, 0),
        (0, 2_400, 24, 1),
        (0, 480, 24, 2),
        (20, 200_000, 1_000, 2),
        (1_000, 1_000_000, 1_000, 6),
        (11_000, 1_000_000, 1_000, 24),
    ],
)
def test_what_was_rare_stays_rare(bad: int, total: int, coming: int, most: int) -> None:
    assert seen_before(bad, total, coming) == most


def test_the_two_ways_to_bound_a_count_meet() -> None:
    few, many = (seen_before(19_995 + more, 1_000_000, 1_000) for more in (0, 10))
    assert few == pytest.approx(many, abs=1.5)


@pytest.mark.parametrize(
    ("ratio", "total", "coming"), [(0.001, 2_000, 500), (0.01, 500, 500), (0.05, 1_000, 800)]
)
def test_what_comes_keeps_to_its_bound(ratio: float, total: int, coming: int) -> None:
    draw, outside = Random(5), 0
    for _ in range(1500):
        bad, then = (_binomial(draw, requests, ratio) for requests in (total, coming))
        outside += then > seen_before(bad, total, coming)
    assert outside <= 3


def _binomial(draw: Random, requests: int, ratio: float) -> int:
    """By the pauses between events, which is quick where they are rare."""
    at, count = 0.0, 0
    while (at := at + draw.expovariate(-math.log(1 - ratio))) < requests:
        count += 1
    return count

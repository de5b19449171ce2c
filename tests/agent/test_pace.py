"""What a portal sends is read, and never at the cost of the host."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.agent.lines import PACE_SECONDS, REST, SAVED_SECONDS, Pace


def waits(costs: Sequence[float], pace: Pace | None = None) -> list[float]:
    """What is waited after each line, where one comes as soon as it is read."""
    pace = pace or Pace()
    at, told = 100.0, []
    for cost in costs:
        pace.took(cost, at + cost)
        told.append(pace.wait_seconds)
        at += cost + told[-1]
    return told


def test_small_lines_are_read_at_once() -> None:
    assert waits([0.0001] * 1000) == [PACE_SECONDS] * 1000


def test_a_large_set_now_and_then_is_read_at_once() -> None:
    pace = Pace()
    for at in (100.0, 200.0, 300.0):
        pace.took(0.9, at)
        assert pace.wait_seconds == PACE_SECONDS


def test_a_large_set_again_and_again_is_waited_for_ten_times_as_long() -> None:
    told = waits([0.5] * 20)
    assert told[0] == PACE_SECONDS
    assert told[-1] == pytest.approx(0.5 * REST, rel=0.2)


@given(st.lists(st.floats(0, 5), min_size=1, max_size=50))
def test_reading_takes_a_tenth_of_the_time_whatever_comes(costs: list[float]) -> None:
    passed = sum(costs) + sum(waits(costs))
    assert sum(costs) <= passed / REST + SAVED_SECONDS + 1e-6

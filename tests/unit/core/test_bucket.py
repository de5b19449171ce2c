"""The token bucket."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.bucket import Allowance, Bucket, take

allowances = st.builds(
    Allowance, burst=st.integers(1, 1000), per_second=st.floats(0.01, 1000, allow_nan=False)
)
pauses = st.lists(st.floats(0, 100, allow_nan=False), max_size=200)


def let_in(allowance: Allowance, instants: list[float]) -> list[bool]:
    bucket: Bucket | None = None
    told = []
    for now in instants:
        bucket, wait = take(bucket, allowance, now)
        told.append(wait == 0)
    return told


def test_a_burst_is_let_in_and_the_next_one_waits() -> None:
    assert let_in(Allowance(3, 1), [0, 0, 0, 0]) == [True, True, True, False]


def test_the_wait_is_as_long_as_it_takes() -> None:
    bucket, _ = take(None, Allowance(1, 0.5), 10)
    bucket, wait = take(bucket, Allowance(1, 0.5), 10)
    assert wait == pytest.approx(2)
    assert take(bucket, Allowance(1, 0.5), 12)[1] == 0


@pytest.mark.parametrize(("burst", "per_second"), [(0, 1), (1, 0), (-1, 1), (1, -1)])
def test_an_allowance_of_nothing_is_a_mistake(burst: int, per_second: float) -> None:
    with pytest.raises(ValueError, match="at least one"):
        Allowance(burst, per_second)


@given(allowances, pauses)
def test_never_more_than_the_burst_and_what_has_grown(allowance: Allowance, pauses: list[float]) -> None:
    instants = [sum(pauses[: end + 1]) for end in range(len(pauses))]
    passed = sum(let_in(allowance, instants))
    span = instants[-1] - instants[0] if instants else 0
    assert passed <= allowance.burst + span * allowance.per_second + 1e-6


@given(allowances, st.integers(1, 100))
def test_whoever_keeps_the_pace_is_never_refused(allowance: Allowance, count: int) -> None:
    step = 1.001 / allowance.per_second
    assert all(let_in(allowance, [index * step for index in range(count)]))


@given(allowances, pauses)
def test_whoever_waits_as_told_is_let_in(allowance: Allowance, pauses: list[float]) -> None:
    bucket, now = None, 0.0
    for pause in pauses:
        now += pause
        bucket, wait = take(bucket, allowance, now)
        if wait:
            now += wait * 1.0001 + 1e-6
            bucket, again = take(bucket, allowance, now)
            assert again == 0


@given(allowances, st.lists(st.floats(-1e6, 1e6, allow_nan=False), max_size=100))
def test_a_clock_that_jumps_back_gives_nothing(allowance: Allowance, instants: list[float]) -> None:
    backwards = sorted(instants, reverse=True)
    assert sum(let_in(allowance, backwards)) <= allowance.burst


@given(allowances, st.lists(st.floats(-1e6, 1e6, allow_nan=False), max_size=100))
def test_what_is_left_lies_between_nothing_and_the_burst(allowance: Allowance, instants: list[float]) -> None:
    bucket: Bucket | None = None
    for now in instants:
        bucket, wait = take(bucket, allowance, now)
        assert 0 <= bucket.left <= allowance.burst
        assert wait >= 0

import asyncio
import random
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.agent.clock import Clock
from sre_portal.agent.faults.latency import draw_ms, hold
from sre_portal.agent.lease import HeldLease
from sre_portal.contract.fault import Abort, Distribution, Latency
from sre_portal.contract.lease import Lease
from sre_portal.contract.match import Match, Share
from tests.agent.timepiece import Timepiece

MILLISECOND = 1_000_000
FOREVER = 1 << 62


def held(deadline_ns: int = FOREVER) -> HeldLease:
    return HeldLease(Lease("a", 1, Abort(), Match(), Share(), 5_000), deadline_ns)


def drawn(fault: Latency, many: int = 4_000) -> list[float]:
    draw = random.Random(7).random
    return [draw_ms(fault, draw) for _ in range(many)]


@given(
    st.sampled_from(["fixed", "uniform", "normal", "pareto"]),
    st.floats(0, 60_000),
    st.floats(0, 60_000),
    st.floats(0.1, 10),
    st.floats(0, 60_000),
    st.integers(0, 2**32),
)
def test_no_delay_is_below_0_or_above_its_cap(
    distribution: Distribution, delay: float, spread: float, shape: float, cap: float, seed: int
) -> None:
    draw = random.Random(seed).random
    assert 0 <= draw_ms(Latency(delay, distribution, spread, shape, cap), draw) <= cap


def test_a_fixed_delay_is_always_the_same() -> None:
    assert set(drawn(Latency(200))) == {200}


def test_a_uniform_delay_fills_its_band() -> None:
    found = drawn(Latency(200, "uniform", 50))
    assert 150 <= min(found) < 155
    assert 245 < max(found) <= 250
    assert statistics.mean(found) == pytest.approx(200, abs=2)


def test_a_normal_delay_has_its_mean_and_deviation() -> None:
    found = drawn(Latency(200, "normal", 20))
    assert statistics.mean(found) == pytest.approx(200, abs=1.5)
    assert statistics.stdev(found) == pytest.approx(20, rel=0.05)


def test_a_pareto_delay_has_its_minimum_and_its_median() -> None:
    found = drawn(Latency(100, "pareto", shape=3))
    assert min(found) >= 100
    assert statistics.median(found) == pytest.approx(100 * 2 ** (1 / 3), rel=0.02)


def test_the_extremes_of_chance_are_no_problem() -> None:
    for number in (0.0, 1 - 2**-53):
        for distribution in ("uniform", "normal", "pareto"):
            assert 0 <= draw_ms(Latency(10, distribution, 5, 0.01), lambda: number) <= 60_000  # noqa: B023


async def test_a_wait_is_never_shorter_than_asked() -> None:
    now = Clock().monotonic_ns
    for microseconds in (1, 300, 1_000, 1_700, 5_100):
        until = now() + microseconds * 1_000
        assert await hold(held(), until, now)
        assert now() >= until


async def test_a_wait_that_is_over_already_is_none() -> None:
    time = Timepiece()
    assert await hold(held(), time.monotonic_ns, time.clock.monotonic_ns)


async def test_a_wait_ends_with_its_lease_though_nobody_says_so() -> None:
    now = Clock().monotonic_ns
    lease = held(now() + 5 * MILLISECOND)
    assert not await hold(lease, now() + 3_600_000 * MILLISECOND, now)
    assert now() >= lease.deadline_ns


async def test_a_wait_goes_on_when_its_lease_is_renewed() -> None:
    now = Clock().monotonic_ns
    lease = held(now() + 5 * MILLISECOND)
    until = now() + 20 * MILLISECOND
    waiting = asyncio.ensure_future(hold(lease, until, now))
    await asyncio.sleep(0)
    lease.deadline_ns = FOREVER
    assert await waiting
    assert now() >= until


async def test_a_wait_under_a_lease_that_has_ended_is_none() -> None:
    time = Timepiece()
    lease = held()
    lease.end("withdrawn", 1.0)
    assert not await hold(lease, time.monotonic_ns + MILLISECOND, time.clock.monotonic_ns)


async def test_a_wait_is_cut_when_its_lease_is_withdrawn() -> None:
    time = Timepiece()
    lease = held()
    waiting = asyncio.ensure_future(hold(lease, FOREVER - 1, time.clock.monotonic_ns))
    await asyncio.sleep(0)
    lease.end("withdrawn", 1.0)
    assert not await waiting


async def test_a_process_that_slept_through_the_end_of_its_lease_cuts_the_wait() -> None:
    time = Timepiece()
    lease = held(time.monotonic_ns + 10 * MILLISECOND)
    time.advance(60)
    assert not await hold(lease, time.monotonic_ns - 1, time.clock.monotonic_ns)


async def test_a_cancelled_request_stops_waiting() -> None:
    time = Timepiece()
    lease = held()
    waiting = asyncio.ensure_future(hold(lease, FOREVER - 1, time.clock.monotonic_ns))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not lease._waiting

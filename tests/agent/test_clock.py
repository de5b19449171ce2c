import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.agent.clock import SAMPLES, SECOND, JumpWatch, PortalClock
from tests.agent.timepiece import Timepiece

MILLISECOND = SECOND // 1000


def portal_clock(time: Timepiece) -> PortalClock:
    return PortalClock(time.clock)


def test_before_the_portal_has_spoken_its_clock_is_taken_to_be_ours() -> None:
    time = Timepiece()
    clock = portal_clock(time)
    assert clock.at(time.monotonic_ns) == time.wall()
    assert clock.error_ns is None


@given(
    offset_ns=st.integers(-(10**15), 10**15),
    way_ns=st.integers(0, SECOND),
    work_ns=st.integers(0, SECOND),
    back_ns=st.integers(0, SECOND),
)
def test_a_round_trip_tells_the_offset_within_half_of_it(
    offset_ns: int, way_ns: int, work_ns: int, back_ns: int
) -> None:
    time = Timepiece()
    clock = portal_clock(time)
    true_ns = time.wall_ns - time.monotonic_ns + offset_ns
    sent = time.monotonic_ns
    received, answered = sent + way_ns, sent + way_ns + work_ns
    clock.sample(sent, (received + true_ns) / SECOND, (answered + true_ns) / SECOND, answered + back_ns)
    assert clock.error_ns is not None
    rounding_ns = 2_000
    assert abs(clock.offset_ns - true_ns) <= clock.error_ns + rounding_ns
    assert abs(clock.error_ns - (way_ns + back_ns) // 2) <= rounding_ns


def sampled(clock: PortalClock, time: Timepiece, *, offset: float, trip_ms: float) -> None:
    """A round trip with the time at the portal in its middle, off from ours by `offset` seconds."""
    sent = time.monotonic_ns
    time.advance(trip_ms / 2000)
    there = time.wall() + offset
    time.advance(trip_ms / 2000)
    clock.sample(sent, there, there, time.monotonic_ns)


def test_the_quickest_of_the_last_round_trips_counts() -> None:
    time = Timepiece()
    clock = portal_clock(time)
    for trip_ms in (40, 2, 30):
        sampled(clock, time, offset=5, trip_ms=trip_ms)
    assert clock.error_ns == pytest.approx(MILLISECOND, abs=2_000)
    for _ in range(SAMPLES):
        sampled(clock, time, offset=5, trip_ms=20)
    assert clock.error_ns == pytest.approx(10 * MILLISECOND, abs=2_000)


def test_a_round_trip_that_contradicts_the_others_is_the_new_truth() -> None:
    time = Timepiece()
    clock = portal_clock(time)
    sampled(clock, time, offset=5, trip_ms=2)
    sampled(clock, time, offset=65, trip_ms=50)
    assert clock.wall_offset_ms() == pytest.approx(65_000, abs=30)


def test_an_answer_from_before_its_question_is_no_sample() -> None:
    time = Timepiece()
    clock = portal_clock(time)
    clock.sample(time.monotonic_ns, time.wall(), time.wall() + 10, time.monotonic_ns + MILLISECOND)
    assert clock.error_ns is None


def test_a_round_trip_during_which_the_process_stood_still_is_no_sample() -> None:
    time = Timepiece()
    clock = portal_clock(time)
    sampled(clock, time, offset=5, trip_ms=60_000)
    assert clock.error_ns is None


def test_the_quickest_plan_is_the_hint_until_there_is_a_sample() -> None:
    time = Timepiece()
    clock = portal_clock(time)
    for under_way in (0.5, 0.2, 0.9):
        clock.hint(time.wall() + 100 - under_way, time.monotonic_ns)
    assert clock.wall_offset_ms() == pytest.approx(99_800, abs=0.01)
    assert clock.error_ns is None
    sampled(clock, time, offset=100, trip_ms=2)
    clock.hint(time.wall() + 500, time.monotonic_ns)
    assert clock.wall_offset_ms() == pytest.approx(100_000, abs=2)


def test_after_a_suspend_the_next_hint_counts_whatever_came_before() -> None:
    time = Timepiece()
    clock = portal_clock(time)
    sampled(clock, time, offset=100, trip_ms=2)
    clock.forget()
    assert clock.error_ns is None
    clock.hint(time.wall() + 50, time.monotonic_ns)
    assert clock.wall_offset_ms() == pytest.approx(50_000, abs=0.01)


@given(late=st.floats(0, 100), offset=st.floats(-1000, 1000), trip_ms=st.floats(0, 500))
def test_a_lease_never_lasts_longer_than_from_its_sending(late: float, offset: float, trip_ms: float) -> None:
    time = Timepiece()
    clock = portal_clock(time)
    sampled(clock, time, offset=offset, trip_ms=trip_ms)
    sent_at, sent_ns = time.wall() + offset, time.monotonic_ns
    time.advance(late)
    deadline = clock.deadline_ns(sent_at, 5_000, time.monotonic_ns)
    assert deadline <= sent_ns + 5 * SECOND + 1_000
    assert deadline <= time.monotonic_ns + 5 * SECOND
    assert clock.error_ns is not None
    assert deadline >= sent_ns + 5 * SECOND - 2 * clock.error_ns - 2_000


def test_without_a_mapping_a_lease_lasts_its_time_from_arrival() -> None:
    time = Timepiece()
    clock = portal_clock(time)
    clock.hint(123.0, time.monotonic_ns)
    assert clock.deadline_ns(123.0, 5_000, time.monotonic_ns) == time.monotonic_ns + 5 * SECOND


@pytest.mark.parametrize(
    ("moved", "jumped"), [(0.9, False), (-0.9, False), (1.1, True), (-1.1, True), (3600, True)]
)
def test_a_jump_is_more_than_a_second(moved: float, *, jumped: bool) -> None:
    time = Timepiece()
    watch = JumpWatch(time.clock)
    time.advance(10)
    time.set_wall(moved)
    assert watch.jumped() is jumped
    watch.settle()
    assert not watch.jumped()


def test_slow_slewing_is_no_jump() -> None:
    time = Timepiece()
    watch = JumpWatch(time.clock)
    for _ in range(100):
        time.advance(1)
        time.set_wall(0.05)
        assert not watch.jumped()
        watch.settle()

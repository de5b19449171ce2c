"""Where the lines of a run's charts will go."""

import pytest

from sre_portal.contract.histogram import Buckets, bucket_of
from sre_portal.core.corridor import burn_corridors, offsets_of, p99_corridor, p99_of
from sre_portal.core.experiment import AbortFault, LatencyFault
from tests.unit.core.ahead import ahead_of
from tests.unit.core.documents import experiment_of, slo_of

AHEAD = ahead_of(slo_of(), experiment_of(duration="60s"))
USUAL: Buckets = {bucket_of(ms * 1_000_000): 100 for ms in range(10, 60)}
SLOW = LatencyFault.model_validate({"type": "latency", "delay": "2s"})


def test_a_corridor_has_a_hundred_points_from_before_the_fault_to_the_end_of_recovery() -> None:
    for duration in ("10s", "60s", "4h"):
        timing = ahead_of(slo_of(), experiment_of(duration=duration)).timing
        offsets = offsets_of(timing)
        assert 50 <= len(offsets) <= 120
        assert list(offsets) == sorted(set(offsets))
        assert offsets[0] == -30
        assert offsets[-1] == pytest.approx(timing.revert_high + 300, abs=0.1)


def test_the_burn_rate_rises_with_the_fault_and_leaves_the_short_window_after_it() -> None:
    five, hour = burn_corridors(AHEAD, offsets_of(AHEAD.timing))
    assert (five.kind, five.subject, five.over_seconds, hour.over_seconds) == (
        "burn",
        "shop-availability",
        300,
        3600,
    )
    assert all(point.low <= point.high for corridor in (five, hour) for point in corridor.points)
    before = [point for point in five.points if point.offset_s < -2]
    during = next(point for point in five.points if point.offset_s == 30)
    assert {point.high for point in before} == {0}
    assert during.low < 30 / 300 * 1000 < during.high
    assert five.points[-1].high < 5
    assert hour.points[-1].low > 15


def test_a_delay_of_every_request_moves_the_whole_percentile() -> None:
    found = p99_of(SLOW, USUAL, (1.0, 1.0), rate=50)
    assert found is not None
    assert found.before[0] < 59 < found.before[1]
    assert found.during[0] < 2059 < found.during[1]
    assert found.during[0] > 1800


def test_a_delay_of_few_requests_may_or_may_not_move_it() -> None:
    found = p99_of(SLOW, USUAL, (0.01, 0.01), rate=50)
    assert found is not None
    assert found.during[0] < 100
    assert found.during[1] > 2000


def test_errors_answer_fast_and_do_not_raise_it() -> None:
    found = p99_of(AbortFault(type="abort"), USUAL, (1.0, 1.0), rate=50)
    assert found is not None
    assert found.during == (0, 0)


def test_an_unknown_share_is_a_wide_corridor() -> None:
    found = p99_of(SLOW, USUAL, (0.0, 1.0), rate=50)
    assert found is not None
    assert found.during[0] < 60
    assert found.during[1] > 2000


def test_without_a_timed_request_there_is_no_percentile() -> None:
    assert p99_of(SLOW, {}, (1.0, 1.0), rate=50) is None


def test_the_percentile_goes_from_before_to_during_and_back() -> None:
    found = p99_of(SLOW, USUAL, (1.0, 1.0), rate=50)
    assert found is not None
    corridor = p99_corridor("shop", found, AHEAD.timing, 2.1, (-10, 0, 5, 30, 62, 100))
    bounds = [(point.low, point.high) for point in corridor.points]
    mixed = (found.before[0], found.during[1])
    expected = [found.before, found.before, mixed, found.during, mixed, found.before]
    assert bounds == [pytest.approx(one, rel=0.001) for one in expected]
    assert (corridor.kind, corridor.subject, corridor.over_seconds) == ("p99", "shop", 10)

"""Burn rates and budgets: exact figures, fair to young services, planned apart from organic."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from sre_portal.core.series import SliSeries
from sre_portal.core.slo import BURN_WINDOWS, Counts, budget, budget_size, burn_down, burn_rate, burn_rates
from tests.unit.core.documents import slo_of

HOUR = 3600
NOW = 20_000 * 86400 + 12 * HOUR


def filled(hours: int, counts: Counts, *, seeded: bool = False) -> SliSeries:
    series = SliSeries()
    for hour in range(-hours, 0):
        series.put_hour(NOW + hour * HOUR, counts, seeded=seeded)
    return series


@pytest.mark.parametrize(
    ("good", "bad", "objective", "rate"),
    [
        (9856, 144, "99.9", 14.4),
        (9940, 60, "99.9", 6.0),
        (9970, 30, "99.9", 3.0),
        (999, 1, "99.9", 1.0),
        (0, 7, "99.9", 1000.0),
        (100, 0, "99.9", 0.0),
        (9, 1, "90", 1.0),
        (7, 3, "0", 0.3),
    ],
)
def test_a_burn_rate_is_exact(good: int, bad: int, objective: str, rate: float) -> None:
    assert burn_rate(Counts(good, bad), slo_of(objective=objective)) == rate


def test_there_is_no_burn_rate_of_nothing() -> None:
    assert burn_rate(Counts(), slo_of()) is None
    assert set(burn_rates(SliSeries(), slo_of(), NOW).values()) == {None}


def test_the_allowed_ratio_is_exact() -> None:
    assert slo_of(objective="99.9").allowed_ratio == 0.001
    assert slo_of(objective="99.95").allowed_ratio == 0.0005


def test_burn_rates_look_back_over_each_window() -> None:
    series = SliSeries()
    for minute in range(-72 * 60, 0):
        series.put_minute(NOW + minute * 60, Counts(good=100, bad=1 if minute >= -30 else 0))
    rates = burn_rates(series, slo_of(objective="99"), NOW)
    assert set(rates) == {seconds for pair in BURN_WINDOWS for seconds in pair}
    assert rates[300] == pytest.approx(100 / 101)
    assert rates[3600] == pytest.approx(30 / 6030 * 100)
    assert rates[3 * 86400] == pytest.approx(30 / (4320 * 100 + 30) * 100)


def test_a_full_window_is_taken_as_it_was_counted() -> None:
    found = budget(filled(30 * 24, Counts(good=9995, bad=5, planned=2)), slo_of(), NOW)
    assert found.planned_ratio == pytest.approx(0.2)
    assert found.organic_ratio == pytest.approx(0.3)
    assert found.left_ratio == pytest.approx(0.5)
    assert found.covered == timedelta(days=30)


def test_a_young_service_is_not_judged_as_if_its_first_hour_were_a_month() -> None:
    found = budget(filled(3, Counts(good=990, bad=10)), slo_of(), NOW)
    assert found.covered == timedelta(hours=3)
    assert found.organic_ratio == pytest.approx(10 * 3 / 720)


def test_the_size_of_a_budget_is_in_bad_requests_of_the_whole_window() -> None:
    assert budget_size(filled(3, Counts(good=1000)), slo_of(), NOW) == pytest.approx(720)
    assert budget_size(SliSeries(), slo_of(), NOW) == 0


def test_what_is_older_than_the_window_does_not_count() -> None:
    series = filled(30 * 24, Counts(good=1000))
    series.put_hour(NOW - 31 * 86400, Counts(bad=1_000_000))
    assert budget(series, slo_of(), NOW).left_ratio == 1


def test_more_than_everything_may_be_burnt() -> None:
    assert budget(filled(720, Counts(good=990, bad=10)), slo_of(), NOW).left_ratio == pytest.approx(-9)


def test_the_budget_of_a_service_that_was_never_seen_is_whole() -> None:
    found = budget(SliSeries(), slo_of(), NOW)
    assert (found.left_ratio, found.covered, found.seeded) == (1.0, timedelta(0), False)


def test_generated_history_is_told() -> None:
    assert budget(filled(5, Counts(good=1), seeded=True), slo_of(), NOW).seeded
    assert not budget(filled(5, Counts(good=1)), slo_of(), NOW).seeded


counted = st.builds(
    lambda good, bad, share: Counts(good, bad, int(bad * share)),
    st.integers(0, 10_000),
    st.integers(0, 100),
    st.floats(0, 1),
)


@settings(max_examples=30)
@given(st.dictionaries(st.integers(1, 34 * 24), counted, max_size=40), st.integers(0, 3599))
def test_the_burn_down_ends_at_the_budget_and_never_rises(hours: dict[int, Counts], past: int) -> None:
    series, now = SliSeries(), NOW + past
    for hour, counts in hours.items():
        series.put_hour(NOW - hour * HOUR, counts)
    points, whole = burn_down(series, slo_of(), now), budget(series, slo_of(), now)
    left = [point.left_ratio for point in points]
    assert left == sorted(left, reverse=True)
    assert (points[-1].at, points[-1].left_ratio) == (now, whole.left_ratio)
    assert (points[-1].planned_ratio, points[-1].organic_ratio) == (whole.planned_ratio, whole.organic_ratio)


def test_a_burn_down_has_a_point_an_hour_or_a_day() -> None:
    series = filled(720, Counts(good=999, bad=1), seeded=True)
    assert [point.at for point in burn_down(series, slo_of(), NOW)][:2] == [
        NOW - 719 * HOUR,
        NOW - 718 * HOUR,
    ]
    assert len(burn_down(series, slo_of(), NOW)) == 720
    assert len(burn_down(series, slo_of(), NOW, step=86400)) == 31
    assert all(point.seeded for point in burn_down(series, slo_of(), NOW))


@pytest.mark.parametrize(
    "spec",
    [
        {"objective": "100"},
        {"window": "90d"},
        {"window": "5m"},
        {"errorRateAlert": {"over": "500ms"}},
        {"errorRateAlert": {"over": "2h"}},
        {"errorRateAlert": {"for": "2d"}},
    ],
)
def test_an_slo_that_could_not_be_judged_is_refused(spec: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        slo_of(**spec)

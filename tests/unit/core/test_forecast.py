"""How traffic goes on: rate, evenness, and what is bad by itself."""

from random import Random

import pytest

from sre_portal.core.forecast import RECENT_SECONDS, Forecast, forecast_of
from sre_portal.core.series import SliSeries
from sre_portal.core.slo import Counts
from tests.unit.core.simulation import Traffic, arrivals

NOW = 2_000_000_000


def series_of(per_second: list[int], bad: int = 0, planned: int = 0) -> SliSeries:
    series = SliSeries()
    for at, total in enumerate(per_second, NOW - len(per_second)):
        series.put_second(at, Counts(total - bad, bad, planned))
    return series


def arriving(traffic: Traffic, seed: int = 1, seconds: int = 300) -> SliSeries:
    per_second = [0] * seconds
    for at in arrivals(traffic, 0.0, Random(seed)):
        if at >= seconds:
            break
        per_second[int(max(at, 0))] += 1
    return series_of(per_second)


def forecast(series: SliSeries) -> Forecast:
    found = forecast_of(series, NOW)
    assert found is not None
    return found


def test_the_rate_is_that_of_the_last_two_minutes() -> None:
    found = forecast(series_of([500] * 300 + [20] * RECENT_SECONDS))
    assert (found.rate, found.seconds) == (20, RECENT_SECONDS)


def test_there_is_no_forecast_without_traffic() -> None:
    assert forecast_of(SliSeries(), NOW) is None
    assert forecast_of(series_of([50] * 10 + [0] * RECENT_SECONDS), NOW) is None


def test_a_service_that_just_started_is_forecast_without_its_first_part_of_a_second() -> None:
    found = forecast(series_of([3, *[50] * 30]))
    assert (found.rate, found.seconds) == (50, 30)


@pytest.mark.parametrize("seed", range(5))
def test_even_traffic_is_known_to_be_even(seed: int) -> None:
    found = forecast(arriving(Traffic(rate=43.7, jitter=0.5), seed))
    assert found.dispersion == 0
    assert found.spread(10) < 1


@pytest.mark.parametrize("seed", range(5))
def test_random_traffic_varies_as_its_square_root(seed: int) -> None:
    found = forecast(arriving(Traffic(rate=40, arrivals="poisson"), seed))
    assert 0.4 < found.dispersion < 5
    assert found.spread(10) > 0.6 * 400**0.5


def test_bursts_vary_more_than_random_traffic() -> None:
    found = forecast(arriving(Traffic(rate=40, arrivals="bursts")))
    assert found.dispersion > 3


def test_seconds_that_are_even_by_themselves_but_drift_are_not_even() -> None:
    assert forecast(series_of([40 + at // 20 * 3 for at in range(120)])).dispersion > 1


def test_with_few_seconds_arrivals_are_taken_to_be_random() -> None:
    found = forecast(series_of([50] * 12))
    assert (found.variance, found.dispersion) == (50, 1)


def test_history_that_is_known_by_the_minute_says_nothing_about_seconds() -> None:
    series = SliSeries()
    for minute in range(NOW // 60 * 60 - 600, NOW - 60, 60):
        series.put_minute(minute, Counts(2400, 0), seeded=True)
    for at in range(NOW - 46, NOW):
        series.put_second(at, Counts(40, 0))
    found = forecast(series)
    assert (found.rate, found.variance, found.dispersion, found.seconds) == (40, 0.25, 0, 45)


def test_the_rate_is_known_the_less_the_further_ahead() -> None:
    found = Forecast(50, 0.25, 0.0, 120, 0, 6000)
    assert found.spread(10) == pytest.approx(0.5, rel=0.01)
    assert found.spread(1200) == pytest.approx(0.5 * 101**0.5)


def test_the_bad_share_is_that_of_the_hour_where_the_last_minutes_agree() -> None:
    found = forecast(series_of([50] * 3000, bad=1))
    assert (found.base_bad, found.base_total) == (3000, 150_000)
    assert found.base == pytest.approx(0.02)
    assert 20 < found.bad_by_itself(1000) < 50


def test_the_bad_share_is_that_of_the_last_minutes_where_they_differ() -> None:
    series = series_of([50] * 3000)
    for at in range(NOW - RECENT_SECONDS, NOW):
        series.put_second(at, Counts(45, 5))
    found = forecast(series)
    assert (found.base_bad, found.base_total) == (5 * RECENT_SECONDS, 50 * RECENT_SECONDS)


def test_what_a_run_made_bad_is_not_bad_by_itself() -> None:
    found = forecast(series_of([50] * 300, bad=10, planned=10))
    assert (found.base, found.base_bad, found.base_total) == (0, 0, 12_000)
    unknown = forecast(series_of([50] * 300, bad=50, planned=50))
    assert (unknown.base, unknown.base_total) == (0, 0)
    assert unknown.bad_by_itself(100) > 50
    assert unknown.bad_by_itself(0) == 0

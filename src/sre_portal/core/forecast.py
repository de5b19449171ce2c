"""How an SLO's traffic goes on: its rate, how evenly it comes, and how much of it is bad by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, sqrt

from sre_portal.core.bound import seen_before, wilson
from sre_portal.core.series import SliSeries
from sre_portal.core.slo import Counts

RECENT_SECONDS = 120
"""A forecast is made from what was counted in the last two minutes."""

_HOUR = 3600
_FEWEST_SECONDS = 20
_BLOCKS = (5, 10, 20)
_LONG_BLOCK = 10
# Arrivals as even as clockwork: a block of 5, 10 or 20 seconds varies by little more than one second does.
# Were the seconds independent, it would vary 5, 10 or 20 times as much; one in 500 such would pass as even.
_EVEN = ((5, 2.5), (10, 3.0), (20, 3.5))
# Where in a second the requests fall is unknown also for traffic as even as clockwork.
_LEAST_VARIANCE = 0.25
# Requests come whole: a block of clockwork may hold one more or one less.
_WHOLE_VARIANCE = 0.5


@dataclass(frozen=True, slots=True)
class Forecast:
    """Requests to come, if they come as in the last two minutes."""

    rate: float
    """Requests a second."""
    variance: float
    """Of the requests of one second."""
    dispersion: float
    """Variance over mean of the requests of longer stretches: 1 for random arrivals, 0 for even ones."""
    seconds: int
    """How many seconds this was learnt from."""
    base_bad: int
    """Of `base_total` requests before, so many were bad by themselves, without a fault."""
    base_total: int

    @property
    def base(self) -> float:
        """The share of requests that is bad by itself."""
        return self.base_bad / self.base_total if self.base_total else 0.0

    def bad_by_itself(self, requests: float) -> float:
        """The most that are bad by themselves of so many requests to come.

        The fewest are none: what goes wrong by itself may stop at any second, as the failures of a service
        that has just started do.
        """
        return seen_before(self.base_bad, self.base_total, requests) if requests > 0 else 0.0

    def spread(self, seconds: float) -> float:
        """The standard deviation of the requests of a future stretch.

        Two parts: how arrivals vary, and how well the rate is known from the `self.seconds` before.
        """
        rate_known = seconds / self.seconds
        return sqrt(self._varying(seconds) + rate_known * rate_known * self._varying(self.seconds))

    def _varying(self, seconds: float) -> float:
        return min(seconds, 1.0) * self.variance + self.dispersion * self.rate * seconds


def recent_seconds(first_second: int | None, now: int) -> int:
    """How many of the last two minutes before the second `now` were counted second by second, and wholly.

    The first second of all is counted only in part, and a minute that is only known as one (sample history,
    say) tells nothing about its seconds.
    """
    return 0 if first_second is None else max(min(RECENT_SECONDS, now - first_second - 1), 0)


def forecast_of(series: SliSeries, now: int) -> Forecast | None:
    """What the last two minutes before the second `now` say. None where nothing was counted in them."""
    seconds = recent_seconds(series.first_second, now)
    if seconds < 1:
        return None
    per_second = [counts.total for counts in series.per_second(now - seconds, now)]
    total = sum(per_second)
    if not total:
        return None
    variance, dispersion = _varying(per_second)
    return Forecast(total / seconds, variance, dispersion, seconds, *_base(series, now, seconds))


def _varying(per_second: Sequence[int]) -> tuple[float, float]:
    """The variance of a second, and how much of it is left over longer stretches, as variance over mean.

    The greatest variance over mean of longer blocks: 1 for random arrivals, more for bursts. With too few
    seconds to tell, arrivals are taken to be random.
    """
    mean = sum(per_second) / len(per_second)
    if len(per_second) < _FEWEST_SECONDS:
        return max(mean, _LEAST_VARIANCE), 1.0
    variance = max(_variance(per_second), _LEAST_VARIANCE)
    blocks = {size: _variance(_sums(per_second, size)) for size in _BLOCKS if len(per_second) >= 2 * size}
    usual = max(variance, _WHOLE_VARIANCE)
    if variance <= mean / 4 and all(blocks.get(size, inf) <= most * usual for size, most in _EVEN):
        return variance, 0.0
    return variance, max(blocks[size] / (mean * size) for size in blocks if size >= _LONG_BLOCK)


def _sums(numbers: Sequence[int], size: int) -> list[int]:
    """The sums of whole blocks."""
    return [sum(numbers[at : at + size]) for at in range(0, len(numbers) - size + 1, size)]


def _variance(numbers: Sequence[int]) -> float:
    mean = sum(numbers) / len(numbers)
    return sum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1)


def _base(series: SliSeries, now: int, seconds: int) -> tuple[int, int]:
    """How many were bad without a fault, and of how many.

    Of the last hour, which tells a small share well, or of the last two minutes where they differ from it.
    """
    recent, hour = (_organic(series.counts(now - back, now)) for back in (seconds, _HOUR))
    low, high = wilson(*recent)
    usual = hour[0] / hour[1] if hour[1] else 0.0
    return hour if low <= usual <= high else recent


def _organic(counts: Counts) -> tuple[int, int]:
    """Bad by itself, and all that were not bad by plan."""
    return counts.organic, counts.total - counts.planned

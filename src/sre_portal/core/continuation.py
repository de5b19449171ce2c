"""The recorded counts of an SLO, continued through a run that has not started: most and fewest bad requests.

Time is in seconds from the first hit. What was counted is read from the board; what is to come is summed in
closed form, because rate and shares are constant between a few instants. A window is bounded by its own sum:
what is expected to be bad, and what chance adds to it or takes away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor

from sre_portal.core.bound import skewed
from sre_portal.core.effect import Effect
from sre_portal.core.forecast import Forecast
from sre_portal.core.series import SliSeries
from sre_portal.core.slo import Counts, Slo
from sre_portal.core.timing import Timing


@dataclass(frozen=True, slots=True)
class Flow:
    """Hits with one fate: `rate` a second, counted `delay` seconds after arriving, the share `bad` as bad."""

    rate: float
    delay: float
    bad: float


@dataclass(frozen=True, slots=True)
class Burst:
    """Requests that are counted in one instant, somewhere from `early` to `late`.

    In the extreme of most bad requests they are in every window they can be in, in that of the fewest only in
    those they must be in.
    """

    total: float
    bad: float
    early: float
    late: float
    most: bool

    def counts_in(self, start: float, end: float) -> bool:
        if self.most:
            return start <= self.late and self.early < end
        return start <= self.early and self.late < end


@dataclass(frozen=True, slots=True)
class Course:
    """The traffic of an SLO through one run, at one extreme."""

    forecast: Forecast
    flows: tuple[Flow, ...]
    bad_share: float
    """The share of all requests that becomes bad by the fault."""
    replaces: bool
    """Hits never reach the application, so they are not bad by themselves."""
    start: float
    end: float
    """The fault is active on requests that arrive from `start` to `end`."""
    first: Burst
    """The first hit. The flows are what comes after it."""
    released: Burst
    """The requests that are held when the fault ends, and let go at once."""

    def expected(self, start: float, end: float) -> tuple[float, float, float]:
        """Of a stretch: all requests, those bad by the fault, and those the application answers as ever."""
        hits = planned = hit_rate = 0.0
        for flow in self.flows:
            seconds = min(end, self.end) - max(start, self.start + flow.delay)
            hit_rate += flow.rate
            if seconds > 0:
                hits += flow.rate * seconds
                planned += flow.rate * flow.bad * seconds
        for burst in (self.first, self.released):
            if burst.counts_in(start, end):
                hits += burst.total
                planned += burst.bad
        faulted = max(min(end, self.end) - max(start, self.start), 0.0)
        plain = self.forecast.rate * (end - start) - hit_rate * faulted
        return plain + hits, planned, plain if self.replaces else plain + hits - planned

    def planned_at_bound(self, planned: float, whole: float, *, most: bool) -> float:
        """Of a window of `whole` requests those that the fault makes bad, at the bound.

        Each request is drawn (binomial), and how many arrive while the fault is active varies as well. What
        arrives more is bad and counted: of a window that is all fault the bad share stays, so that only the
        part of the window that is not is left of this.
        """
        if planned <= 0:
            return 0.0
        share = self.bad_share
        arrived = planned / share
        moves = share * max(1 - arrived / whole, 0.0) if whole else share
        drawn = planned * (1 - share)
        arriving = (moves * self.forecast.spread(arrived / self.forecast.rate)) ** 2
        third = drawn * (1 - 2 * share) + arriving * (3 * (1 - share) + share * self.forecast.dispersion)
        return max(planned + skewed(drawn + arriving, third, most=most), 0.0)

    def planned_bounds(self, *, most: bool) -> float:
        """All requests that the fault makes bad, at the bound."""
        _, planned, _ = self.expected(0.0, self.released.late + 1)
        return self.planned_at_bound(planned, 0.0, most=most)


def course_of(forecast: Forecast, effect: Effect, timing: Timing, *, most: bool) -> Course:
    """One extreme: the most bad requests, counted as early as can be, or the fewest, as late as can be."""
    end = timing.revert_high if most else timing.revert_low
    start = 0.0 if most else min(timing.reach, end)
    hit_rate = forecast.rate * (effect.hit_high if most else effect.hit_low)
    flows = tuple(
        Flow(hit_rate * fate.part, fate.early_s, fate.bad_high)
        if most
        else Flow(hit_rate * fate.part, fate.late_s, fate.bad_low)
        for fate in effect.fates
    )
    return Course(
        forecast=forecast,
        flows=flows,
        bad_share=sum(flow.rate * flow.bad for flow in flows) / forecast.rate,
        replaces=effect.replaces,
        start=start,
        end=end,
        first=_first(effect, flows, most=most),
        released=_released(effect, flows, timing, end - start, most=most),
    )


def _first(effect: Effect, flows: Sequence[Flow], *, most: bool) -> Burst:
    """The first hit is one for certain, bad where its fate says so whatever is drawn."""
    early, late = min(fate.early_s for fate in effect.fates), max(fate.late_s for fate in effect.fates)
    bad = [flow.bad for flow in flows if flow.rate]
    return Burst(0.0, float(any(bad) if most else min(bad, default=0) == 1), early, late, most)


def _released(effect: Effect, flows: Sequence[Flow], timing: Timing, lasts: float, *, most: bool) -> Burst:
    """What is held when the fault ends: the hits of the last `delay` seconds; the longest held are bad."""
    held = [(flow.rate, min(flow.delay, lasts)) for flow in flows]
    bad_after = lasts if effect.held_bad_s is None else effect.held_bad_s[0 if most else 1]
    return Burst(
        total=sum(rate * seconds for rate, seconds in held),
        bad=sum(rate * max(seconds - bad_after, 0.0) for rate, seconds in held),
        early=timing.revert_low,
        late=timing.revert_high,
        most=most,
    )


class Past:
    """What was counted from an instant to `now`, remembered: extremes and charts ask for the same seconds."""

    __slots__ = ("_all", "_known", "_now", "_series")

    def __init__(self, series: SliSeries, now: int) -> None:
        self._series, self._now = series, now
        self._all = series.until(now)
        self._known: dict[int, tuple[int, int]] = {}

    def since(self, back: float) -> tuple[float, float]:
        """All and bad requests of the last `back` seconds before `now`; a part of a second counts in part."""
        if back <= 0:
            return 0.0, 0.0
        whole = floor(back)
        total, bad = self._second(whole)
        part = back - whole
        if not part:
            return total, bad
        more_total, more_bad = self._second(whole + 1)
        return total + part * (more_total - total), bad + part * (more_bad - bad)

    def _second(self, back: int) -> tuple[int, int]:
        known = self._known.get(back)
        if known is None:
            then = self._series.until(self._now - back)
            known = self._known[back] = self._all.total - then.total, self._all.bad - then.bad
        return known


@dataclass(frozen=True, slots=True)
class Continuation:
    """One extreme of what will have been counted."""

    past: Past
    course: Course
    gap: float
    """From the last second that was counted to the first hit."""
    gap_bad: float
    """The same for bad requests: more of a bad past is inside a window that starts earlier."""
    most: bool

    def counts(self, start: float, end: float) -> Counts:
        """The counts of a window, in seconds from the first hit."""
        total, _ = self.past.since(-self.gap - start)
        _, bad = self.past.since(-self.gap_bad - start)
        if end < -self.gap:
            before = self.past.since(-self.gap - end)
            return _whole(total - before[0], max(bad - before[1], 0.0))
        ahead, planned, as_ever = self.course.expected(max(start, -self.gap), end)
        total += ahead
        bad += self.course.planned_at_bound(planned, total, most=self.most)
        if self.most:
            bad += self.course.forecast.bad_by_itself(as_ever)
        # A request more or less of all depends on where in a second they fall.
        return _whole(total + (-1 if self.most else 1), bad)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is ahead of one SLO: the two extremes, and what they were made from."""

    slo: Slo
    forecast: Forecast
    effect: Effect
    timing: Timing
    fewest: Continuation
    most: Continuation


def outlook_of(
    slo: Slo, series: SliSeries, now: int, forecast: Forecast, effect: Effect, timing: Timing
) -> Outlook:
    """Continues what was counted of an SLO before the second `now` through a run, both ways."""
    past, gap = Past(series, now), (timing.gap_low + timing.gap_high) / 2
    fewest, most = (course_of(forecast, effect, timing, most=one) for one in (False, True))
    return Outlook(
        slo,
        forecast,
        effect,
        timing,
        Continuation(past, fewest, gap, timing.gap_high, most=False),
        Continuation(past, most, gap, timing.gap_low, most=True),
    )


def _whole(total: float, bad: float) -> Counts:
    """Requests come whole."""
    return Counts(max(round(total) - round(bad), 0), round(bad))

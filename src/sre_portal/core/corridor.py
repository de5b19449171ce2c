"""Where the lines of a run's charts will go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

from sre_portal.contract.histogram import Buckets, midpoint_ns
from sre_portal.core.bound import Z
from sre_portal.core.continuation import Outlook
from sre_portal.core.delay import delay_parts
from sre_portal.core.experiment import FaultSpec, LatencyFault
from sre_portal.core.slo import burn_rate
from sre_portal.core.timing import Timing

BEFORE_SECONDS = 30.0
AFTER_SECONDS = 300.0
"""A chart starts this long before the first hit and ends this long after the revert."""

BURN_OVER_SECONDS = (300, 3600)
P99_OVER_SECONDS = 10

_EVEN_POINTS = 40
# Around the two steps of a run, where lines bend.
_NEAR_A_STEP = (-1.0, 0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 200.0, 300.0)
_DRIFT = 0.1


@dataclass(frozen=True, slots=True)
class CorridorPoint:
    offset_s: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Corridor:
    """Where a chart's line will run.

    `burn` is the burn rate over `over_seconds`; `p99` is in milliseconds.
    """

    kind: Literal["burn", "p99"]
    subject: str
    """The SLO (burn) or the service (p99)."""
    over_seconds: int
    points: tuple[CorridorPoint, ...]


@dataclass(frozen=True, slots=True)
class P99:
    """The 99th percentile of a service's request durations over 10 s, in milliseconds, low and high."""

    before: tuple[float, float]
    during: tuple[float, float]


def offsets_of(timing: Timing) -> tuple[float, ...]:
    """The instants of a corridor: evenly spread, and dense where lines bend."""
    start, end = -BEFORE_SECONDS, timing.revert_high + AFTER_SECONDS
    even = (start + (end - start) * index / _EVEN_POINTS for index in range(_EVEN_POINTS + 1))
    near = (step + away for step in (0.0, timing.revert_high) for away in _NEAR_A_STEP)
    return tuple(sorted({round(at, 1) for at in (*even, *near) if start <= at <= end}))


def burn_corridors(outlook: Outlook, offsets: Sequence[float]) -> tuple[Corridor, ...]:
    """The burn rate of an SLO over the last five minutes and the last hour."""
    slo, extremes = outlook.slo, (outlook.fewest, outlook.most)

    def point(at: float, over: int) -> CorridorPoint:
        low, high = (burn_rate(one.counts(at - over, at), slo) or 0.0 for one in extremes)
        return CorridorPoint(at, _short(min(low, high)), _short(max(low, high)))

    return tuple(
        Corridor("burn", slo.name, over, tuple(point(at, over) for at in offsets))
        for over in BURN_OVER_SECONDS
    )


def p99_of(fault: FaultSpec, latency: Buckets, hits: tuple[float, float], rate: float) -> P99 | None:
    """The 99th percentile before and during a fault that hits between two shares of a service's requests.

    The requests during a fault are a mixture: those that are not hit take as long as before, those that are
    hit as long as the fault says. A percentile of n requests lies Z sqrt(0.99 x 0.01 / n) around it. None
    where no request was timed.
    """
    if not latency:
        return None
    off = Z * sqrt(0.99 * 0.01 / max(rate * P99_OVER_SECONDS, 1.0))
    plain = [(midpoint_ns(bucket) / 1e6, float(count)) for bucket, count in latency.items()]
    total = sum(latency.values())
    base = [(value, count / total) for value, count in plain]
    before = _at(base, 0.99 - off) * (1 - _DRIFT), _at(base, 0.99 + off) * (1 + _DRIFT)
    ends = []
    for share in hits:
        for late in (False, True):
            mixed = [(value, weight * (1 - share)) for value, weight in base]
            mixed += [(value, weight * share) for value, weight in _hit(fault, base, late=late)]
            ends.append(
                _at(mixed, 0.99 + off) * (1 + _DRIFT) if late else _at(mixed, 0.99 - off) * (1 - _DRIFT)
            )
    return P99(before, (min(ends), max(ends)))


def p99_corridor(
    service: str, found: P99, timing: Timing, delay: float, offsets: Sequence[float]
) -> Corridor:
    """Before, during and after; while the last 10 s hold both, anything from the one to the other."""
    mixed = min(found.before[0], found.during[0]), max(found.before[1], found.during[1])
    filled = P99_OVER_SECONDS + delay

    def bounds(at: float) -> tuple[float, float]:
        if at <= 0 or at > timing.revert_high + filled:
            return found.before
        return found.during if filled < at <= timing.revert_low else mixed

    points = tuple(CorridorPoint(at, *map(_short, bounds(at))) for at in offsets)
    return Corridor("p99", service, P99_OVER_SECONDS, points)


def _hit(
    fault: FaultSpec, base: Sequence[tuple[float, float]], *, late: bool
) -> Iterable[tuple[float, float]]:
    """Durations of hits in milliseconds, and their weights. An error or an abort takes no time."""
    if not isinstance(fault, LatencyFault):
        return [(0.0, 1.0)]
    usual = [_at(base, ratio) for ratio in (0.1, 0.3, 0.5, 0.7, 0.9)]
    return [
        (value + 1000 * (longest if late else shortest), part / len(usual))
        for part, shortest, longest in delay_parts(fault)
        for value in usual
    ]


def _at(weighted: Iterable[tuple[float, float]], ratio: float) -> float:
    """The value that `ratio` of the weight does not exceed."""
    ordered = sorted((value, weight) for value, weight in weighted if weight > 0)
    seen = 0.0
    for value, weight in ordered:
        seen += weight
        if seen >= ratio:
            return value
    return ordered[-1][0]


def _short(number: float) -> float:
    """Four digits are more than a chart shows, and a prediction is stored with its run."""
    return float(f"{number:.4g}")

"""When the fault of a run begins and ends, before it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import log

from sre_portal.core.alert import SETTLE_SECONDS
from sre_portal.core.board import Board
from sre_portal.core.effect import share_bounds
from sre_portal.core.experiment import Experiment, Target
from sre_portal.core.forecast import Forecast, forecast_of, recent_seconds
from sre_portal.core.overlap import ALL, overlap_of, twin_of
from sre_portal.core.series import SignalSeries
from sre_portal.core.slo import Slo

PLAN_SECONDS = 0.5
"""A lease reaches every agent this soon: plans are streamed, and told at once when a lease is granted."""

REACH_SECONDS = 0.2
"""From the first agent that has a lease to the last."""

END_SECONDS = 0.25
"""Clocks included, a lease ends at most this much late, and a tenth of a second early."""
_EARLY_SECONDS = 0.1

# Once in 10,000 runs the first hit takes longer than said.
_RARE = 1e-4
_UNKNOWN_WAIT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Timing:
    """When things happen, in seconds between bounds."""

    gap_low: float
    """From the last second that was counted to the first hit."""
    gap_high: float
    first_hit: float
    """From the grant of the leases to the first hit, at most."""
    revert_low: float
    """From the first hit to the end of the fault."""
    revert_high: float
    reach: float
    """From the first hit until every instance injects, at most."""


@dataclass(frozen=True, slots=True)
class TargetTraffic:
    """The requests a second that match a target. `least` is 0 where that is not measured."""

    expected: float
    least: float
    dispersion: float


def target_traffic(target: Target, slos: Sequence[Slo], board: Board, now: int) -> TargetTraffic:
    """From an SLO with the same requests, from those within the target, or from the whole service."""
    within = [slo for slo in slos if overlap_of(target, slo) == ALL]
    twin = twin_of(target, slos)
    known = [forecast for slo in ([twin] if twin else within) if (forecast := _forecast(slo, board, now))]
    best = max(known, key=lambda forecast: forecast.rate, default=None)
    signals = board.services.get(target.service, SignalSeries())
    seconds = recent_seconds(signals.first_second, now)
    service = signals.requests(now - seconds, now) / seconds if seconds else 0.0
    whole = not (target.route or target.methods or target.headers)
    if best is None:
        return TargetTraffic(service, service if whole else 0.0, 1.0)
    expected = max(best.rate, service) if whole and twin is None else best.rate
    return TargetTraffic(expected, best.rate, best.dispersion)


def timing_of(experiment: Experiment, traffic: TargetTraffic) -> Timing:
    """The bounds of a run's instants, from the rate at which requests can be hit."""
    duration = experiment.spec.duration / timedelta(seconds=1)
    first_hit = PLAN_SECONDS + _wait(experiment, traffic)
    return Timing(
        gap_low=SETTLE_SECONDS,
        gap_high=SETTLE_SECONDS + 1 + first_hit,
        first_hit=first_hit,
        revert_low=max(duration - first_hit - _EARLY_SECONDS, 0.0),
        revert_high=duration + END_SECONDS,
        reach=REACH_SECONDS,
    )


def _forecast(slo: Slo, board: Board, now: int) -> Forecast | None:
    series = board.slis.get(slo.name)
    return forecast_of(series, now) if series else None


def _wait(experiment: Experiment, traffic: TargetTraffic) -> float:
    """The longest wait for a request that is hit.

    Even traffic brings one each 1/rate seconds and so many are let through before the draw hits; random
    arrivals add an exponential wait, by as much as they are random.
    """
    share, _, _ = share_bounds(experiment.spec.target.share)
    if not traffic.least * share:
        return _UNKNOWN_WAIT_SECONDS
    draws = 1.0 if share == 1 else max(log(_RARE) / log(1 - share), 1.0)
    return (draws - log(_RARE) * min(traffic.dispersion, 1.0) / share) / traffic.least

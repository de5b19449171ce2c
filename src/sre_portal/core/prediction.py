"""What a run will do, said before it starts: when each alert turns, and what it costs.

All offsets are seconds since the first request was hit (`effective_at`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sre_portal.contract.histogram import Buckets, quantile_ms
from sre_portal.core.alert import SETTLE_SECONDS, Alert, rules_of
from sre_portal.core.band import Band
from sre_portal.core.board import Board
from sre_portal.core.continuation import Outlook, outlook_of
from sre_portal.core.corridor import (
    P99,
    Corridor,
    CorridorPoint,
    burn_corridors,
    offsets_of,
    p99_corridor,
    p99_of,
)
from sre_portal.core.effect import LEAST_USERS, Effect, effect_of, share_bounds
from sre_portal.core.experiment import Experiment
from sre_portal.core.forecast import RECENT_SECONDS, forecast_of, recent_seconds
from sre_portal.core.overlap import measured_overlap, service_overlap
from sre_portal.core.reaction import JITTER_SECONDS, WATCHED_SECONDS, AlertPrediction, react, standing
from sre_portal.core.series import SignalSeries, SliSeries
from sre_portal.core.signal import Signal
from sre_portal.core.slo import Slo, budget, size_of
from sre_portal.core.timing import (
    PLAN_SECONDS,
    REACH_SECONDS,
    TargetTraffic,
    Timing,
    target_traffic,
    timing_of,
)

__all__ = [
    "AlertPrediction",
    "Band",
    "BudgetCost",
    "Corridor",
    "CorridorPoint",
    "Prediction",
    "predict",
]

FLIP_SECONDS = 1.0
"""From the grant of a run to its flip, and from its end to the switch's return: usually a tenth of it."""

# A second with a planned bad request ends up to a second after it, settles, and is looked at.
_TOLD_SECONDS = 1 + SETTLE_SECONDS + JITTER_SECONDS


@dataclass(frozen=True, slots=True)
class BudgetCost:
    """The share of an SLO's whole error budget that the run will burn, 0..1 and beyond."""

    slo: str
    low_ratio: float
    high_ratio: float
    left_ratio: float
    """Left before the start."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """Sealed in the journal before anything is injected."""

    alerts: tuple[AlertPrediction, ...]
    costs: tuple[BudgetCost, ...]
    corridors: tuple[Corridor, ...]
    effective: Band
    """From the grant of the leases to the first hit."""
    counted: Band
    """When the first second with a hit is stored and seen."""
    reverted: Band
    """When the last instance stops."""
    p99_before_ms: float | None
    p99_during_ms: tuple[float, float] | None
    requests_per_second: float
    """The forecast of requests that match the target, from the last two minutes."""
    assumptions: tuple[str, ...]

    def alert(self, slo: str, alert: str) -> AlertPrediction | None:
        return next((one for one in self.alerts if (one.slo, one.alert) == (slo, alert)), None)


def predict(
    experiment: Experiment, slos: Collection[Slo], board: Board, now: int, alerts: Collection[Alert] = ()
) -> Prediction:
    """What an experiment would do if its leases were granted now.

    From what was counted before the second `now`, for every SLO of the target's service and every rule of it.
    `alerts` are the live alerts: one that is pending or firing proves nothing.
    """
    target = experiment.spec.target
    ours = [slo for slo in slos if slo.spec.service == target.service]
    if not experiment.spec.faults:
        return _undisturbed_run(experiment, ours, board, now, alerts)
    signal_now = _undisturbed(board, ours, target.service, now)
    traffic = target_traffic(target, ours, board, now)
    timing = timing_of(experiment, traffic)
    effects = {
        slo.name: effect_of(experiment, slo, signal_now, measured_overlap(target, slo, ours, board, now))
        for slo in ours
    }
    outlooks = [look for slo in ours if (look := _outlook(slo, board, now, effects[slo.name], timing))]
    p99 = _p99(experiment, ours, board, now, signal_now.latency)
    return Prediction(
        alerts=_alerts(ours, outlooks, alerts),
        costs=tuple(_cost(look, board.slis[look.slo.name], now) for look in outlooks),
        corridors=_corridors(target.service, outlooks, p99, timing),
        effective=Band(0.0, timing.first_hit),
        counted=_counted(list(effects.values())),
        reverted=Band(timing.revert_low, timing.revert_high),
        p99_before_ms=quantile_ms(signal_now.latency, 0.99),
        p99_during_ms=None if p99 is None else p99.during,
        requests_per_second=traffic.expected,
        assumptions=_assumptions(experiment, traffic, timing),
    )


def _undisturbed_run(
    experiment: Experiment, slos: Sequence[Slo], board: Board, now: int, alerts: Collection[Alert]
) -> Prediction:
    """A run that flips switches and injects nothing: it is expected to cost nothing, and no alert to move."""
    target = experiment.spec.target
    live = {(alert.slo, alert.rule.name): alert for alert in alerts}
    found = []
    for slo in slos:
        for rule in rules_of(slo):
            alert = live.get((slo.name, rule.name))
            told = standing(rule, slo, alert) if alert else None
            silent = AlertPrediction(slo.name, rule.name, "silent", reason="no fault is injected")
            found.append(told or silent)
    counted = [slo for slo in slos if slo.name in board.slis]
    left = {slo.name: budget(board.slis[slo.name], slo, now).left_ratio for slo in counted}
    signal_now = _undisturbed(board, slos, target.service, now)
    traffic = target_traffic(target, slos, board, now)
    duration = experiment.spec.duration / timedelta(seconds=1)
    return Prediction(
        alerts=tuple(found),
        costs=tuple(BudgetCost(slo.name, 0.0, 0.0, left[slo.name]) for slo in counted),
        corridors=(),
        effective=Band(0.0, FLIP_SECONDS),
        counted=Band(0.0, 0.0),
        reverted=Band(max(duration - FLIP_SECONDS, 0.0), duration + FLIP_SECONDS),
        p99_before_ms=quantile_ms(signal_now.latency, 0.99),
        p99_during_ms=None,
        requests_per_second=traffic.expected,
        assumptions=(
            "No fault is injected: the kill switch alone is flipped.",
            "What the switch turns off is missed by nobody: no request becomes bad, and no alert moves.",
        ),
    )


def _undisturbed(board: Board, slos: Sequence[Slo], service: str, now: int) -> Signal:
    """How a service does by itself: its last two minutes without the seconds that a run made bad.

    Where no other is left, what there is.
    """
    start, signals = now - RECENT_SECONDS, board.services.get(service, SignalSeries())
    faulted = {
        start + index
        for slo in slos
        if slo.name in board.slis
        for index, counts in enumerate(board.slis[slo.name].per_second(start, now))
        if counts.planned
    }
    # Requests that a fault held may end in the second after the last one that it made bad.
    found = signals.over(start, now, without={at + late for at in faulted for late in (0, 1)})
    return found if found.requests else signals.over(start, now)


def _outlook(slo: Slo, board: Board, now: int, effect: Effect, timing: Timing) -> Outlook | None:
    series = board.slis.get(slo.name)
    forecast = forecast_of(series, now) if series else None
    return outlook_of(slo, series, now, forecast, effect, timing) if series and forecast else None


def _alerts(
    slos: Sequence[Slo], outlooks: Sequence[Outlook], alerts: Collection[Alert]
) -> tuple[AlertPrediction, ...]:
    ahead = {outlook.slo.name: outlook for outlook in outlooks}
    live = {(alert.slo, alert.rule.name): alert for alert in alerts}
    found = []
    for slo in slos:
        for rule in rules_of(slo):
            alert, outlook = live.get((slo.name, rule.name)), ahead.get(slo.name)
            told = standing(rule, slo, alert) if alert else None
            if told is None and outlook is None:
                why = "no request of it was counted in the last two minutes"
                told = AlertPrediction(slo.name, rule.name, "uncertain", reason=why)
            found.append(told or react(rule, ahead[slo.name]))
    return tuple(found)


def _cost(outlook: Outlook, series: SliSeries, now: int) -> BudgetCost:
    """Planned bad requests over the budget, whose size still changes where its window is not full yet."""
    slo, before = outlook.slo, budget(series, outlook.slo, now)
    covered, window = (span / timedelta(seconds=1) for span in (before.covered, slo.spec.window))
    total, rate = series.counts(now - int(covered), now).total, outlook.forecast.rate
    lasts = min(outlook.timing.revert_high + WATCHED_SECONDS, window - covered)
    sizes = [size_of(total + rate * length, slo, covered + length) for length in (0, lasts)]
    return BudgetCost(
        slo=slo.name,
        low_ratio=outlook.fewest.course.planned_bounds(most=False) / max(sizes),
        high_ratio=outlook.most.course.planned_bounds(most=True) / min(sizes),
        left_ratio=before.left_ratio,
    )


def _corridors(
    service: str, outlooks: Sequence[Outlook], p99: P99 | None, timing: Timing
) -> tuple[Corridor, ...]:
    offsets = offsets_of(timing)
    burns = [corridor for look in outlooks for corridor in burn_corridors(look, offsets)]
    if p99 is None:
        return tuple(burns)
    delay = max((look.effect.longest_s for look in outlooks), default=0.0)
    return (*burns, p99_corridor(service, p99, timing, delay, offsets))


def _counted(effects: Sequence[Effect]) -> Band:
    """By those hits that become bad, where any do."""
    fates = [fate for effect in effects for fate in effect.fates]
    counting = [fate for fate in fates if fate.bad_high] or fates
    earliest = min((fate.early_s for fate in counting), default=0.0)
    latest = max((fate.late_s for fate in counting), default=0.0)
    return Band(earliest, latest + _TOLD_SECONDS)


def _p99(experiment: Experiment, slos: Sequence[Slo], board: Board, now: int, latency: Buckets) -> P99 | None:
    target = experiment.spec.target
    part, (low, high, _) = service_overlap(target, slos, board, now), share_bounds(target.share)
    service = board.services.get(target.service, SignalSeries())
    seconds = recent_seconds(service.first_second, now)
    rate = service.requests(now - seconds, now) / max(seconds, 1)
    return p99_of(experiment.spec.faults[0], latency, (part.low * low, part.high * high), rate)


def _assumptions(experiment: Experiment, traffic: TargetTraffic, timing: Timing) -> tuple[str, ...]:
    spec = experiment.spec
    found = [
        f"Traffic stays as in the last two minutes: {traffic.expected:.1f} requests/s match the target.",
        f"Leases reach the first agent within {PLAN_SECONDS:g} s and the last one {REACH_SECONDS:g} s later.",
        f"The first request is hit at most {timing.first_hit:.1f} s after the leases went out.",
        f"Each second is judged {SETTLE_SECONDS:g} to {SETTLE_SECONDS + JITTER_SECONDS:g} s after its end.",
        "Callers neither retry nor give up.",
    ]
    if not traffic.least:
        found.append("How many requests match the target is not measured: at most all of the service.")
    if spec.target.share.of == "users" and spec.target.share.percent < 100:
        header = spec.target.share.key_header
        found.append(
            f"Every request has {header}, and at least {LEAST_USERS} users are about equally active."
        )
    if len(spec.faults) > 1:
        found.append("Only the first fault is injected: all have one target, and the first lease decides.")
    return tuple(found)

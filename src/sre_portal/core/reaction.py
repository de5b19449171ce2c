"""What an alert will do in a run: between the extremes of what will have been counted."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Literal

from sre_portal.core.alert import (
    SETTLE_SECONDS,
    Alert,
    AlertRule,
    AlertState,
    BurnRateRule,
    ErrorRateRule,
)
from sre_portal.core.band import Band
from sre_portal.core.continuation import Outlook
from sre_portal.core.crossing import Look, Stretch, episode, look
from sre_portal.core.effect import Effect
from sre_portal.core.slo import Slo
from sre_portal.core.timing import Timing

JITTER_SECONDS = 0.3
"""A second that has settled is judged at most this much later."""

WATCHED_SECONDS = 600.0
"""How long after the revert an alert is expected to resolve, for it to be predicted."""

# Seconds are whole and the first hit falls anywhere inside one, so a turn is seen up to a second late.
_TICK = 1.0


@dataclass(frozen=True, slots=True)
class AlertPrediction:
    """`fires`: it will; `silent`: it will not; `uncertain`: the forecast allows both, and `reason` says why.

    `already`: it was pending or firing before the start, so this run can prove nothing about it.
    """

    slo: str
    alert: str
    outcome: Literal["fires", "silent", "uncertain", "already"]
    pending: Band | None = None
    firing: Band | None = None
    resolved: Band | None = None
    reason: str = ""


def standing(rule: AlertRule, slo: Slo, alert: Alert) -> AlertPrediction | None:
    """What an alert that is pending or firing before the start allows to say."""
    if alert.state in (AlertState.PENDING, AlertState.FIRING):
        return AlertPrediction(
            slo.name, rule.name, "already", reason=f"it is {alert.state.value} before the start"
        )
    return None


def react(rule: AlertRule, outlook: Outlook) -> AlertPrediction:
    """The bands in which an alert turns.

    It pends no earlier than where most bad requests turn its condition on, and no later than a tick after
    where the fewest do. It resolves between where the fewest turn it off and a tick after where the most do.
    """
    slo = outlook.slo
    low, high = (look(rule, slo, extreme) for extreme in (outlook.fewest, outlook.most))
    if low.before:
        return AlertPrediction(slo.name, rule.name, "already", reason="its condition holds before the start")
    may = next((one for one in high.stretches if episode(rule, one, one.on).firing is not None), None)
    sure = next((one for one in low.stretches if episode(rule, one, one.on + _TICK).firing is not None), None)
    if may is None:
        pending = _pending(low.stretches[0], high) if low.stretches else None
        why = _why_silent(rule, high, outlook.effect)
        return AlertPrediction(slo.name, rule.name, "silent", pending, reason=why)
    if sure is None or high.before:
        why = _why_uncertain(rule, low, high, outlook.effect)
        return AlertPrediction(slo.name, rule.name, "uncertain", reason=why)
    resolved, why = _resolved(sure, high, outlook.timing)
    firing = _seen(may.on + rule.hold_seconds, sure.on + rule.hold_seconds)
    return AlertPrediction(slo.name, rule.name, "fires", _pending(sure, high), firing, resolved, why)


def _seen(earliest: float, latest: float) -> Band:
    """When the evaluator tells of a turn that happens between two instants."""
    late = latest + _TICK + SETTLE_SECONDS + JITTER_SECONDS
    return Band(floor((earliest + SETTLE_SECONDS) * 100) / 100, ceil(late * 100) / 100)


def _pending(sure: Stretch, high: Look) -> Band:
    return _seen(high.stretches[0].on, sure.on)


def _resolved(sure: Stretch, high: Look, timing: Timing) -> tuple[Band | None, str]:
    off = high.stretches[-1].off
    if sure.off is None or off is None:
        return None, "it may not resolve: without the fault its condition may hold as well"
    band = _seen(sure.off, off)
    if band.latest_s > timing.revert_high + WATCHED_SECONDS:
        first, last = round(band.earliest_s / 60), round(band.latest_s / 60)
        when = f"{first} to {last} min" if first < last else f"about {last} min"
        return None, f"it resolves {when} after the first hit, when the bad requests have left its windows"
    return band, ""


def _why_silent(rule: AlertRule, high: Look, effect: Effect) -> str:
    if effect.hit_high == 0:
        return "none of its requests match the target"
    if effect.high == 0:
        return "the fault makes none of its requests bad"
    if not high.stretches:
        return f"it reaches at most {_figure(rule, high.peak)}, and takes {_limit(rule)}"
    return f"its condition holds for at most {_longest(high):.1f} s, and has to for {rule.hold_seconds} s"


def _why_uncertain(rule: AlertRule, low: Look, high: Look, effect: Effect) -> str:
    if high.before:
        why = f"without the fault it may reach {_limit(rule)} as well"
    elif low.stretches:
        why = f"it is sure to hold for {_longest(low):.1f} s only, and takes up to {rule.hold_seconds + 1} s"
    else:
        between = f"{_figure(rule, low.peak)} and {_figure(rule, high.peak)}"
        why = f"it reaches between {between}, and takes {_limit(rule)}"
    return "; ".join((*effect.reasons, why))


def _longest(seen: Look) -> float:
    return max((one.off or one.on) - one.on for one in seen.stretches)


def _figure(rule: AlertRule, value: float) -> str:
    return f"{value:.3g} times the allowed rate" if isinstance(rule, BurnRateRule) else f"{value:.2%}"


def _limit(rule: AlertRule) -> str:
    match rule:
        case BurnRateRule(factor=factor, long_seconds=long):
            return f"{factor:g} times over {long // 3600} h"
        case ErrorRateRule(above_ratio=above, over_seconds=over, hold_seconds=hold):
            return f"more than {above:.2%} over {over} s for {hold} s"

"""The embedded alerts: multi-window burn rates of the SRE Workbook, and a plain error rate."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

from sre_portal.core.slo import Counts, History, Slo, burn_rate


class AlertState(StrEnum):
    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class BurnRateRule:
    """Fires while the burn rate over both windows is at least `factor`.

    Source: The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts".
    """

    name: str
    factor: float
    long_seconds: int
    short_seconds: int
    severity: Literal["page", "ticket"]
    hold_seconds: int = 0


@dataclass(frozen=True, slots=True)
class ErrorRateRule:
    """Fires when more than `above_ratio` of the requests of `over_seconds` were bad for `hold_seconds`."""

    name: str
    above_ratio: float
    over_seconds: int
    hold_seconds: int
    severity: Literal["page", "ticket"] = "page"


AlertRule = BurnRateRule | ErrorRateRule

BURN_RATE_RULES: tuple[BurnRateRule, ...] = (
    BurnRateRule("burn-14.4", 14.4, 3600, 300, "page"),
    BurnRateRule("burn-6", 6.0, 6 * 3600, 1800, "page"),
    BurnRateRule("burn-3", 3.0, 24 * 3600, 2 * 3600, "ticket"),
    BurnRateRule("burn-1", 1.0, 72 * 3600, 6 * 3600, "ticket"),
)
ERROR_RATE = "error-rate"
ALERT_NAMES = (*(rule.name for rule in BURN_RATE_RULES), ERROR_RATE)

SETTLE_SECONDS = 0.5
"""The second ending at T is judged at T + this, when the agents' reports of it have arrived."""

GAP_SECONDS = 5
"""So long a pause between two judged seconds still counts as held, where the condition held at both ends."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule of one SLO and where it stands. The stamps are those of the current or last episode."""

    slo: str
    service: str
    rule: AlertRule
    state: AlertState = AlertState.INACTIVE
    pending_at: datetime | None = None
    firing_at: datetime | None = None
    resolved_at: datetime | None = None
    value: float | None = None
    """Burn rate (the lower of the two windows) or error ratio at the last evaluation."""
    pending_tick: int | None = None
    """The evaluated second at which it became pending; `hold_seconds` is counted from here."""
    judged_tick: int | None = None
    """The last evaluated second that had data. None before the first."""


@dataclass(frozen=True, slots=True)
class AlertChange:
    """One transition, as stored: what moved, where to, and when it was seen."""

    slo: str
    service: str
    alert: str
    state: AlertState
    at: datetime
    value: float | None


CountsOver = Callable[[int, int], Counts]
"""The counts of `start <= second < end`, such as `SliSeries.counts`."""


def rules_of(slo: Slo) -> tuple[AlertRule, ...]:
    """The four burn rate rules and the error rate rule. Spans are rounded up to whole seconds."""
    fast = slo.spec.error_rate_alert
    over, hold = (-(-span // timedelta(seconds=1)) for span in (fast.over, fast.hold))
    return (*BURN_RATE_RULES, ErrorRateRule(ERROR_RATE, float(fast.above / 100), over, hold))


def alerts_of(slo: Slo) -> tuple[Alert, ...]:
    """An inactive alert for each rule."""
    return tuple(Alert(slo.name, slo.spec.service, rule) for rule in rules_of(slo))


def condition_holds(
    rule: AlertRule, slo: Slo, counts_over: CountsOver, tick: int
) -> tuple[bool, float | None]:
    """Whether the rule's condition holds by what was counted before `tick`, and the figure that says so.

    The figure is the lower burn rate of the two windows, or the error ratio. It is None, and the condition
    does not hold, where a window counted no request. The live evaluator and the prediction share this.
    """
    match rule:
        case BurnRateRule(factor=factor, long_seconds=long, short_seconds=short):
            fast, slow = (burn_rate(counts_over(tick - back, tick), slo) for back in (short, long))
            lower = None if fast is None or slow is None else min(fast, slow)
            return lower is not None and lower >= factor, lower
        case ErrorRateRule(above_ratio=above, over_seconds=over):
            ratio = counts_over(tick - over, tick).bad_ratio
            return ratio is not None and ratio > above, ratio


def judge_alert(
    alert: Alert, slo: Slo, series: History, tick: int, at: datetime
) -> tuple[Alert, AlertChange | None]:
    """Judges one alert by what was counted before the second `tick`. `at` is when that is done."""
    return evaluate(alert, *condition_holds(alert.rule, slo, series.counts, tick), tick, at)


def evaluate(
    alert: Alert,
    holds: bool,  # noqa: FBT001  # holds and value are what condition_holds answers
    value: float | None,
    tick: int,
    at: datetime,
) -> tuple[Alert, AlertChange | None]:
    """The next state of an alert, and the change to store and tell, if there is one.

    inactive -> pending -> firing -> resolved -> pending ...; a pending alert whose condition clears is
    inactive again. `hold_seconds` is counted in evaluated seconds from `pending_tick`; with a hold of 0
    pending and firing have the same stamp, and the change tells firing. A second that was judged before
    changes nothing.

    No data (`value` None) is no evidence. It makes no alert pend and it resolves none: a service that broke
    so badly that it counts nothing any more is not well again. A pending alert waits `GAP_SECONDS` for data
    and is then inactive: nobody was told of it, and it pends again when requests come back bad.

    A longer pause than `GAP_SECONDS` between judged seconds (a restarted portal, a clock that was set)
    proves nothing about the time between: the hold of a pending alert starts again, the episode keeps its
    `pending_at`. A firing alert is judged by what is seen after the pause.
    """
    if alert.judged_tick is not None and tick <= alert.judged_tick <= tick + GAP_SECONDS:
        return alert, None
    if value is None:
        return _without_data(alert, tick, at)
    seen = replace(alert, value=value, judged_tick=tick)
    match alert.state:
        case AlertState.FIRING:
            return (seen, None) if holds else _moved(replace(seen, resolved_at=at), AlertState.RESOLVED, at)
        case AlertState.PENDING if not holds:
            return _moved(seen, AlertState.INACTIVE, at)
        case AlertState.PENDING:
            return _held(seen if _unbroken(alert, tick) else replace(seen, pending_tick=tick), tick, at)
        case AlertState.INACTIVE | AlertState.RESOLVED:
            return _pend(seen, tick, at) if holds else (seen, None)


def _without_data(alert: Alert, tick: int, at: datetime) -> tuple[Alert, AlertChange | None]:
    unknown = replace(alert, value=None)
    if alert.state is AlertState.PENDING and not _unbroken(alert, tick):
        return _moved(unknown, AlertState.INACTIVE, at)
    return unknown, None


def _unbroken(alert: Alert, tick: int) -> bool:
    last = alert.pending_tick if alert.judged_tick is None else alert.judged_tick
    return last is not None and 0 <= tick - last <= GAP_SECONDS


def _pend(alert: Alert, tick: int, at: datetime) -> tuple[Alert, AlertChange | None]:
    begun = replace(alert, pending_at=at, firing_at=None, resolved_at=None, pending_tick=tick)
    if alert.rule.hold_seconds == 0:
        return _held(begun, tick, at)
    return _moved(begun, AlertState.PENDING, at)


def _held(alert: Alert, tick: int, at: datetime) -> tuple[Alert, AlertChange | None]:
    if alert.pending_tick is None or tick - alert.pending_tick < alert.rule.hold_seconds:
        return alert, None
    return _moved(replace(alert, firing_at=at), AlertState.FIRING, at)


def _moved(alert: Alert, state: AlertState, at: datetime) -> tuple[Alert, AlertChange]:
    change = AlertChange(alert.slo, alert.service, alert.rule.name, state, at, alert.value)
    return replace(alert, state=state), change

"""The alerts of a service: where each stands, and which run last proved that it fires when it should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from sre_portal.core.alert import Alert, AlertRule, BurnRateRule, ErrorRateRule
from sre_portal.core.run import Run
from sre_portal.web.pages.figures import day_time, factor, offset, percent, span
from sre_portal.web.pages.pill import ALERTS, Pill
from sre_portal.web.pages.proof import proven
from sre_portal.web.pages.standing import Standing


@dataclass(frozen=True, slots=True)
class AlertRow:
    name: str
    slo: str
    rule: str
    severity: str
    pill: Pill
    value: str
    proof: str
    proof_run: int | None

    @classmethod
    def of(cls, alert: Alert, runs: Sequence[Run]) -> AlertRow:
        run = next((run for run in runs if proven(run, alert.slo, alert.rule.name)), None)
        return cls(
            name=alert.rule.name,
            slo=alert.slo,
            rule=rule_words(alert.rule),
            severity=alert.rule.severity,
            pill=ALERTS[alert.state],
            value=value_words(alert),
            proof=proof_words(run, alert) if run else "never proven",
            proof_run=run.id if run else None,
        )


def alert_rows(one: Standing, runs: Sequence[Run]) -> tuple[AlertRow, ...]:
    return tuple(AlertRow.of(alert, runs) for slo in one.slos for alert in slo.alerts)


def rule_words(rule: AlertRule) -> str:
    match rule:
        case BurnRateRule():
            windows = f"{span(rule.long_seconds)} and {span(rule.short_seconds)}"
            return f"burn rate {factor(rule.factor)} over {windows}"
        case ErrorRateRule():
            held = f" for {span(rule.hold_seconds)}" if rule.hold_seconds else ""
            return f"over {percent(rule.above_ratio, 0)} bad in {span(rule.over_seconds)}{held}"
        case _:
            assert_never(rule)


def value_words(alert: Alert) -> str:
    if alert.value is None:
        return "no data"
    return (
        str(percent(alert.value)) if isinstance(alert.rule, ErrorRateRule) else factor(round(alert.value, 1))
    )


def proof_words(run: Run, alert: Alert) -> str:
    mark = proven(run, alert.slo, alert.rule.name)
    seconds = run.since_effective(mark.firing_at) if mark else None
    return f"fired in {offset(seconds)}, {day_time(run.created_at)}"

"""The alerts of a service, a row an SLO: where each stands, and which run last proved that it fires."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import assert_never

from sre_portal.core.alert import Alert, AlertRule, BurnRateRule, ErrorRateRule
from sre_portal.core.run import Run
from sre_portal.web.pages.figures import day_time, factor, offset, percent, span
from sre_portal.web.pages.pill import ALERTS, Pill
from sre_portal.web.pages.proof import proven
from sre_portal.web.pages.standing import SloStanding, Standing


@dataclass(frozen=True, slots=True)
class AlertCell:
    name: str
    rule: str
    pill: Pill
    value: str
    proof: str
    proof_run: int | None

    @classmethod
    def of(cls, alert: Alert, runs: Sequence[Run]) -> AlertCell:
        run = next((run for run in runs if proven(run, alert.slo, alert.rule.name)), None)
        return cls(
            name=alert.rule.name,
            rule=rule_words(alert.rule),
            pill=ALERTS[alert.state],
            value=value_words(alert),
            proof=proof_words(run, alert) if run else "never proven",
            proof_run=run.id if run else None,
        )


@dataclass(frozen=True, slots=True)
class AlertRow:
    slo: str
    cells: tuple[AlertCell, ...]

    @classmethod
    def of(cls, one: SloStanding, runs: Sequence[Run]) -> AlertRow:
        return cls(one.slo.name, tuple(AlertCell.of(alert, runs) for alert in one.alerts))


@dataclass(frozen=True, slots=True)
class AlertTable:
    """`heads`: name and severity of each rule; every SLO has the same rules."""

    heads: tuple[tuple[str, str], ...]
    rows: tuple[AlertRow, ...]

    @classmethod
    def of(cls, one: Standing, runs: Sequence[Run]) -> AlertTable:
        rows = tuple(AlertRow.of(slo, runs) for slo in one.slos if slo.alerts)
        rules = {alert.rule.name: alert.rule.severity for slo in one.slos for alert in slo.alerts}
        return cls(tuple(rules.items()), rows)


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
    return f"in {offset(seconds)}, {day_time(run.created_at)}"

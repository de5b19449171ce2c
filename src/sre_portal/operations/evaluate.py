"""Judges every alert of every SLO once a second, and stores what moved."""

from __future__ import annotations

from sre_portal.core.alert import Alert, AlertChange, alerts_of, judge_alert, rules_of
from sre_portal.operations.ports import Ports


async def load_alerts(ports: Ports) -> None:
    """Where each alert stood when the portal stopped."""
    known = {(slo.name, rule.name): rule for slo in ports.catalogue.slos() for rule in rules_of(slo)}
    for alert in await ports.alerts.all():
        key = (alert.slo, alert.rule.name)
        if known.get(key) == alert.rule:
            ports.watch.alerts[key] = alert


async def evaluate_alerts(ports: Ports, tick: int) -> None:
    """Judges the second that ends at `tick`: once, and it counts when its changes are stored."""
    if tick == ports.watch.evaluated:
        return
    judged: dict[tuple[str, str], Alert] = {}
    moved: list[Alert] = []
    changes: list[AlertChange] = []
    for slo in ports.catalogue.slos():
        for fresh in alerts_of(slo):
            key = (slo.name, fresh.rule.name)
            before = ports.watch.alerts.get(key, fresh)
            alert, change = judge_alert(before, slo, ports.board.sli(slo.name), tick, ports.clock.now())
            judged[key] = alert
            if change is not None:
                moved.append(alert)
                changes.append(change)
    if changes:
        await ports.alerts.save(moved, changes)
    ports.watch.alerts.update(judged)
    ports.watch.evaluated = tick

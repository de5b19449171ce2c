"""Judges every alert of every SLO once a second, and stores what moved."""

from __future__ import annotations

from dataclasses import replace

from sre_portal.core.alert import Alert, AlertChange, condition_holds, evaluate, rules_of
from sre_portal.core.run import Run
from sre_portal.core.slo import Slo
from sre_portal.operations.ports import Ports


async def load_alerts(ports: Ports) -> None:
    """Where each alert stood when the portal stopped."""
    known = {(slo.name, rule.name): rule for slo in ports.catalogue.slos() for rule in rules_of(slo)}
    for alert in await ports.alerts.all():
        key = (alert.slo, alert.rule.name)
        if known.get(key) == alert.rule:
            ports.watch.alerts[key] = alert


async def evaluate_alerts(ports: Ports, tick: int) -> None:
    """Judges the second that ends at `tick`. A second is judged once."""
    if tick <= ports.watch.evaluated:
        return
    ports.watch.evaluated = tick
    moved: list[Alert] = []
    changes: list[AlertChange] = []
    for slo in ports.catalogue.slos():
        for alert, found in _judge(ports, slo, tick):
            ports.watch.alerts[alert.slo, alert.rule.name] = alert
            if found:
                moved.append(alert)
                changes += found
    if changes:
        await ports.alerts.save(moved, changes)


def _judge(ports: Ports, slo: Slo, tick: int) -> list[tuple[Alert, list[AlertChange]]]:
    counts = ports.board.sli(slo.name).counts
    run = _run_on(ports, slo.spec.service)
    judged = []
    for rule in rules_of(slo):
        before = ports.watch.alerts.get((slo.name, rule.name), Alert(slo.name, slo.spec.service, rule))
        holds, value = condition_holds(rule, slo, counts, tick)
        alert, found = evaluate(before, holds, value, tick, ports.clock.now())
        judged.append((alert, [_with_run(change, run) for change in found]))
    return judged


def _run_on(ports: Ports, service: str) -> Run | None:
    return next((run for run in ports.watch.live.values() if run.service == service), None)


def _with_run(change: AlertChange, run: Run | None) -> AlertChange:
    return replace(change, run_id=run.id) if run else change

"""What each alert did during a run, read from its stored transitions and from where it stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

from sre_portal.core.alert import Alert, AlertChange, AlertState
from sre_portal.core.run import AlertMark


def marks_of(changes: Sequence[AlertChange]) -> tuple[AlertMark, ...]:
    """One mark for each alert that moved, by SLO and alert name.

    The first episode that fired counts, from its pending on; where none fired, the last one that was pending.
    """
    names = sorted({(change.slo, change.alert) for change in changes})
    return tuple(
        _mark(slo, alert, [one for one in changes if (one.slo, one.alert) == (slo, alert)])
        for slo, alert in names
    )


def watched(
    before: Iterable[AlertMark], changes: Sequence[AlertChange], alerts: Iterable[Alert], since: datetime
) -> tuple[AlertMark, ...]:
    """The marks of the changes, and of alerts that have moved after `since` although no change is known.

    An episode that fired stays known (`before`) when a later one takes its stamps.
    """
    marks = {(mark.slo, mark.alert): mark for mark in marks_of(changes)}
    for alert in alerts:
        if alert.pending_at is not None and alert.pending_at >= since:
            marks.setdefault((alert.slo, alert.rule.name), _stamps(alert))
    for old in before:
        new = marks.get((old.slo, old.alert))
        if old.firing_at and (new is None or new.firing_at is None or new.firing_at > old.firing_at):
            marks[old.slo, old.alert] = old
    return tuple(marks[name] for name in sorted(marks))


def _stamps(alert: Alert) -> AlertMark:
    return AlertMark(
        slo=alert.slo,
        alert=alert.rule.name,
        pending_at=alert.pending_at,
        firing_at=alert.firing_at,
        resolved_at=alert.resolved_at if alert.firing_at else None,
    )


def mark_of(marks: Iterable[AlertMark], slo: str, alert: str) -> AlertMark:
    """The mark of one alert; an empty one where it did not move."""
    found = (mark for mark in marks if (mark.slo, mark.alert) == (slo, alert))
    return next(found, AlertMark(slo=slo, alert=alert))


def _mark(slo: str, alert: str, changes: Sequence[AlertChange]) -> AlertMark:
    pending = firing = resolved = None
    for change in sorted(changes, key=lambda one: one.at):
        if change.state is AlertState.PENDING and firing is None:
            pending = change.at
        elif change.state is AlertState.FIRING and firing is None:
            firing = change.at
            pending = pending or change.at  # without a hold there is no change to pending
        elif change.state is AlertState.RESOLVED and firing is not None and resolved is None:
            resolved = change.at
    return AlertMark(slo=slo, alert=alert, pending_at=pending, firing_at=firing, resolved_at=resolved)

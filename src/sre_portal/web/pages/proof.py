"""What a run proved about its alerts: when the first one fired, against the prediction."""

from __future__ import annotations

from dataclasses import dataclass

from sre_portal.core.prediction import AlertPrediction, Band
from sre_portal.core.run import AlertMark, Run, Verdict
from sre_portal.web.pages.figures import DASH, band, offset


@dataclass(frozen=True, slots=True)
class Detection:
    """The time from the first hit to the first firing alert, and how that compares."""

    text: str
    against: str
    seconds: float | None = None


def detection_of(run: Run) -> Detection:
    expected = [one for one in _predictions(run) if one.outcome == "fires"]
    fired = sorted((mark for mark in run.alerts if mark.firing_at), key=lambda mark: str(mark.firing_at))
    for mark in fired:
        seconds = run.since_effective(mark.firing_at)
        predicted = run.prediction.alert(mark.slo, mark.alert) if run.prediction else None
        if seconds is not None:
            return Detection(
                offset(seconds), compared(seconds, predicted.firing if predicted else None), seconds
            )
    if not expected:
        return Detection("none", "none expected" if run.prediction else "nothing predicted")
    first = min(expected, key=lambda one: one.firing.earliest_s if one.firing else 0.0)
    return Detection("none", f"expected {band(first.firing)}" if first.firing else "expected")


def compared(seconds: float, predicted: Band | None) -> str:
    """`in band`, `0:06 late`, `0:02 early`."""
    if predicted is None:
        return "not predicted"
    if seconds > predicted.latest_s:
        return f"{offset(max(seconds - predicted.latest_s, 1))} late"
    if seconds < predicted.earliest_s:
        return f"{offset(max(predicted.earliest_s - seconds, 1))} early"
    return "in band"


def duration_of(run: Run) -> str:
    """How long the fault was on."""
    seconds = run.since_effective(run.reverted_at or run.withdrawn_at)
    return DASH if seconds is None else offset(seconds)


def proven(run: Run, slo: str, alert: str) -> AlertMark | None:
    """The mark of an alert that fired as this run expected."""
    if run.verdict not in (Verdict.PASSED, Verdict.FAILED):  # the others prove nothing
        return None
    mark = next((one for one in run.alerts if (one.slo, one.alert) == (slo, alert)), None)
    predicted = run.prediction.alert(slo, alert) if run.prediction else None
    seconds = run.since_effective(mark.firing_at) if mark else None
    if seconds is None or predicted is None or predicted.firing is None:
        return None
    return mark if predicted.firing.holds(seconds) else None


def _predictions(run: Run) -> tuple[AlertPrediction, ...]:
    return run.prediction.alerts if run.prediction else ()

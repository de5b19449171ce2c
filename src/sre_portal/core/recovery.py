"""When a run that reverted may be judged: the steady state is back and the expected alerts have resolved."""

from __future__ import annotations

from datetime import datetime, timedelta

from sre_portal.core.alert import AlertState
from sre_portal.core.band import Band
from sre_portal.core.condition import Outcome
from sre_portal.core.drill_course import longest_wait, restoration_open
from sre_portal.core.experiment import AlertExpectation, RecoversExpectation
from sre_portal.core.marks import mark_of
from sre_portal.core.observed import Observed
from sre_portal.core.prediction import AlertPrediction
from sre_portal.core.run import Run

RESOLVE_GRACE = timedelta(seconds=10)
"""So long after its predicted band an alert is still waited for, to say how late it was."""

COUNTED = timedelta(seconds=2)
"""So long after the revert the last requests that were hit are counted and judged."""

DEFAULT_WITHIN = timedelta(seconds=60)
"""How long the steady state may take to come back where the experiment does not say: so long after the bad
requests have left its longest window."""


def steady_holds(run: Run, seen: Observed) -> bool:
    """Whether every condition of the steady state was read and holds. False where there is none."""
    conditions = run.experiment.spec.steady_state
    return (
        bool(conditions)
        and len(seen.steady) >= len(conditions)
        and all(reading.outcome is Outcome.HOLDS for reading in seen.steady)
    )


def recovered_at(run: Run, seen: Observed) -> datetime | None:
    """Since when the steady state holds without a break. None while it does not hold."""
    if not steady_holds(run, seen):
        return None
    return run.recovered_at or seen.now


def recover_within(run: Run) -> timedelta:
    """How long after the revert the steady state has to be back."""
    spans = [one.within for one in run.experiment.spec.expectations if isinstance(one, RecoversExpectation)]
    longest = max((one.over for one in run.experiment.spec.steady_state), default=timedelta(0))
    return max(spans, default=DEFAULT_WITHIN + longest)


def settled(run: Run, seen: Observed) -> bool:
    """Whether waiting longer could change nothing, or has lasted long enough."""
    if seen.now >= deadline(run, seen):
        return True
    if run.reverted_at is not None and seen.now < run.reverted_at + COUNTED:
        return False
    steady = not run.experiment.spec.steady_state or run.recovered_at is not None
    waiting = any(_waited_for(run, one, seen.now) for one in _expected(run))
    open_ended = _may_break_silence(run, seen) or restoration_open(run, seen.now)
    return steady and not waiting and not open_ended


def deadline(run: Run, seen: Observed) -> datetime:
    """When the wait ends at the latest."""
    reverted = run.reverted_at or seen.now
    ends = [reverted + recover_within(run)]
    for one in _expected(run):
        resolves = _at(run, resolving_band(run, one))
        if resolves is None:
            ends.append(reverted + DEFAULT_WITHIN)
        ends += [at + RESOLVE_GRACE for at in (resolves, _at(run, firing_band(run, one))) if at is not None]
    ends += [reverted + longest_wait(one) for one in run.experiment.drills]
    return max(ends)


def prediction_of(run: Run, expectation: AlertExpectation) -> AlertPrediction | None:
    """What was predicted for the alert of an expectation."""
    if run.prediction is None:
        return None
    return run.prediction.alert(expectation.slo, expectation.alert)


def firing_band(run: Run, expectation: AlertExpectation) -> Band | None:
    """When the alert has to fire: the author's own band, or the predicted one."""
    if expectation.between is not None:
        earliest, latest = (span / timedelta(seconds=1) for span in expectation.between)
        return Band(earliest, latest)
    predicted = prediction_of(run, expectation)
    return predicted.firing if predicted is not None and predicted.outcome == "fires" else None


def resolving_band(run: Run, expectation: AlertExpectation) -> Band | None:
    """When the alert has to resolve. An author's own band says nothing about it."""
    predicted = prediction_of(run, expectation)
    if expectation.between is not None or predicted is None or predicted.outcome != "fires":
        return None
    return predicted.resolved


def _expected(run: Run) -> list[AlertExpectation]:
    expectations = run.experiment.spec.expectations
    return [one for one in expectations if isinstance(one, AlertExpectation) and one.outcome == "fires"]


def _waited_for(run: Run, expectation: AlertExpectation, now: datetime) -> bool:
    mark = mark_of(run.alerts, expectation.slo, expectation.alert)
    if mark.firing_at is not None:
        return mark.resolved_at is None
    band, offset = firing_band(run, expectation), run.since_effective(now)
    return band is not None and offset is not None and offset <= band.latest_s


def _may_break_silence(run: Run, seen: Observed) -> bool:
    """Whether an alert that has to stay silent is pending: it may still fire."""
    pending = {(one.slo, one.rule.name) for one in seen.alerts if one.state is AlertState.PENDING}
    return any(
        one.type == "alert" and one.outcome == "silent" and (one.slo, one.alert) in pending
        for one in run.experiment.spec.expectations
    )


def _at(run: Run, band: Band | None) -> datetime | None:
    """The last instant of a band."""
    if band is None or run.effective_at is None:
        return None
    return run.effective_at + timedelta(seconds=band.latest_s)

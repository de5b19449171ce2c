"""One alert expectation against its band: did it fire when it should, did it resolve, did it stay silent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sre_portal.core.alert import Alert, AlertState
from sre_portal.core.band import Band
from sre_portal.core.experiment import AlertExpectation
from sre_portal.core.marks import mark_of
from sre_portal.core.observed import Observed
from sre_portal.core.phrase import band, seconds
from sre_portal.core.recovery import firing_band, prediction_of, resolving_band
from sre_portal.core.run import AlertMark, ExpectationResult, Run

Word = Literal["met", "missed", "open", "unknown"]

UNDECIDED = "this was not decided by the end of the run"


@dataclass(frozen=True, slots=True)
class Finding:
    """How an expectation stands, and the sentence for it (without its full stop)."""

    word: Word
    reason: str = ""


def fires(run: Run, seen: Observed, expectation: AlertExpectation, *, final: bool) -> ExpectationResult:
    """It fires inside its band and resolves inside its own; too early is as wrong as too late."""
    mark = mark_of(run.alerts, expectation.slo, expectation.alert)
    expected, resolves = firing_band(run, expectation), resolving_band(run, expectation)
    now = run.since_effective(seen.now)
    if before := _before(run, seen, expectation):
        found = Finding("unknown", before)
    elif expected is None:
        found = _unpredicted(run, expectation, mark, final=final)
    else:
        source = "its own" if expectation.between else "its predicted"
        found = _against(f"fired|{source}", expected, run.since_effective(mark.firing_at), now)
        if found.word == "met" and resolves is not None:
            resolved = _against(
                "resolved|its predicted", resolves, run.since_effective(mark.resolved_at), now
            )
            both = f"{found.reason}; it {resolved.reason}"
            found = Finding(resolved.word, both if resolved.word == "met" else resolved.reason)
        found = Finding(found.word, f"{name_of(expectation)} {found.reason}" if found.reason else "")
    return _result(run, expectation, mark, _decided(found, expectation, final=final))


def silent(run: Run, seen: Observed, expectation: AlertExpectation, *, final: bool) -> ExpectationResult:
    """It does not fire. An alert that was never judged was not silent: nobody listened."""
    mark = mark_of(run.alerts, expectation.slo, expectation.alert)
    return _result(run, expectation, mark, _silence(run, seen, expectation, mark, final=final))


def _silence(
    run: Run, seen: Observed, expectation: AlertExpectation, mark: AlertMark, *, final: bool
) -> Finding:
    name, alert = name_of(expectation), alert_of(seen, expectation)
    predicted = prediction_of(run, expectation)
    fired = run.since_effective(mark.firing_at)
    if before := _before(run, seen, expectation):
        return Finding("unknown", before)
    if fired is not None:
        return Finding("missed", f"{name} fired {seconds(fired)} after the first hit, and had to stay silent")
    if alert is None or alert.judged_tick is None:
        return Finding("unknown" if final else "open", f"{name} was never judged")
    if not final:
        return Finding("open")
    if alert.state is AlertState.PENDING:
        return Finding("unknown", f"{name} was still pending at the end")
    if predicted is not None and predicted.outcome == "uncertain":
        return Finding("unknown", f"{name} stayed silent, but {_uncertain(predicted.reason)}")
    return Finding("met", f"{name} stayed silent")


def _against(what: str, expected: Band, offset: float | None, now: float | None) -> Finding:
    """An offset against a band. `what` is the verb and whose band it is, parted by `|`."""
    verb, _, source = what.partition("|")
    where = f"{source} band {band(expected)}"
    if offset is None:
        if now is None or now <= expected.latest_s:
            return Finding("open")
        return Finding("missed", f"had not {verb} by the end of {where}")
    if offset < expected.earliest_s:
        return Finding("missed", f"{verb} {seconds(expected.earliest_s - offset)} before {where}")
    if offset > expected.latest_s:
        return Finding("missed", f"{verb} {seconds(offset - expected.latest_s)} after {where}")
    return Finding("met", f"{verb} {seconds(offset)} after the first hit, in {where}")


def _unpredicted(run: Run, expectation: AlertExpectation, mark: AlertMark, *, final: bool) -> Finding:
    """There is no band: it was predicted to stay silent, or not predicted at all."""
    name, predicted = name_of(expectation), prediction_of(run, expectation)
    fired = run.since_effective(mark.firing_at)
    if predicted is None:
        return Finding("unknown", f"{name} was not predicted, and the experiment gives no band")
    if predicted.outcome == "uncertain":
        return Finding("unknown", f"{name}: {_uncertain(predicted.reason)}")
    if fired is not None:
        after = f"{seconds(fired)} after the first hit"
        return Finding("missed", f"{name} fired {after}, and was predicted to stay silent")
    if not final:
        return Finding("open", f"{name} is predicted to stay silent")
    return Finding("missed", f"{name} stayed silent, as predicted, and was expected to fire")


def _before(run: Run, seen: Observed, expectation: AlertExpectation) -> str:
    """Why this run proves nothing about the alert; empty where it can."""
    predicted, alert = prediction_of(run, expectation), alert_of(seen, expectation)
    already = predicted is not None and predicted.outcome == "already"
    if not already and (alert is None or not _was_active(alert, run.granted_at)):
        return ""
    return f"{name_of(expectation)} was active before the first hit, so this run proves nothing about it"


def _was_active(alert: Alert, granted_at: datetime | None) -> bool:
    if granted_at is None or alert.pending_at is None or alert.pending_at >= granted_at:
        return False
    if alert.state in (AlertState.PENDING, AlertState.FIRING):
        return True
    return alert.resolved_at is not None and alert.resolved_at >= granted_at


def _decided(found: Finding, expectation: AlertExpectation, *, final: bool) -> Finding:
    if found.word == "open" and final:
        return Finding("unknown", f"{name_of(expectation)}: {UNDECIDED}")
    return found


def _result(run: Run, expectation: AlertExpectation, mark: AlertMark, found: Finding) -> ExpectationResult:
    wants_firing = expectation.outcome == "fires"
    expected = firing_band(run, expectation) if wants_firing else None
    stamps = (("fired", mark.firing_at), ("resolved", mark.resolved_at))
    offsets = [(verb, run.since_effective(at)) for verb, at in stamps]
    return ExpectationResult(
        label=f"{name_of(expectation)} {'fires' if wants_firing else 'stays silent'}",
        outcome=found.word,
        predicted=expected,
        predicted_text="" if expected is None else band(expected),
        observed_s=run.since_effective(mark.firing_at),
        observed_text=", ".join(f"{verb} at {seconds(at)}" for verb, at in offsets if at is not None),
        reason=found.reason,
    )


def name_of(expectation: AlertExpectation) -> str:
    """`error-rate of shop-latency`."""
    return f"{expectation.alert} of {expectation.slo}"


def alert_of(seen: Observed, expectation: AlertExpectation) -> Alert | None:
    """Where the alert stands now. None where nobody judges it."""
    wanted = (expectation.slo, expectation.alert)
    return next((one for one in seen.alerts if (one.slo, one.rule.name) == wanted), None)


def _uncertain(reason: str) -> str:
    return f"the forecast allowed both outcomes{f': {reason}' if reason else ''}"

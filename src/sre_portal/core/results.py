"""One result for each expectation of a run, and one for its steady state."""

from __future__ import annotations

from datetime import timedelta
from typing import assert_never

from sre_portal.core.alarm import said
from sre_portal.core.alert_result import UNDECIDED, Finding, fires, silent
from sre_portal.core.band import Band
from sre_portal.core.condition import Condition, Outcome, label_of
from sre_portal.core.document import dump_duration
from sre_portal.core.drill_course import marks_of
from sre_portal.core.drill_result import drilled
from sre_portal.core.experiment import (
    AlertExpectation,
    FlagExpectation,
    HoldsExpectation,
    RecoversExpectation,
)
from sre_portal.core.observed import Observed
from sre_portal.core.phrase import band, seconds
from sre_portal.core.recovery import recover_within
from sre_portal.core.run import DrillMark, ExpectationResult, Run


def results_of(run: Run, seen: Observed, *, final: bool) -> tuple[ExpectationResult, ...]:
    """All results in the order of the document. With `final`, what is still open can no longer change.

    A steady state that the document gives no bound for is held to the default one.
    """
    expectations = run.experiment.spec.expectations
    marks = iter(run.drills)
    results = [
        _drilled(run, seen, one, next(marks, None), final=final)
        if isinstance(one, FlagExpectation)
        else _result(run, seen, one, final=final)
        for one in expectations
    ]
    bounded = any(isinstance(one, RecoversExpectation) for one in expectations)
    if run.experiment.spec.steady_state and not bounded:
        results.append(_recovers(run, seen, recover_within(run), final=final))
    return tuple(results)


def _drilled(
    run: Run, seen: Observed, expectation: FlagExpectation, mark: DrillMark | None, *, final: bool
) -> ExpectationResult:
    if mark is None:  # it has not started
        mark = marks_of(run.experiment, run.created_at)[run.experiment.drills.index(expectation)]
    return drilled(run, seen, expectation, mark, final=final)


def _result(
    run: Run,
    seen: Observed,
    expectation: AlertExpectation | HoldsExpectation | RecoversExpectation,
    *,
    final: bool,
) -> ExpectationResult:
    match expectation:
        case AlertExpectation(outcome="fires"):
            return fires(run, seen, expectation, final=final)
        case AlertExpectation():
            return silent(run, seen, expectation, final=final)
        case HoldsExpectation():
            return _holds(run, expectation.condition, final=final)
        case RecoversExpectation():
            return _recovers(run, seen, expectation.within, final=final)
        case _:
            assert_never(expectation)


def _holds(run: Run, condition: Condition, *, final: bool) -> ExpectationResult:
    worst = dict(zip(run.experiment.held_conditions, run.held, strict=False)).get(condition)
    over = final or not run.harmful
    if worst is None:
        reason = f"{label_of(condition)}: it was not read while the fault was active"
        found = Finding("unknown", reason) if over else Finding("open")
    elif worst.outcome is Outcome.BREACHED:
        found = Finding("missed", said(worst))
    elif worst.outcome is Outcome.UNREADABLE:
        found = Finding("unknown", said(worst))
    else:
        found = Finding("met", f"{said(worst)} at its worst") if over else Finding("open")
    return ExpectationResult(
        label=label_of(condition),
        outcome=found.word,
        predicted_text=f"all the time the {'fault is active' if run.injects else 'switch is flipped'}",
        observed_text="" if worst is None else said(worst).removeprefix(f"{worst.label}: "),
        reason=found.reason,
    )


def _recovers(run: Run, seen: Observed, within: timedelta, *, final: bool) -> ExpectationResult:
    found = _recovered(run, seen, within)
    if found.word == "open" and final:
        found = Finding("unknown", f"The return of the steady state: {UNDECIDED}")
    start = run.since_effective(run.reverted_at)
    expected = None if start is None else Band(start, start + within.total_seconds())
    back = run.since_effective(run.recovered_at)
    return ExpectationResult(
        label=f"steady state is back within {dump_duration(within)}",
        outcome=found.word,
        predicted=expected,
        predicted_text=f"within {dump_duration(within)} of the revert"
        if expected is None
        else band(expected),
        observed_s=back,
        observed_text="" if back is None else f"back at {seconds(back)}",
        reason=found.reason,
    )


def _recovered(run: Run, seen: Observed, within: timedelta) -> Finding:
    if run.reverted_at is None:
        return Finding("open")
    if run.recovered_at is not None:
        took = run.recovered_at - run.reverted_at
        text = f"The steady state was back {seconds(took.total_seconds())} after the revert"
        if took <= within:
            return Finding("met", text)
        return Finding("missed", f"{text}, later than {dump_duration(within)}")
    if seen.now - run.reverted_at <= within:
        return Finding("open")
    unread = len(run.experiment.spec.steady_state) - len(seen.steady)
    blind = [said(reading) for reading in seen.steady if reading.outcome is Outcome.UNREADABLE]
    if unread > 0 or blind:
        return Finding(
            "unknown", f"The steady state could not be read: {'; '.join(blind) or 'nothing was read'}"
        )
    off = [said(reading) for reading in seen.steady if reading.outcome is Outcome.BREACHED]
    return Finding(
        "missed", f"The steady state was not back {dump_duration(within)} after the revert: {'; '.join(off)}"
    )

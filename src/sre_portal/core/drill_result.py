"""One drill against its bound: did every subscriber see the switch flip, and did all see it come back?"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sre_portal.core.alert_result import UNDECIDED, Finding
from sre_portal.core.document import dump_duration
from sre_portal.core.drill import all_of, cohort_words
from sre_portal.core.drill_course import COUNT_WAIT, TELL_WAIT
from sre_portal.core.experiment import FlagExpectation
from sre_portal.core.observed import Observed
from sre_portal.core.phrase import clock, figure, listed
from sre_portal.core.run import DrillMark, ExpectationResult, Run, Told


def drilled(
    run: Run, seen: Observed, expectation: FlagExpectation, mark: DrillMark, *, final: bool
) -> ExpectationResult:
    """Missed where one who reports saw it too late or not; unknown where that cannot be told."""
    found = _found(run, seen.now, expectation, mark)
    if found.word == "open" and final:
        found = Finding("unknown", f"{mark.name}: {UNDECIDED}")
    within = dump_duration(expectation.seen_within)
    slowest = max((ms for _, ms in mark.told.seen), default=None)
    observed = "" if slowest is None else f"{_count(len(mark.told.seen))}, the last after {_ms(slowest)}"
    return ExpectationResult(
        label=f"{mark.name} is {mark.variant} for {cohort_words(expectation.cohort)}",
        outcome=found.word,
        predicted_text=f"seen by all within {within}",
        observed_s=run.since_effective(mark.flipped_at),
        observed_text=observed,
        reason=found.reason,
    )


def _found(run: Run, now: datetime, expectation: FlagExpectation, mark: DrillMark) -> Finding:
    if mark.flipped_at is None:
        return Finding("open") if run.harmful else Finding("unknown", f"{mark.name} was never flipped")
    if not mark.subscribers:
        return Finding("unknown", f"Nobody subscribed to {mark.flag_set} when {mark.name} was flipped")
    within = expectation.seen_within
    parts = [_seen(f"the flip of {mark.name}", mark.told, mark.flipped_at, within, now)]
    parts.append(_effect(mark, now))
    parts.append(_restored(mark, within, now, over=run.reverted_at is not None))
    for word in ("missed", "unknown", "open"):
        if some := [one for one in parts if one.word == word]:
            return Finding(some[0].word, _sentence(one.reason for one in some))
    return Finding("met", _sentence(one.reason for one in parts))


def _restored(mark: DrillMark, within: timedelta, now: datetime, *, over: bool) -> Finding:
    if mark.restored_at is None:
        if not over:
            return Finding("open")
        until = clock(mark.until)
        return Finding("unknown", f"the flag store did not answer: the clock ends the drill at {until}")
    if mark.restored_version is None:  # it is back by somebody else's hand, or not at all
        return Finding("unknown", mark.restored_how)
    return _seen(f"its return ({mark.restored_how})", mark.told_restored, mark.restored_at, within, now)


def _effect(mark: DrillMark, now: datetime) -> Finding:
    """A flip that changed nobody's answer proves nothing."""
    effect = mark.effect
    if effect is None or not effect.given:
        if mark.restored_at is None or now < mark.restored_at + COUNT_WAIT:
            return Finding("open")
        return Finding("unknown", f"no evaluation of {mark.name} is known to have given {mark.variant}")
    told = f"{_evaluations(effect.given)} gave {mark.variant}"
    if not effect.gave_before:
        return Finding("met", told)
    if effect.is_proven:
        people = f"{effect.changed} of {effect.people} made-up people"
        return Finding("met", f"{told}, as some did before, and by the drill alone {people} would get it")
    return Finding("unknown", f"{told}, as some did before, and whose answer the drill changed is not known")


def _evaluations(count: int) -> str:
    return "1 evaluation" if count == 1 else f"{count} evaluations"


def _seen(what: str, told: Told, at: datetime, within: timedelta, now: datetime) -> Finding:
    """One version against the bound."""
    bound = within / timedelta(milliseconds=1)
    late = [f"{name} after {_ms(ms)}" for name, ms in told.seen if ms > bound]
    waited = now >= at + within + TELL_WAIT
    if waited:
        late += [f"{name} not at all" for name in told.missing]
    if late:
        return Finding(
            "missed", f"{what} was seen too late, {dump_duration(within)} is the bound: {listed(late)}"
        )
    if told.by_all:
        slowest = max(ms for _, ms in told.seen)
        return Finding("met", f"{what} was seen by {all_of(len(told.seen))} within {_ms(slowest)}")
    if not waited:
        return Finding("open")
    gone = listed(told.gone) if told.gone else "anybody"
    return Finding("unknown", f"{what}: nothing came from {gone}")


def _count(count: int) -> str:
    return "1 subscriber" if count == 1 else f"{count} subscribers"


def _sentence(reasons: Iterable[str]) -> str:
    text = "; ".join(one for one in reasons if one)
    return text[:1].upper() + text[1:]


def _ms(value: float) -> str:
    return figure(value, "ms")

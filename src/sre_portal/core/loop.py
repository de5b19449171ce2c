"""How a run moves from its first lease to its verdict. What was seen goes in, the next record comes out.

    inject -> fidelity -> observe -> revert -> recover -> judge -> done
       |          |          |         ^                    ^
       +----------+----------+---------+---- cut short -----+

The shell starts a run: it records the phases preflight, predict and inject, and `granted_at`. From there on
it calls `advance` several times a second, saves what comes back and carries out the steps. Leases are renewed
pass by pass: a portal that hangs renews nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sre_portal.contract.lease import LEASE_SECONDS
from sre_portal.core.access import PORTAL
from sre_portal.core.alarm import alarm
from sre_portal.core.drill_course import due, ended
from sre_portal.core.fidelity import outcome
from sre_portal.core.intake import last_harm, leases_lapse_at, take_in
from sre_portal.core.judge import judge, results_so_far
from sre_portal.core.news import news
from sre_portal.core.note import Note
from sre_portal.core.observed import Observed
from sre_portal.core.phrase import seconds
from sre_portal.core.recovery import recovered_at, settled
from sre_portal.core.run import Abortion, Phase, PhaseMark, Run, Verdict

__all__ = ["Flip", "Note", "Observed", "Renew", "Step", "Withdraw", "abort", "advance"]

START_SECONDS = 30.0
"""A run that has no leases out by then never started: the portal stopped in between."""

FIRST_HIT_SECONDS = 10.0
"""So long after the leases went out a report of a first hit may still come."""

RECEIPT_GRACE = timedelta(seconds=1)
"""So long after the last lease has lapsed a receipt is still waited for."""


@dataclass(frozen=True, slots=True)
class Renew:
    """Let the run's leases go on until then, and no longer."""

    until: datetime


@dataclass(frozen=True, slots=True)
class Withdraw:
    """End the run's leases now, for good, and bring its kill switches back."""


@dataclass(frozen=True, slots=True)
class Flip:
    """Flip the kill switch of this drill, counted from 0. Told until the flip is known."""

    drill: int


Step = Renew | Withdraw | Flip | Note
Moved = tuple[Run, tuple[Step, ...]]


def advance(run: Run, seen: Observed) -> Moved:
    """One pass: takes in what was seen, and moves the run by at most one phase.

    The steps come in the order in which they are to be carried out: harm first, notes after. A run that is
    done is returned as it is.
    """
    if not run.live:
        return run, ()
    taken = take_in(run, seen)
    reason = None if taken.cut_short or taken.phase is Phase.JUDGE else alarm(taken, seen)
    if reason is not None:
        moved, steps = _cut_short(taken, seen.now, PORTAL.name, reason.reason, reason.verdict)
    else:
        moved, steps = PHASES[taken.phase](taken, seen)
    if moved.harmful:
        flips = (Flip(drill) for drill in due(moved, seen.now))
        steps = (Renew(_lease_end(moved, seen.now)), *flips, *steps)
    if moved.live:
        moved = moved.model_copy(update={"results": results_so_far(moved, seen)})
    moved = moved.model_copy(update={"driven_at": seen.now})
    return moved, (*steps, *news(run, moved, seen.now))


def abort(run: Run, at: datetime, by: str, reason: str) -> Moved:
    """Ends a run by hand, in any phase. A run that is done or already cut short is returned as it is."""
    if not run.live or run.cut_short:
        return run, ()
    moved, steps = _cut_short(run, at, by, reason, Verdict.ABORTED)
    return moved, (*steps, *news(run, moved, at))


def _cut_short(run: Run, at: datetime, by: str, reason: str, verdict: Verdict) -> Moved:
    abortion = Abortion(at=at, by=by, reason=reason, verdict=verdict)
    stopped = run.model_copy(update={"abortion": abortion})
    text = f"Cut short by {by}: {reason}."
    note = Note("abort", text, {"by": by, "reason": reason, "verdict": verdict.value})
    if run.phase in (Phase.REVERT, Phase.JUDGE):
        return stopped, (Withdraw(), note)
    if run.harmful:
        return _withdrawn(stopped, at, note)
    return _enter(stopped, Phase.JUDGE, at), (Withdraw(), note)


def _withdrawn(run: Run, at: datetime, *notes: Note) -> Moved:
    moved = _enter(run, Phase.REVERT, at).model_copy(update={"withdrawn_at": at})
    return moved, (Withdraw(), *notes)


def _enter(run: Run, phase: Phase, at: datetime) -> Run:
    return run.model_copy(update={"phase": phase, "marks": (*run.marks, PhaseMark(phase=phase, at=at))})


def _lease_end(run: Run, now: datetime) -> datetime:
    end = now + timedelta(seconds=LEASE_SECONDS)
    return end if run.ends_at is None else min(end, run.ends_at)


def _over(run: Run, now: datetime) -> bool:
    return run.ends_at is None or now >= run.ends_at


def _not_started(run: Run, seen: Observed) -> Moved:
    if seen.now - run.created_at < timedelta(seconds=START_SECONDS):
        return run, ()
    return _cut_short(
        run, seen.now, PORTAL.name, "the portal stopped before the leases went out", Verdict.ABORTED
    )


def _inject(run: Run, seen: Observed) -> Moved:
    if run.effective_at is not None:
        return _enter(run, Phase.FIDELITY, seen.now), ()
    return _withdrawn(run, seen.now) if _over(run, seen.now) else (run, ())


def _fidelity(run: Run, seen: Observed) -> Moved:
    if outcome(run.fidelity) == "in_band" or not run.injects or _over(run, seen.now):
        return _enter(run, Phase.OBSERVE, seen.now), ()
    return run, ()


def _observe(run: Run, seen: Observed) -> Moved:
    return _withdrawn(run, seen.now) if _over(run, seen.now) else (run, ())


def _revert(run: Run, seen: Observed) -> Moved:
    lapse = leases_lapse_at(run, seen)
    stopped = bool(run.receipts) and all(receipt.status is not None for receipt in run.receipts)
    if not ended(run, seen.now):
        return run, (Withdraw(),)
    if run.injects and not stopped and seen.now < lapse + RECEIPT_GRACE:
        return run, ()
    if not run.cut_short and _may_hear_of_a_hit(run, seen.now):
        return run, ()
    told = last_harm(run)
    if run.injects and not run.receipts:
        told = lapse if told is None else max(told, lapse)
    reverted = told or run.withdrawn_at or seen.now
    run = run.model_copy(update={"reverted_at": reverted})
    skip = run.cut_short or run.effective_at is None
    return _enter(run, Phase.JUDGE if skip else Phase.RECOVER, seen.now), ()


def _may_hear_of_a_hit(run: Run, now: datetime) -> bool:
    if run.effective_at is not None or run.granted_at is None:
        return False
    return now < run.granted_at + timedelta(seconds=FIRST_HIT_SECONDS)


def _recover(run: Run, seen: Observed) -> Moved:
    run = run.model_copy(update={"recovered_at": recovered_at(run, seen)})
    return (_enter(run, Phase.JUDGE, seen.now), ()) if settled(run, seen) else (run, ())


def _judge(run: Run, seen: Observed) -> Moved:
    verdict, reasons, results = judge(run, seen)
    done = _enter(run, Phase.DONE, seen.now).model_copy(
        update={"verdict": verdict, "reasons": reasons, "results": results, "ended_at": seen.now}
    )
    since = seconds((seen.now - run.created_at) / timedelta(seconds=1))
    text = f"Verdict {verdict.value} after {since}. {' '.join(reasons)}"
    return done, (Note("verdict", text, {"verdict": verdict.value, "reasons": list(reasons)}),)


PHASES: Mapping[Phase, Callable[[Run, Observed], Moved]] = {
    Phase.PREFLIGHT: _not_started,
    Phase.PREDICT: _not_started,
    Phase.INJECT: _inject,
    Phase.FIDELITY: _fidelity,
    Phase.OBSERVE: _observe,
    Phase.REVERT: _revert,
    Phase.RECOVER: _recover,
    Phase.JUDGE: _judge,
}

"""What cuts a run short by itself. Each alarm answers with its reason, or with None."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from sre_portal.core.condition import Outcome, Reading
from sre_portal.core.drill_course import flip_failure
from sre_portal.core.fidelity import FidelityCheck, outcome
from sre_portal.core.intake import between
from sre_portal.core.observed import Observed
from sre_portal.core.phrase import clock, figure, listed, percent, seconds
from sre_portal.core.run import Run, Verdict

JUMP_SECONDS = 5.0
"""Two looks at a run are at most this far apart. Leases end after the same time."""

END_SLACK = timedelta(seconds=1)
"""A lease that ends this shortly before the fault's end has ended with it: clocks are not that exact."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """Why a run is cut short, as a sentence without its full stop."""

    reason: str
    verdict: Verdict = Verdict.ABORTED


def alarm(run: Run, seen: Observed) -> Alarm | None:
    """The first reason to cut the run short, None where it may go on."""
    alarms = (*ALARMS, *HARMFUL_ALARMS) if run.harmful else ALARMS
    return next((found for rings in alarms if (found := rings(run, seen)) is not None), None)


def guardrails(run: Run, seen: Observed) -> Alarm | None:
    bad = [reading for reading in seen.guardrails if reading.outcome is not Outcome.HOLDS]
    if bad:
        return Alarm(f"guardrail {listed(map(said, bad))}")
    unread = len(run.experiment.spec.guardrails) - len(seen.guardrails)
    return Alarm(f"{unread} guardrails could not be read") if unread > 0 else None


def fidelity(run: Run, _: Observed) -> Alarm | None:
    if outcome(run.fidelity) != "out_of_band":
        return None
    off = [measured(check) for check in run.fidelity if check.outcome == "out_of_band"]
    return Alarm(f"the injection is not what was asked: {listed(off)}", Verdict.INVALID)


def refused(run: Run, seen: Observed) -> Alarm | None:
    told = {
        (instance, status.refused)
        for (instance, _), status in seen.statuses.items()
        if status.run_id == run.id and status.refused is not None
    }
    if not told:
        return None
    reasons = (f"{instance} refuses to inject: {reason}" for instance, reason in sorted(told))
    return Alarm(listed(reasons), Verdict.INVALID)


def ended_early(run: Run, seen: Observed) -> Alarm | None:
    """An instance that stopped stays stopped, so what is injected from then on is less than was asked.

    One that shut down serves no requests either, so nothing is missing.
    """
    if run.granted_at is None or run.ends_at is None:
        return None
    for (instance, _), status in sorted(seen.statuses.items()):
        if status.run_id != run.id or status.ended_at is None or status.ended_by == "shutdown":
            continue
        at = between(run.granted_at, status.ended_at, seen.now)
        if at < run.ends_at - END_SLACK:
            why = status.ended_by or "no reason told"
            return Alarm(
                f"{instance} stopped injecting at {clock(at)}, before the end ({why})", Verdict.INVALID
            )
    return None


def escrow(run: Run, seen: Observed) -> Alarm | None:
    limit = float(run.experiment.spec.budget_percent / 100)
    # Written so that a cost that is not a number counts as too much. A run that costs nothing may go on.
    spent = [(slo, cost) for slo, cost in seen.costs if cost != 0 and not cost < limit]
    if not spent:
        return None
    used = (f"{percent(cost)} of the error budget of {slo}" for slo, cost in spent)
    return Alarm(f"the budget escrow of {percent(limit)} is used up: {listed(used)}")


def interrupted(_: Run, seen: Observed) -> Alarm | None:
    if not seen.interrupted:
        return None
    return Alarm("the portal restarted while leases were out, and nobody watched the guardrails")


def clock_jump(run: Run, seen: Observed) -> Alarm | None:
    if run.driven_at is None:
        return None
    passed = (seen.now - run.driven_at) / timedelta(seconds=1)
    if passed < 0:
        return Alarm(f"the portal's clock went back by {seconds(-passed)}")
    if passed > JUMP_SECONDS:
        return Alarm(f"nobody watched for {seconds(passed)}: the portal stood still or its clock jumped")
    return None


def flips(run: Run, seen: Observed) -> Alarm | None:
    why = flip_failure(run, seen)
    return None if why is None else Alarm(why)


Rings = Callable[[Run, Observed], Alarm | None]

ALARMS: tuple[Rings, ...] = (interrupted, clock_jump)
"""These come first: where nobody looked for a while, what is unreadable now is only what follows from it."""

HARMFUL_ALARMS: tuple[Rings, ...] = (guardrails, escrow, flips, refused, ended_early, fidelity)
"""Only while leases are out. Of two things that are wrong, harm is the one to tell."""


def said(reading: Reading) -> str:
    """`shop-availability errors under 5 % over 10 s: breached, 6.2 %`."""
    parts = (
        reading.outcome.value,
        "" if reading.value is None else figure(reading.value, reading.unit),
        reading.reason,
    )
    return f"{reading.label}: {', '.join(part for part in parts if part)}"


def measured(check: FidelityCheck) -> str:
    """`latency: share of requests 31 % instead of 25-27 %`."""
    value = "nothing" if check.measured is None else figure(check.measured, check.unit)
    low, high = figure(check.low, check.unit), figure(check.high, check.unit)
    return f"{check.label} {value} instead of {low} to {high}"

"""Planned changes: what waits for a second person, for an instant, or for both. Only its state moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sre_portal.core.errors import Conflict, Over, Problem
from sre_portal.core.flag_step import FlagStep, Step, in_words

LATEST = timedelta(hours=1)
"""What is due for longer is not made any more: it may be the wrong night by then."""
TOLD_LATE = timedelta(minutes=1)
"""From here on a plan says how late it was made."""
FARTHEST = timedelta(days=366)
SKEW = timedelta(minutes=1)
"""So far in the past an instant may lie: clocks differ, and requests take a moment."""
MOST_STEPS = 10
MOST_OPEN = 20
"""Planned changes that a flag may have, or a set of its files."""


class PlanState(StrEnum):
    WAITING = "waiting"
    """For a second person."""
    SCHEDULED = "scheduled"
    """For its instant; due at once without one."""
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELLED = "cancelled"


OPEN = frozenset({PlanState.WAITING, PlanState.SCHEDULED})


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who proposed or decided: the name people read, the id of the principal, and its account."""

    name: str
    id: str
    account: int | None = None


@dataclass(frozen=True, slots=True)
class FlagPlan:
    """One planned change. `key` is empty where it is of the whole set. `id` is 0 until it is kept."""

    id: int
    flag_set: str
    key: str
    step: Step
    state: PlanState
    reason: str
    proposed_at: datetime
    proposed: Who
    not_before: datetime | None = None
    seen: int | None = None
    """The version of the flag, or of the set, that it was made from, 0 for none. None: it is for any."""
    decided_at: datetime | None = None
    decided: Who | None = None
    """Who approved or refused."""
    decision: str = ""
    """Why."""
    ended_at: datetime | None = None
    outcome: str = ""
    """`version 5`, or why it is not made."""
    event: int | None = None
    """The event of the audit log that says what was agreed on: that of the approval, or of the proposal."""

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    @property
    def is_approved(self) -> bool:
        return self.decided is not None and self.state is not PlanState.REFUSED

    @property
    def named(self) -> str:
        """What it is about: `shop/new-cart`, or `shop`."""
        return f"{self.flag_set}/{self.key}" if self.key else self.flag_set

    @property
    def words(self) -> str:
        """What it does."""
        return in_words(self.step, self.seen)

    @property
    def maker(self) -> str:
        """By whom the change is made, as its history tells it."""
        return f"{self.proposed.name}, planned {self.id}"

    @property
    def due_at(self) -> datetime:
        """When it may be made at the earliest, as far as is known now."""
        return max(one for one in (self.not_before, self.decided_at, self.proposed_at) if one is not None)

    def is_due(self, now: datetime) -> bool:
        return self.state is PlanState.SCHEDULED and self.due_at <= now


@dataclass(frozen=True, slots=True)
class TimedStep:
    """A step that somebody asks for: at an instant, or as soon as it may be."""

    step: FlagStep
    not_before: datetime | None = None
    seen: int | None = None
    """As `FlagPlan.seen`."""

    @property
    def words(self) -> str:
        return in_words(self.step, self.seen)


@dataclass(frozen=True, slots=True)
class PlanMove:
    """A plan as it was seen, and as it is to be. Made only where the state is still the one that was seen."""

    before: FlagPlan
    after: FlagPlan


def approved(plan: FlagPlan, by: Who, at: datetime, why: str) -> FlagPlan:
    """Raises `Conflict` unless it waits for somebody."""
    _expect(plan, PlanState.WAITING)
    return replace(plan, state=PlanState.SCHEDULED, decided=by, decided_at=at, decision=why)


def refused(plan: FlagPlan, by: Who, at: datetime, why: str) -> FlagPlan:
    """Raises as `approved`."""
    _expect(plan, PlanState.WAITING)
    told = f"refused by {by.name}"
    return replace(
        plan, state=PlanState.REFUSED, decided=by, decided_at=at, decision=why, ended_at=at, outcome=told
    )


def cancelled(plan: FlagPlan, by: Who, at: datetime, why: str) -> FlagPlan:
    """Raises `Conflict` where it has ended."""
    _expect(plan, PlanState.WAITING, PlanState.SCHEDULED)
    return _ended(plan, PlanState.CANCELLED, at, f"cancelled by {by.name}: {why}")


def done(plan: FlagPlan, at: datetime, version: int) -> FlagPlan:
    """Made, at that version of the flag or set; with how late, if that is worth a word. Raises `Conflict`."""
    _expect(plan, PlanState.SCHEDULED)
    late = at - plan.due_at
    told = f"version {version}" + (f", {span(late)} late" if late >= TOLD_LATE else "")
    return _ended(plan, PlanState.DONE, at, told)


def failed(plan: FlagPlan, at: datetime, why: str) -> FlagPlan:
    """Raises `Conflict`."""
    _expect(plan, PlanState.SCHEDULED)
    return _ended(plan, PlanState.FAILED, at, why)


def too_late(plan: FlagPlan, now: datetime) -> str:
    """Why it is not made any more; empty where it still is."""
    late = now - plan.due_at
    if late <= LATEST:
        return ""
    return f"it was due {span(late)} ago: no portal made it in time, and {span(LATEST)} is the latest"


def instant_problems(instants: Sequence[datetime | None], now: datetime) -> list[Problem]:
    """What is wrong with the instants of steps: their order, too far away, or past."""
    found = []
    latest: datetime | None = None
    for number, at in enumerate(instants):
        path, seen = f"steps.{number}.not_before", "nothing" if at is None else at.isoformat()
        if latest is not None and (at is None or at < latest):
            found.append(Problem(path, seen, f"an instant after the step before, {latest.isoformat()}"))
        if at is not None and not now - SKEW <= at <= now + FARTHEST:
            expected = f"an instant to come, at most {FARTHEST.days} days away"
            found.append(Problem(path, seen, expected))
        latest = at if at is not None else latest
    return found


def span(length: timedelta) -> str:
    """How long, as people say it: `12 min`, `3 h`, `2 days`."""
    minutes = max(0, int(length.total_seconds())) // 60
    if minutes < 120:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"


def _ended(plan: FlagPlan, state: PlanState, at: datetime, outcome: str) -> FlagPlan:
    return replace(plan, state=state, ended_at=at, outcome=outcome)


def _expect(plan: FlagPlan, *states: PlanState) -> None:
    if plan.state not in states:
        raise Over(stands(plan))


def overtaken(plan: FlagPlan) -> Conflict:
    """Said to whoever would move a plan that somebody else has moved meanwhile."""
    return Conflict(f"plan {plan.id} as it was", "that somebody else was first")


def stands(plan: FlagPlan) -> str:
    """Where it stands, as whoever comes late is told: `plan 3 is done already, decided by bo: version 5`."""
    if plan.state is PlanState.SCHEDULED and plan.decided is None:
        return f"plan {plan.id} is scheduled, and waits for nobody"
    by = f", decided by {plan.decided.name}" if plan.decided is not None else ""
    return f"plan {plan.id} is {plan.state.value} already{by}" + (f": {plan.outcome}" if plan.outcome else "")

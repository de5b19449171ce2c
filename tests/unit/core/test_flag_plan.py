"""A planned change moves along its few states and never back; nothing else of it changes."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sre_portal.core.errors import Conflict
from sre_portal.core.flag_plan import (
    FARTHEST,
    LATEST,
    OPEN,
    FlagPlan,
    PlanState,
    Who,
    approved,
    cancelled,
    done,
    failed,
    instant_problems,
    refused,
    span,
    stands,
    too_late,
)
from sre_portal.core.flag_step import Toggle

NOW = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
ANA, BO = Who("ana", "account:1", 1), Who("bo", "account:2", 2)
HOUR = timedelta(hours=1)
FROZEN = {"id", "flag_set", "key", "step", "reason", "proposed_at", "proposed", "not_before"}


def plan(state: PlanState = PlanState.WAITING, not_before: datetime | None = None) -> FlagPlan:
    return FlagPlan(12, "shop", "new-cart", Toggle(False), state, "why", NOW, ANA, not_before)


class Course(RuleBasedStateMachine):
    """One plan under everything that may be tried with it, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.plan = self.first = plan()
        self.now = NOW
        self.was_approved = False

    @rule(minutes=st.integers(0, 90))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def is_approved(self) -> None:
        if self.plan.state is PlanState.WAITING:
            self.plan, self.was_approved = approved(self.plan, BO, self.now, "fine"), True
        else:
            self.refuses(lambda: approved(self.plan, BO, self.now, "fine"))

    @rule()
    def is_refused(self) -> None:
        if self.plan.state is PlanState.WAITING:
            self.plan = refused(self.plan, BO, self.now, "no")
        else:
            self.refuses(lambda: refused(self.plan, BO, self.now, "no"))

    @rule()
    def is_cancelled(self) -> None:
        if self.plan.is_open:
            self.plan = cancelled(self.plan, ANA, self.now, "my mistake")
        else:
            self.refuses(lambda: cancelled(self.plan, ANA, self.now, "my mistake"))

    @rule(works=st.booleans())
    def is_made(self, works: bool) -> None:
        if self.plan.state is PlanState.SCHEDULED:
            self.plan = done(self.plan, self.now, 5) if works else failed(self.plan, self.now, "gone")
        else:
            self.refuses(lambda: done(self.plan, self.now, 5))
            self.refuses(lambda: failed(self.plan, self.now, "gone"))

    def refuses(self, move: object) -> None:
        assert callable(move)
        with pytest.raises(Conflict, match="plan 12"):
            move()

    @invariant()
    def only_its_standing_changes(self) -> None:
        for one in fields(FlagPlan):
            if one.name in FROZEN:
                assert getattr(self.plan, one.name) == getattr(self.first, one.name)

    @invariant()
    def nothing_is_made_that_nobody_approved(self) -> None:
        if self.plan.state in {PlanState.DONE, PlanState.FAILED, PlanState.SCHEDULED}:
            assert self.was_approved
            assert self.plan.is_approved

    @invariant()
    def an_end_has_an_instant_and_says_why(self) -> None:
        assert (self.plan.ended_at is None) is self.plan.is_open
        assert bool(self.plan.outcome) is not self.plan.is_open
        assert self.plan.is_open is (self.plan.state in OPEN)

    @precondition(lambda self: self.plan.state is PlanState.REFUSED)
    @invariant()
    def a_refusal_is_no_approval(self) -> None:
        assert not self.plan.is_approved


TestCourse = Course.TestCase


def scheduled(not_before: datetime | None = None) -> FlagPlan:
    return plan(PlanState.SCHEDULED, not_before)


def test_without_an_instant_it_is_due_at_once_and_only_when_scheduled() -> None:
    assert scheduled().is_due(NOW)
    assert not plan().is_due(NOW)
    assert not scheduled(NOW + HOUR).is_due(NOW)
    assert scheduled(NOW + HOUR).is_due(NOW + HOUR)


def test_an_approval_after_the_instant_counts_as_the_instant() -> None:
    late = approved(plan(not_before=NOW + HOUR), BO, NOW + 5 * HOUR, "late, but yes")
    assert late.due_at == NOW + 5 * HOUR
    assert too_late(late, NOW + 5 * HOUR) == ""


@given(st.timedeltas(min_value=timedelta(0), max_value=timedelta(days=3)))
def test_what_is_late_is_made_for_an_hour_and_says_how_late(late: timedelta) -> None:
    told = done(scheduled(NOW + HOUR), NOW + HOUR + late, 3).outcome
    assert told == ("version 3" if late < timedelta(minutes=1) else f"version 3, {span(late)} late")
    assert bool(too_late(scheduled(NOW + HOUR), NOW + HOUR + late)) is (late > LATEST)


@pytest.mark.parametrize(
    ("length", "told"),
    [
        (timedelta(seconds=-5), "0 min"),
        (timedelta(minutes=119), "119 min"),
        (timedelta(minutes=120), "2 h"),
        (timedelta(hours=47), "47 h"),
        (timedelta(days=2, hours=5), "2 days"),
    ],
)
def test_spans_are_told_as_people_say_them(length: timedelta, told: str) -> None:
    assert span(length) == told


def test_instants_are_near_enough_to_come_and_in_their_order() -> None:
    fine = [None, NOW, NOW + HOUR, NOW + HOUR, NOW + FARTHEST]
    assert instant_problems(fine, NOW) == []
    assert instant_problems([NOW - timedelta(seconds=30)], NOW) == []
    wrong = [NOW - HOUR, NOW + 2 * HOUR, NOW + HOUR, None, NOW + FARTHEST + HOUR]
    found = instant_problems(wrong, NOW)
    assert [one.path for one in found] == [f"steps.{n}.not_before" for n in (0, 2, 3, 4)]


def test_whoever_comes_second_is_told_who_was_first_and_what_came_of_it() -> None:
    ended = done(approved(plan(), BO, NOW, "fine"), NOW, 5)
    assert stands(ended) == "plan 12 is done already, decided by bo: version 5"
    assert stands(plan()) == "plan 12 is waiting already"
    assert replace(plan(), key="").named == "shop"
    assert (plan().named, plan().maker) == ("shop/new-cart", "ana, planned 12")

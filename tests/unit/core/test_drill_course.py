"""A run that drills a kill switch: when it flips, what it waits for, and that it always ends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.condition import Reading
from sre_portal.core.loop import Flip as FlipStep
from sre_portal.core.loop import Note, Step, Withdraw, abort, advance
from sre_portal.core.observed import Flip
from sre_portal.core.run import Phase, Run, Verdict
from tests.unit.core.drills import PLAIN, drill_run, finished, look, seen
from tests.unit.core.given import BREACHED, LATENCY, at

NOT_BACK: dict[str, Any] = {"restored": None, "told_restored": {}}


def drive(run: Run, until: float, **fields: Any) -> tuple[Run, list[Step]]:  # noqa: ANN401  # any field of the drill
    steps: list[Step] = []
    seconds = 0.25
    while run.live and seconds <= until:
        run, more = advance(run, seen(seconds, injects=run.injects, **fields))
        steps += more
        seconds += 0.25
    return run, steps


def texts(steps: list[Step], kind: str) -> list[str]:
    return [step.text for step in steps if isinstance(step, Note) and step.kind == kind]


def test_a_drill_alone_passes_every_phase_and_passes() -> None:
    run, steps = drive(drill_run(), 120)
    assert [mark.phase for mark in run.marks] == list(Phase)
    assert (run.verdict, run.effective_at, run.fidelity, run.receipts) == (Verdict.PASSED, at(0.2), (), ())
    assert (run.withdrawn_at, run.reverted_at) == (at(20), at(20.3))
    [mark] = run.drills
    assert (mark.flipped_at, mark.restored_at, mark.subscribers) == (at(0.2), at(20.3), ("shop-1", "shop-2"))
    assert mark.until == at(25)
    assert texts(steps, "drill") == [
        (
            "shop/recommendations is off for 20 % of targeting keys since 12:00:00 UTC, "
            "and no longer than until 12:00:25 UTC."
        ),
        "The flip of shop/recommendations was seen by all 2 subscribers within 60 ms.",
        f"shop/recommendations: {PLAIN} at 12:00:20 UTC.",
        "The return of shop/recommendations was seen by all 2 subscribers within 50 ms.",
    ]
    assert texts(steps, "reverted") == ["Every switch was back at 12:00:20 UTC."]
    assert not texts(steps, "effective")


def test_the_flip_is_asked_for_until_it_is_known_and_never_again() -> None:
    run, steps = drive(drill_run(), 0.75, flip=None)
    assert [step for step in steps if isinstance(step, FlipStep)] == [FlipStep(0)] * 3
    run, once = advance(run, seen(1))
    run, more = advance(run, seen(1.25))
    assert FlipStep(0) not in (*once, *more)
    assert run.drills[0].flipped_at == at(0.2)


def test_with_a_fault_the_switch_flips_so_long_after_the_first_hit() -> None:
    run, steps = drive(drill_run((LATENCY,), after="3s"), 3.75, flip=None)
    assert FlipStep(0) not in steps
    assert run.effective_at == at(0.8)
    _, more = advance(run, seen(4, injects=True, flip=None))
    assert FlipStep(0) in more


def test_a_run_with_a_fault_and_a_switch_is_held_to_both() -> None:
    run = finished(drill_run((LATENCY,)))
    assert run.verdict is Verdict.PASSED, run.reasons
    assert run.effective_at == at(0.8)
    assert run.reverted_at == at(20.3)


@pytest.mark.parametrize("why", ["", "somebody else drills it"])
def test_a_switch_that_cannot_be_flipped_ends_the_run(why: str) -> None:
    run, _ = drive(drill_run(), 20, flip=None, failed=why, restored=Flip(at(1), None, "it was not flipped"))
    assert run.verdict is Verdict.ABORTED
    assert run.reasons == (
        "The switch shop/recommendations could not be flipped: "
        f"{why or 'the flag store did not answer in time'}.".replace("The switch", "the switch"),
    )


def test_an_abort_withdraws_at_once_and_waits_for_the_switch_no_longer_than_for_a_receipt() -> None:
    run, _ = drive(drill_run(), 5)
    run, steps = abort(run, at(5), "omar", "enough")
    assert steps[0] == Withdraw()
    passes = []
    for quarter in range(1, 40):
        run, steps = advance(run, seen(5 + quarter / 4, **NOT_BACK))
        passes.append(Withdraw() in steps)
        if not run.live:
            break
    assert run.verdict is Verdict.ABORTED
    assert run.entered(Phase.JUDGE) == at(11)
    assert passes[:23] == [True] * 23  # it is tried again in every pass
    assert run.reverted_at == at(25)  # by the clock


def test_a_guardrail_brings_the_switch_back() -> None:
    run, _ = drive(drill_run(), 5)
    breached: tuple[Reading, ...] = (BREACHED,)
    run, steps = advance(run, replace(seen(5.25), guardrails=breached))
    assert steps[0] == Withdraw()
    assert run.phase is Phase.REVERT


def test_where_the_flag_store_is_away_at_the_end_the_clock_ends_the_drill_and_it_is_said() -> None:
    run, steps = drive(drill_run(), 120, **NOT_BACK)
    assert run.reverted_at == at(25)
    assert (
        "The flag store did not answer: the clock ends the drill of shop/recommendations at 12:00:25 UTC."
        in (texts(steps, "drill"))
    )
    assert run.verdict is Verdict.INCONCLUSIVE
    assert run.results[0].outcome == "unknown"


def test_a_portal_that_restarts_in_mid_drill_brings_the_switch_back() -> None:
    run, _ = drive(drill_run(), 5)
    run, steps = advance(run, replace(seen(5.25, flip=None), interrupted=True))
    assert steps[0] == Withdraw()
    assert run.verdict is None
    run, steps = advance(run, seen(5.5, flip=None, restored=Flip(at(5.4), 8, PLAIN)))
    assert (run.verdict, run.reverted_at, run.phase) == (None, at(5.4), Phase.JUDGE)


def test_a_run_that_was_stopped_before_its_flip_says_nothing_of_it() -> None:
    run, _ = abort(drill_run(), at(0.1), "omar", "no")
    run, steps = drive(run, 20, flip=None, restored=Flip(at(0.2), None, "it was not flipped"))
    assert run.verdict is Verdict.ABORTED
    assert run.reverted_at == at(0.1)
    assert texts(list(steps), "drill") == []


@given(
    st.sampled_from([None, Flip(at(0.2), 7)]),
    st.sampled_from(["", "no"]),
    st.sampled_from([None, Flip(at(9), None, "left"), Flip(at(20.3), 8, PLAIN)]),
    st.sampled_from([(), ("shop-1",), ("shop-1", "shop-2")]),
    st.booleans(),
)
def test_whatever_is_seen_of_a_switch_its_run_ends(
    flip: Flip | None, failed: str, restored: Flip | None, subscribers: tuple[str, ...], injects: bool
) -> None:
    faults = (LATENCY,) if injects else ()
    run, _ = drive(
        drill_run(faults, after="1s" if injects else "0s"),
        200,
        flip=flip,
        failed=failed,
        restored=restored,
        subscribers=subscribers,
    )
    assert run.phase is Phase.DONE
    if flip is None or not subscribers:
        assert run.verdict is not Verdict.PASSED


def test_what_is_known_of_a_drill_stays_known() -> None:
    run, _ = drive(drill_run(), 5)
    run, _ = advance(run, replace(seen(5.25), drills=(look(5.25, flip=None, subscribers=(), told={}),)))
    assert run.drills[0].told.by_all
    run, _ = advance(run, replace(seen(5.5), drills=()))
    assert run.drills[0].told.by_all

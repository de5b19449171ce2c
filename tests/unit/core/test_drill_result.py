"""A drill against its bound: who saw it, how soon, and whether that is known."""

from __future__ import annotations

from typing import Any

import pytest

from sre_portal.core.observed import Flip
from sre_portal.core.run import DrillEffect, Verdict
from tests.unit.core.drills import drill_run, finished
from tests.unit.core.given import at

BACK = "its return (the definition of before is back)"
CASES: tuple[tuple[str, dict[str, Any], Verdict, str], ...] = (
    (
        "all saw both",
        {},
        Verdict.PASSED,
        (
            "The flip of shop/recommendations was seen by all 2 subscribers within 60 ms; "
            f"12 evaluations gave off; {BACK} was seen by all 2 subscribers within 50 ms"
        ),
    ),
    (
        "one was late",
        {"told": {"shop-1": 40.0, "shop-2": 2500.0}},
        Verdict.FAILED,
        "The flip of shop/recommendations was seen too late, 2s is the bound: shop-2 after 2500 ms",
    ),
    (
        "one that reports never saw it",
        {"told": {"shop-1": 40.0}},
        Verdict.FAILED,
        "The flip of shop/recommendations was seen too late, 2s is the bound: shop-2 not at all",
    ),
    (
        "one saw the return too late",
        {"told_restored": {"shop-1": 30.0, "shop-2": 2001.0}},
        Verdict.FAILED,
        f"{BACK} was seen too late, 2s is the bound: shop-2 after 2001 ms".replace("its", "Its"),
    ),
    (
        "nobody subscribes",
        {"subscribers": ()},
        Verdict.INCONCLUSIVE,
        "Nobody subscribed to shop when shop/recommendations was flipped",
    ),
    (
        "somebody else took it off",
        {"restored": Flip(at(20.3), None, "their word stays")},
        Verdict.INCONCLUSIVE,
        "Their word stays",
    ),
    (
        "no evaluation gave it",
        {"effect": DrillEffect()},
        Verdict.INCONCLUSIVE,
        "No evaluation of shop/recommendations is known to have given off",
    ),
    (
        "evaluations were not looked at",
        {"effect": None},
        Verdict.INCONCLUSIVE,
        "No evaluation of shop/recommendations is known to have given off",
    ),
    (
        "it was given before as well",
        {"effect": DrillEffect(given=1, gave_before=True, people=1000)},
        Verdict.INCONCLUSIVE,
        "1 evaluation gave off, as some did before, and whose answer the drill changed is not known",
    ),
    (
        "it was given before as well, and made-up people get it by the drill alone",
        {"effect": DrillEffect(given=30, gave_before=True, people=1000, changed=180)},
        Verdict.PASSED,
        (
            "The flip of shop/recommendations was seen by all 2 subscribers within 60 ms; 30 evaluations "
            "gave off, as some did before, and by the drill alone 180 of 1000 made-up people would get it; "
            f"{BACK} was seen by all 2 subscribers within 50 ms"
        ),
    ),
)


@pytest.mark.parametrize(
    ("fields", "verdict", "reason"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_a_drill_is_judged_with_its_reason(fields: dict[str, Any], verdict: Verdict, reason: str) -> None:
    run = finished(drill_run(), **fields)
    assert (run.verdict, run.results[0].reason) == (verdict, reason)


def test_one_that_stopped_reporting_is_unknown_and_unknown_is_never_fine() -> None:
    run = finished(drill_run(), until=3, told={"shop-1": 40.0})
    assert run.results[0].outcome == "open"
    run = finished(run, told={"shop-1": 40.0}, subscribers=("shop-1",))
    assert (run.verdict, run.results[0].outcome) == (Verdict.INCONCLUSIVE, "unknown")
    assert "nothing came from shop-2" in run.results[0].reason


def test_one_that_began_later_does_not_count() -> None:
    run = finished(drill_run(), until=3)
    late = {"shop-1": 40.0, "shop-2": 60.0, "shop-3": 9000.0}
    assert finished(run, told=late, subscribers=tuple(late)).verdict is Verdict.PASSED


def test_a_clock_that_is_ahead_makes_no_delay_negative() -> None:
    run = finished(drill_run(), told={"shop-1": -3.0, "shop-2": 60.0})
    assert dict(run.drills[0].told.seen) == {"shop-1": 0.0, "shop-2": 60.0}


def test_the_row_tells_the_cohort_the_bound_and_the_slowest() -> None:
    [row, _] = finished(drill_run()).results
    assert row.label == "shop/recommendations is off for 20 % of targeting keys"
    assert row.predicted_text == "seen by all within 2s"
    assert row.observed_text == "2 subscribers, the last after 60 ms"


def test_evaluations_that_are_told_late_are_waited_for() -> None:
    run = finished(drill_run(), until=30, effect=None)
    assert (run.live, run.results[0].outcome) == (True, "open")
    run = finished(run, effect=DrillEffect(given=2))
    assert run.verdict is Verdict.PASSED

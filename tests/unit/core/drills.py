"""Runs that drill a kill switch, and what a portal may have seen of them.

Ada drills `recommendations` of shop for 20 s, for a fifth of everybody. Two instances subscribe.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from sre_portal.core.drill_course import marks_of
from sre_portal.core.experiment import Experiment
from sre_portal.core.loop import Observed, advance
from sre_portal.core.observed import DrillSeen, Flip
from sre_portal.core.run import DrillEffect, Run
from tests.unit.core.given import (
    ERRORS_BELOW,
    START,
    alert,
    at,
    prediction,
    reading,
    run_of,
    statuses,
    totals,
)

FLAG = {"type": "flag", "flag": "recommendations", "variant": "off", "cohort": {"percent": 20}}
PLAIN = "the definition of before is back"
SHOPS = ("shop-1", "shop-2")


def drill(faults: tuple[Mapping[str, Any], ...] = (), **fields: Any) -> Experiment:  # noqa: ANN401  # any field of the expectation
    spec = {
        "target": {"service": "shop", "share": {"percent": 50 if faults else 100}},
        "faults": list(faults),
        "duration": "20s",
        "steadyState": [ERRORS_BELOW],
        "guardrails": [ERRORS_BELOW],
        "expectations": [FLAG | fields],
    }
    return Experiment.model_validate({"metadata": {"name": "drill"}, "spec": spec})


def drill_run(faults: tuple[Mapping[str, Any], ...] = (), **fields: Any) -> Run:  # noqa: ANN401  # any field of the expectation
    what = drill(faults, **fields)
    return run_of(what, drills=marks_of(what, START), prediction=prediction())


def look(seconds: float, **fields: Any) -> DrillSeen:  # noqa: ANN401  # any field of it
    """A drill that goes well: flipped at 0.2 s and back at 20.3 s, told of a second after each."""
    whole = DrillSeen(
        flip=Flip(at(0.2), 7) if seconds >= 0.25 else None,
        restored=Flip(at(20.3), 8, PLAIN) if seconds >= 20.5 else None,
        subscribers=SHOPS,
        told={"shop-1": 40.0, "shop-2": 60.0} if seconds >= 1.25 else {},
        told_restored={"shop-1": 30.0, "shop-2": 50.0} if seconds >= 21.5 else {},
        effect=DrillEffect(given=12) if seconds >= 1.25 else None,
    )
    return replace(whole, **fields)


def seen(seconds: float, *, injects: bool = False, **fields: Any) -> Observed:  # noqa: ANN401  # any field of the drill
    """What is seen of such a run then."""
    return Observed(
        now=at(seconds),
        injections=(totals(),) if injects else (),
        statuses=statuses(ended=20.1 if seconds >= 20.1 else None) if injects and seconds > 1 else {},
        holders={"shop-1", "shop-2"} if injects else set(),
        guardrails=(reading(),),
        steady=(reading(),),
        alerts=(alert("shop-availability"),),
        lease_ends_at=at(seconds + 5),
        drills=(look(seconds, **fields),),
    )


def finished(run: Run, until: float = 120.0, **fields: Any) -> Run:  # noqa: ANN401  # any field of the drill
    """The run driven on to its end, four times a second."""
    seconds = 0.25 + (0 if run.driven_at is None else (run.driven_at - START).total_seconds())
    while run.live and seconds < until:
        run, _ = advance(run, seen(seconds, injects=run.injects, **fields))
        seconds += 0.25
    return run

"""Runs as the tests of the loop meet them, and what a portal may have seen of them.

Ada runs an experiment on shop: half of the checkouts wait 400 ms for 40 s. Two instances hold its lease.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from sre_portal.contract.histogram import bucket_of
from sre_portal.contract.report import EndedBy, LeaseStatus
from sre_portal.core.alert import Alert, AlertChange, AlertState, ErrorRateRule
from sre_portal.core.condition import Outcome, Reading
from sre_portal.core.experiment import Experiment
from sre_portal.core.fidelity import InjectionTotals
from sre_portal.core.observed import Observed
from sre_portal.core.prediction import AlertPrediction, Band, BudgetCost, Prediction
from sre_portal.core.run import Phase, PhaseMark, Run

START = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
RULE = ErrorRateRule("error-rate", 0.05, 10, 30)
FIRES = {"type": "alert", "slo": "checkout-latency", "alert": "error-rate"}
SILENT = {"type": "alert", "slo": "shop-availability", "alert": "error-rate", "outcome": "silent"}
RECOVERS = {"type": "recovers", "within": "30s"}
ERRORS_BELOW = {"type": "errors", "slo": "shop-availability", "below": 5}
HOLDS = {"type": "holds", "condition": ERRORS_BELOW}
LATENCY = {"type": "latency", "delay": "400ms"}
FIRING, RESOLVED = Band(30.0, 34.0), Band(45.0, 52.0)


def at(seconds: float) -> datetime:
    """So long after the leases went out."""
    return START + timedelta(seconds=seconds)


def experiment(
    fault: Mapping[str, Any] | None = None,
    target: Mapping[str, Any] | None = None,
    **spec: Any,  # noqa: ANN401  # any field of the document
) -> Experiment:
    whole: dict[str, Any] = {
        "target": {
            "service": "shop",
            "route": "/checkout",
            "methods": ["POST"],
            "share": {"percent": 50},
            **(target or {}),
        },
        "faults": [dict(fault or LATENCY)],
        "duration": "40s",
    }
    return Experiment.model_validate({"metadata": {"name": "latency-checkout"}, "spec": whole | spec})


def full_experiment(**spec: Any) -> Experiment:  # noqa: ANN401  # any field of the document
    """With a steady state, a guardrail, and one expectation of each kind that needs a band or a bound."""
    whole: dict[str, Any] = {
        "steadyState": [ERRORS_BELOW],
        "guardrails": [ERRORS_BELOW],
        "expectations": [FIRES, SILENT, RECOVERS],
    }
    return experiment(**whole | spec)


def prediction(*alerts: AlertPrediction) -> Prediction:
    fires = AlertPrediction("checkout-latency", "error-rate", "fires", Band(0.5, 4.0), FIRING, RESOLVED)
    silent = AlertPrediction("shop-availability", "error-rate", "silent")
    return Prediction(
        alerts=alerts or (fires, silent),
        costs=(BudgetCost("checkout-latency", 0.01, 0.02, 0.9),),
        corridors=(),
        effective=Band(0.0, 1.5),
        counted=Band(0.4, 2.5),
        reverted=Band(38.0, 40.3),
        p99_before_ms=30.0,
        p99_during_ms=(430.0, 450.0),
        requests_per_second=4.0,
        assumptions=(),
    )


def run_of(what: Experiment | None = None, **fields: Any) -> Run:  # noqa: ANN401  # any field of a run
    """A run whose leases went out at `START`."""
    whole: dict[str, Any] = {
        "id": 12,
        "revision": 1,
        "experiment": what or full_experiment(),
        "actor": "ada",
        "phase": Phase.INJECT,
        "marks": tuple(
            PhaseMark(phase=phase, at=START) for phase in (Phase.PREFLIGHT, Phase.PREDICT, Phase.INJECT)
        ),
        "created_at": START,
        "granted_at": START,
        "driven_at": START,
        "prediction": prediction(),
    }
    return Run(**whole | fields)


def reading(
    outcome: Outcome = Outcome.HOLDS, value: float | None = 0.001, distance: float | None = 0.98
) -> Reading:
    known = None if outcome is Outcome.UNREADABLE else value
    reason = "the newest count is 9 s old" if outcome is Outcome.UNREADABLE else ""
    label = "shop-availability errors under 5 % over 10 s"
    away = None if known is None else distance
    return Reading(label, outcome, known, 0.05, "ratio", reason, away)


BREACHED = reading(Outcome.BREACHED, 0.062, -0.24)
UNREADABLE = reading(Outcome.UNREADABLE)


def status(
    first: float | None = 0.8,
    ended: float | None = None,
    by: EndedBy = "withdrawn",
    hits: int = 60,
    refused: str | None = None,
) -> LeaseStatus:
    """Seconds since the leases went out."""
    origin = START.timestamp()
    return LeaseStatus(
        lease_id="12-0",
        run_id=12,
        hits=hits,
        first_hit_at=None if first is None else origin + first,
        last_hit_at=None if first is None else origin + first,
        ended_at=None if ended is None else origin + ended,
        ended_by=None if ended is None else by,
        refused=refused,
    )


def statuses(
    first: float | None = 0.8, ended: float | None = None, by: EndedBy = "withdrawn"
) -> dict[tuple[str, str], LeaseStatus]:
    """Both instances say the same."""
    return {(instance, "12-0"): status(first, ended, by) for instance in ("shop-1", "shop-2")}


def totals(matched: int = 120, hits: int = 60, delay_ms: float = 401.0, **fields: Any) -> InjectionTotals:  # noqa: ANN401  # any field
    """Half of the checkouts hit, as asked."""
    wait = {bucket_of(int(delay_ms * 1e6)): hits} if hits else {}
    treated = {bucket_of(int((delay_ms + 25) * 1e6)): hits} if hits else {}
    rest = matched - hits
    untreated = {bucket_of(25_000_000): rest} if rest else {}
    whole: dict[str, Any] = {
        "lease_id": "12-0",
        "matched": matched,
        "hits": hits,
        "cut": 0,
        "delay": wait,
        "overshoot": {},
        "treated": treated,
        "untreated": untreated,
    }
    return InjectionTotals(**whole | fields)


def alert(slo: str = "checkout-latency", state: AlertState = AlertState.INACTIVE, **fields: Any) -> Alert:  # noqa: ANN401  # any field
    known: dict[str, Any] = {"judged_tick": 1, "value": 0.0} | fields
    return Alert(slo, "shop", RULE, state, **known)


def change(seconds: float, state: AlertState, slo: str = "checkout-latency") -> AlertChange:
    return AlertChange(slo, "shop", "error-rate", state, at(seconds), 0.4)


FIRED = (
    change(2.0, AlertState.PENDING),
    change(32.3, AlertState.FIRING),
    change(49.0, AlertState.RESOLVED),
)
"""Inside their bands, seen from a first hit at 0.8 s."""


def observed(seconds: float, **fields: Any) -> Observed:  # noqa: ANN401  # any field of it
    """A healthy look at the run, so long after the leases went out."""
    whole: dict[str, Any] = {
        "now": at(seconds),
        "injections": (totals(),),
        "statuses": statuses(),
        "holders": {"shop-1", "shop-2"},
        "guardrails": (reading(),),
        "steady": (reading(),),
        "alerts": (alert(), alert("shop-availability")),
        "changes": tuple(one for one in FIRED if one.at <= at(seconds)),
        "lease_ends_at": at(seconds + 5),
    }
    return Observed(**whole | fields)

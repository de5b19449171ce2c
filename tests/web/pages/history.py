"""Runs of the scene: one in the air, and one with each verdict."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from sre_portal.contract.report import LeaseStatus
from sre_portal.core.board import Board
from sre_portal.core.condition import Outcome, Reading
from sre_portal.core.experiment import Experiment
from sre_portal.core.fidelity import FidelityCheck
from sre_portal.core.prediction import Band, Prediction, predict
from sre_portal.core.run import (
    Abortion,
    AlertMark,
    ExpectationResult,
    Phase,
    PhaseMark,
    Receipt,
    Run,
    Verdict,
)
from sre_portal.core.slo import Slo
from sre_portal.core.timeline import timeline
from tests.web.pages.documents import experiments
from tests.web.pages.memory import Journal

LIVE_ID = 2417
ORDER = (
    Phase.PREFLIGHT,
    Phase.PREDICT,
    Phase.INJECT,
    Phase.FIDELITY,
    Phase.OBSERVE,
    Phase.REVERT,
    Phase.RECOVER,
)


@dataclass(frozen=True)
class Past:
    """What the portal had counted."""

    board: Board
    slos: Sequence[Slo]


def live_run(now: datetime, past: Past, hit_seconds: int) -> Run:
    """Slow payments, 42 s after the first hit: the fast alert is firing."""
    experiment = experiments()[0]
    zero = now.replace(microsecond=0) - timedelta(seconds=hit_seconds)
    granted = zero - timedelta(seconds=0.4)
    prediction = prediction_of(experiment, granted, past)
    return Run(
        id=LIVE_ID,
        driven_at=now,
        revision=30,
        experiment=experiment,
        actor="omar",
        phase=Phase.OBSERVE,
        marks=_marks(granted, (0, 0.1, 0.2, 1.2, 7.4)),
        created_at=granted - timedelta(seconds=0.2),
        prediction=prediction,
        granted_at=granted,
        effective_at=zero,
        counted_at=zero + timedelta(seconds=1.8),
        fidelity=checks(),
        guardrails=readings(),
        nearest=readings(),
        alerts=(
            AlertMark(
                slo="payments-latency",
                alert="error-rate",
                pending_at=zero + timedelta(seconds=3.6),
                firing_at=zero + timedelta(seconds=33.6),
            ),
        ),
        results=(
            ExpectationResult(
                label="error-rate of payments-latency fires",
                outcome="open",
                predicted=Band(31.0, 35.0),
                observed_s=33.6,
                reason="it fired in its band and has to resolve",
            ),
            ExpectationResult(
                label="error-rate of payments-availability stays silent",
                outcome="open",
                predicted_text="silent",
            ),
            ExpectationResult(
                label="shop p99 under 900 ms over 10 s",
                outcome="open",
                predicted_text="all the time",
                observed_text="212 ms of 900 ms",
            ),
            ExpectationResult(
                label="steady state is back within 60 s",
                outcome="open",
                predicted_text="within 60 s of the revert",
            ),
        ),
        costs=(("payments-latency", 0.00081),),
    )


def finished_runs(now: datetime, past: Past) -> list[Run]:
    """Newest last. Verdict by verdict."""
    slow, broken, _ = experiments()
    day = timedelta(days=1)
    passed = _finished(2416, slow, now - timedelta(minutes=26), past)
    late = _finished(2411, slow, now - 3 * day, past)
    return [
        _aborted(2398, slow, now - 5 * day, past, "omar", "STOP ALL"),
        _inconclusive(2402, broken, now - 5 * day, past),
        _invalid(2406, broken, now - 4 * day, past),
        _failed(late),
        _guarded(_aborted(2413, slow, now - day, past, "portal", "a guardrail was breached")),
        passed,
    ]


def prediction_of(experiment: Experiment, at: datetime, past: Past) -> Prediction:
    return predict(experiment, past.slos, past.board, int(at.timestamp()))


def checks() -> tuple[FidelityCheck, ...]:
    return (
        FidelityCheck("latency: requests hit", 1, 1138, 1, 2301, "count", "in_band", 2301),
        FidelityCheck("latency: share of requests", 0.5, 0.4946, 0.47, 0.53, "ratio", "in_band", 2301),
        FidelityCheck("latency: added wait, median", 600, 604.2, 582, 618, "ms", "in_band", 1138),
    )


def readings() -> tuple[Reading, ...]:
    return (
        Reading(
            "payments-availability errors under 5 % over 10 s",
            Outcome.HOLDS,
            0.0012,
            0.05,
            "ratio",
            "",
            0.976,
        ),
        Reading(
            "payments takes over 5 requests/s over 10 s", Outcome.HOLDS, 39.8, 5.0, "per_second", "", 6.96
        ),
        Reading("checkout p99 under 2500 ms over 10 s", Outcome.HOLDS, 640.0, 2500.0, "ms", "", 0.744),
    )


def breached() -> tuple[Reading, ...]:
    first, second, third = readings()
    return (
        replace(first, outcome=Outcome.BREACHED, value=0.071, distance_ratio=-0.42),
        second,
        replace(
            third, outcome=Outcome.UNREADABLE, value=None, distance_ratio=None, reason="last counted 9 s ago"
        ),
    )


def receipts(at: datetime, run_id: int, *, missing: bool = False) -> tuple[Receipt, ...]:
    lease = f"{run_id}-0"
    status = LeaseStatus(
        lease, run_id, 569, at.timestamp() - 90, at.timestamp(), at.timestamp() + 0.02, "withdrawn"
    )
    first = Receipt(instance="payments-7c9f4-1", lease_id=lease, status=status, bounded_by=at)
    last = at + timedelta(seconds=4.8)
    second = Receipt(
        instance="payments-7c9f4-2",
        lease_id=lease,
        status=None if missing else status,
        bounded_by=last if missing else at,
    )
    return first, second


def _finished(run_id: int, experiment: Experiment, start: datetime, past: Past) -> Run:
    zero = start + timedelta(seconds=0.6)
    granted = start + timedelta(seconds=0.2)
    reverted = zero + timedelta(seconds=90.1)
    slo = experiment.spec.expectations[0]
    assert slo.type == "alert"
    return Run(
        id=run_id,
        revision=140,
        experiment=experiment,
        actor="ada",
        phase=Phase.DONE,
        marks=(
            *_marks(granted, (0, 0.1, 0.2, 1.3, 8.2, 90, 90.3, 118)),
            PhaseMark(phase=Phase.DONE, at=zero + timedelta(seconds=119)),
        ),
        created_at=start,
        prediction=prediction_of(experiment, board_time(past), past),
        granted_at=granted,
        effective_at=zero,
        counted_at=zero + timedelta(seconds=1.7),
        withdrawn_at=zero + timedelta(seconds=89.6),
        reverted_at=reverted,
        recovered_at=reverted + timedelta(seconds=11.2),
        ended_at=zero + timedelta(seconds=119),
        receipts=receipts(reverted, run_id),
        fidelity=checks(),
        guardrails=readings(),
        nearest=readings(),
        alerts=(
            AlertMark(
                slo=slo.slo,
                alert=slo.alert,
                pending_at=zero + timedelta(seconds=3.4),
                firing_at=zero + timedelta(seconds=33.4),
                resolved_at=reverted + timedelta(seconds=9.9),
            ),
        ),
        results=(
            ExpectationResult(
                label=f"{slo.alert} of {slo.slo} fires",
                outcome="met",
                predicted=Band(31.0, 35.0),
                observed_s=33.4,
                reason="error-rate fired 33.4 s after the first hit, in its predicted band 31-35 s",
            ),
            ExpectationResult(
                label="steady state is back within 60 s",
                outcome="met",
                predicted=Band(90.1, 150.1),
                observed_s=101.3,
                reason="the steady state was back 11.2 s after the revert",
            ),
        ),
        costs=((slo.slo, 0.00172),),
        verdict=Verdict.PASSED,
        reasons=(
            "Every expectation was met: error-rate fired 33.4 s after the first hit.",
            "Fidelity was in band.",
        ),
    )


def board_time(past: Past) -> datetime:
    """An instant for which the board holds seconds: predictions of old runs are made as if it were then."""
    last = max(past.board.sli(slo.name).last_at or 0 for slo in past.slos)
    return datetime.fromtimestamp(last - 120, UTC)


def _failed(run: Run) -> Run:
    zero = run.effective_at
    assert zero is not None
    mark = run.alerts[0].model_copy(update={"firing_at": zero + timedelta(seconds=61.2)})
    missed = run.results[0].model_copy(
        update={
            "outcome": "missed",
            "observed_s": 61.2,
            "reason": "fired 26.2 s after its predicted band 31-35 s",
        }
    )
    return run.model_copy(
        update={
            "alerts": (mark,),
            "results": (missed, *run.results[1:]),
            "verdict": Verdict.FAILED,
            "reasons": ("The alert came 26.2 s later than predicted.", "1 of 2 expectations was met."),
        }
    )


def _inconclusive(run_id: int, experiment: Experiment, start: datetime, past: Past) -> Run:
    run = _finished(run_id, experiment, start, past)
    unknown = run.results[0].model_copy(
        update={"outcome": "unknown", "observed_s": None, "reason": "was never judged"}
    )
    return run.model_copy(
        update={
            "results": (unknown, *run.results[1:]),
            "alerts": (),
            "receipts": receipts(run.reverted_at or start, run_id, missing=True),
            "verdict": Verdict.INCONCLUSIVE,
            "reasons": ("error-rate of catalogue-availability was never judged.",),
        }
    )


def _invalid(run_id: int, experiment: Experiment, start: datetime, past: Past) -> Run:
    run = _aborted(run_id, experiment, start, past, "portal", "the injection is out of band")
    out = replace(run.fidelity[1], measured=0.26, outcome="out_of_band")
    return run.model_copy(
        update={
            "abortion": Abortion(
                at=run.withdrawn_at or start,
                by="portal",
                reason="fidelity out of band",
                verdict=Verdict.INVALID,
            ),
            "fidelity": (run.fidelity[0], out, run.fidelity[2]),
            "verdict": Verdict.INVALID,
            "reasons": ("latency: share of requests was 26 %, and 50 % was asked for.",),
        }
    )


def _aborted(
    run_id: int,
    experiment: Experiment,
    start: datetime,
    past: Past,
    by: str,
    reason: str,
) -> Run:
    run = _finished(run_id, experiment, start, past)
    zero = run.effective_at
    assert zero is not None
    stopped = zero + timedelta(seconds=12.4)
    open_results = tuple(
        one.model_copy(update={"outcome": "open", "observed_s": None, "reason": ""}) for one in run.results
    )
    return run.model_copy(
        update={
            "marks": (
                *_marks(zero, (-0.6, -0.5, -0.4, 0.8, 7.8, 12.4)),
                PhaseMark(phase=Phase.JUDGE, at=stopped + timedelta(seconds=1.8)),
                PhaseMark(phase=Phase.DONE, at=stopped + timedelta(seconds=2)),
            ),
            "withdrawn_at": stopped,
            "reverted_at": stopped + timedelta(seconds=0.1),
            "recovered_at": None,
            "ended_at": stopped + timedelta(seconds=2),
            "receipts": receipts(stopped, run_id),
            "alerts": (),
            "results": open_results,
            "abortion": Abortion(at=stopped, by=by, reason=reason),
            "verdict": Verdict.ABORTED,
            "reasons": (f"Cut short by {by}: {reason}.",),
        }
    )


def _guarded(run: Run) -> Run:
    return run.model_copy(update={"guardrails": breached(), "nearest": breached()})


def _marks(zero: datetime, offsets: Sequence[float]) -> tuple[PhaseMark, ...]:
    phases = (*ORDER, Phase.JUDGE)
    return tuple(
        PhaseMark(phase=phase, at=zero + timedelta(seconds=at))
        for phase, at in zip(phases, offsets, strict=False)
    )


async def write_journals(journal: Journal, runs: Iterable[Run]) -> None:
    for run in runs:
        await write_journal(journal, run)


async def write_journal(journal: Journal, run: Run) -> None:
    """Every event of a run's time line, sealed."""
    for event in timeline(run).events:
        await journal.append(run.id, event.at, event.kind, event.text, {"offset_s": event.offset_s})

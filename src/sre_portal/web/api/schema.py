"""How runs look on the wire. Field names are those of the domain."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Self

from pydantic import BaseModel

from sre_portal.core.condition import Reading
from sre_portal.core.fidelity import FidelityCheck
from sre_portal.core.journal import JournalEntry
from sre_portal.core.prediction import Prediction
from sre_portal.core.run import Abortion, DrillMark, ExpectationResult, PhaseMark, Receipt, Run
from sre_portal.core.timeline import Timeline


class ProblemJson(BaseModel):
    path: str
    seen: str
    expected: str


class RunSummaryJson(BaseModel):
    id: int
    name: str
    title: str
    service: str
    actor: str
    phase: str
    live: bool
    verdict: str | None
    reasons: list[str]
    started_at: datetime
    ended_at: datetime | None
    url: str

    @classmethod
    def of(cls, run: Run) -> Self:
        return cls.model_validate(_summary(run))


class ExperimentJson(BaseModel):
    name: str
    title: str
    service: str
    last_run: RunSummaryJson | None
    document: dict[str, Any]


class RunJson(RunSummaryJson):
    timeline: Timeline
    phases: list[PhaseMark]
    prediction: Prediction | None
    steady_before: list[Reading]
    guardrails: list[Reading]
    nearest: list[Reading]
    fidelity: list[FidelityCheck]
    results: list[ExpectationResult]
    receipts: list[Receipt]
    drills: list[DrillMark]
    """One for each kill switch that it drills."""
    abortion: Abortion | None
    planned_burn: dict[str, float]
    """Per SLO the planned burn so far, as a share of its whole budget."""
    ends_at: datetime | None
    document: dict[str, Any]

    @classmethod
    def of(cls, run: Run, timeline: Timeline | None = None) -> Self:
        return cls.model_validate(
            _summary(run)
            | {
                "timeline": timeline,
                "phases": run.marks,
                "prediction": run.prediction,
                "steady_before": run.steady_before,
                "guardrails": run.guardrails,
                "nearest": run.nearest,
                "fidelity": run.fidelity,
                "results": run.results,
                "receipts": run.receipts,
                "drills": run.drills,
                "abortion": run.abortion,
                "planned_burn": dict(run.costs),
                "ends_at": run.ends_at,
                "document": run.experiment.model_dump(mode="json", by_alias=True),
            }
        )


class JournalJson(BaseModel):
    seq: int
    at: datetime
    kind: str
    text: str
    facts: dict[str, Any]
    previous: str
    hash: str

    @classmethod
    def of(cls, entry: JournalEntry) -> Self:
        return cls(
            seq=entry.seq,
            at=entry.at,
            kind=entry.kind,
            text=entry.text,
            facts=entry.facts,
            previous=entry.previous,
            hash=entry.hash,
        )


def _summary(run: Run) -> dict[str, object]:
    return {
        "id": run.id,
        "name": run.name,
        "title": run.experiment.title,
        "service": run.service,
        "actor": run.actor,
        "phase": run.phase.value,
        "live": run.live,
        "verdict": run.verdict.value if run.verdict else None,
        "reasons": run.reasons,
        "started_at": run.created_at,
        "ended_at": run.ended_at,
        "url": f"/runs/{run.id}",
    }

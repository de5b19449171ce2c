"""A run: one experiment, carried out once. The record that every phase adds to."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from sre_portal.contract.report import LeaseStatus
from sre_portal.core.condition import Reading
from sre_portal.core.experiment import Experiment
from sre_portal.core.fidelity import FidelityCheck
from sre_portal.core.prediction import Band, Prediction


class Phase(StrEnum):
    """The loop, in order. A run that is done keeps the phase `done`."""

    PREFLIGHT = "preflight"
    PREDICT = "predict"
    INJECT = "inject"
    FIDELITY = "fidelity"
    OBSERVE = "observe"
    REVERT = "revert"
    RECOVER = "recover"
    JUDGE = "judge"
    DONE = "done"


HARMFUL = frozenset({Phase.INJECT, Phase.FIDELITY, Phase.OBSERVE})
"""The phases in which leases are out."""


class Verdict(StrEnum):
    PASSED = "passed"
    FAILED = "failed"
    INCONCLUSIVE = "inconclusive"
    INVALID = "invalid"
    ABORTED = "aborted"


class Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class PhaseMark(Frozen):
    phase: Phase
    at: datetime


class Receipt(Frozen):
    """One instance's word that it has stopped. `status` of None: none came; the lease's end bounds it."""

    instance: str
    lease_id: str
    status: LeaseStatus | None
    bounded_by: datetime


class ExpectationResult(Frozen):
    """One expectation against what was seen. Offsets are seconds since the first hit."""

    label: str
    outcome: str
    """met, missed, open (not decided yet) or unknown (could not be seen)."""
    predicted: Band | None = None
    predicted_text: str = ""
    observed_s: float | None = None
    observed_text: str = ""
    reason: str = ""


class Told(Frozen):
    """What subscribers told of one version of a set: who has it in force, after so many milliseconds."""

    seen: tuple[tuple[str, float], ...] = ()
    """By name."""
    missing: tuple[str, ...] = ()
    """They report, and have not told of it."""
    gone: tuple[str, ...] = ()
    """They have not, and report no more."""

    @property
    def by_all(self) -> bool:
        return bool(self.seen) and not self.missing and not self.gone


class DrillEffect(Frozen):
    """Whose answers a drill changes, as far as it is known."""

    given_before: int = 0
    """Evaluations that had given its variant when it was flipped, since they are counted."""
    gave_before: bool = False
    """The flag gave the variant without the drill, a moment before it or to made-up people."""
    people: int = 0
    """So many were made up."""
    changed: int = 0
    """So many of them get the variant because of the drill alone."""
    given: int = 0
    """Evaluations that gave the variant since the flip."""

    @property
    def is_proven(self) -> bool:
        """Whether somebody's answer changed. One that the flag gives anyway proves nothing by itself."""
        return self.given > 0 and (not self.gave_before or self.changed > 0)


class DrillMark(Frozen):
    """What became of one kill switch that the run drills."""

    flag_set: str
    flag: str
    variant: str
    until: datetime
    """When the drill ends by the clock, whoever is there."""
    flipped_at: datetime | None = None
    set_version: int | None = None
    """The version of the set that the flip made."""
    subscribers: tuple[str, ...] = ()
    """Those that subscribed when the flip was made: each has to see it."""
    told: Told = Told()
    effect: DrillEffect | None = None
    """None where it was not looked at: then nobody knows."""
    restored_at: datetime | None = None
    """When it was known that the switch is flipped no more."""
    restored_version: int | None = None
    """The version of the set that ended the drill; None where nothing was left to be ended."""
    restored_how: str = ""
    told_restored: Told = Told()

    @property
    def name(self) -> str:
        """`shop/recommendations`."""
        return f"{self.flag_set}/{self.flag}"

    def ended_at(self, now: datetime) -> datetime | None:
        """When the switch was flipped no more: by a restoration, or by the clock. None while it may be."""
        if self.restored_at is not None:
            return min(self.restored_at, self.until)
        return self.until if now >= self.until else None


class AlertMark(Frozen):
    """What an alert of the run's SLOs did during it."""

    slo: str
    alert: str
    pending_at: datetime | None = None
    firing_at: datetime | None = None
    resolved_at: datetime | None = None


class Abortion(Frozen):
    """Why and by whom a run was cut short."""

    at: datetime
    by: str
    reason: str
    verdict: Verdict = Verdict.ABORTED
    """`invalid` where the fidelity gate did it."""


class Run(Frozen):
    id: int
    revision: int
    """Counts saves: a save names the revision it read, so that two drivers cannot both move a run."""
    experiment: Experiment
    actor: str
    phase: Phase
    marks: tuple[PhaseMark, ...]
    created_at: datetime
    prediction: Prediction | None = None
    steady_before: tuple[Reading, ...] = ()
    granted_at: datetime | None = None
    """When the leases went out; the fault ends by itself `duration` later."""
    effective_at: datetime | None = None
    """The first request that was hit, on the portal's clock."""
    counted_at: datetime | None = None
    """The first second with a planned bad request was stored."""
    withdrawn_at: datetime | None = None
    reverted_at: datetime | None = None
    """The last instance stopped: its receipt, or the end of its lease."""
    recovered_at: datetime | None = None
    ended_at: datetime | None = None
    abortion: Abortion | None = None
    receipts: tuple[Receipt, ...] = ()
    fidelity: tuple[FidelityCheck, ...] = ()
    guardrails: tuple[Reading, ...] = ()
    """The latest reading of each guardrail."""
    nearest: tuple[Reading, ...] = ()
    """For each guardrail the reading nearest to breach so far."""
    held: tuple[Reading, ...] = ()
    """For each `holds` expectation its worst reading while the fault was active."""
    alerts: tuple[AlertMark, ...] = ()
    drills: tuple[DrillMark, ...] = ()
    """One for each `flag` expectation, in their order."""
    results: tuple[ExpectationResult, ...] = ()
    costs: tuple[tuple[str, float], ...] = ()
    """Per SLO of the target: planned burn so far, as a share of the budget."""
    driven_at: datetime | None = None
    """The last time a driver looked at this run."""
    verdict: Verdict | None = None
    reasons: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.experiment.name

    @property
    def service(self) -> str:
        return self.experiment.spec.target.service

    @property
    def injects(self) -> bool:
        """Whether it has faults. A run without drills its kill switches alone: nothing is hit."""
        return bool(self.experiment.spec.faults)

    @property
    def zero_words(self) -> str:
        """What instants of the run are counted from."""
        return "the first hit" if self.injects else "the flip"

    @property
    def live(self) -> bool:
        return self.phase is not Phase.DONE

    @property
    def harmful(self) -> bool:
        return self.phase in HARMFUL

    @property
    def ends_at(self) -> datetime | None:
        """When the fault ends by itself."""
        return None if self.granted_at is None else self.granted_at + self.experiment.spec.duration

    @property
    def cut_short(self) -> bool:
        """Aborted, or found invalid: it reverts and is judged, and does not wait for a recovery."""
        return self.abortion is not None

    def entered(self, phase: Phase) -> datetime | None:
        return next((mark.at for mark in self.marks if mark.phase is phase), None)

    def since_effective(self, at: datetime | None) -> float | None:
        """Seconds from the first hit to an instant."""
        if at is None or self.effective_at is None:
            return None
        return (at - self.effective_at) / timedelta(seconds=1)

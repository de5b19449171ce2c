"""How planned changes and environments look on the wire of the API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, Field

from sre_portal.core.errors import Problem, raise_if
from sre_portal.core.flag_plan import FlagPlan, PlanState, TimedStep
from sre_portal.core.flag_step import (
    FlagStep,
    Put,
    Remove,
    Share,
    StepKind,
    Toggle,
    kind_of,
    step_fields,
)
from sre_portal.core.instant import instant_in
from sre_portal.operations.flag_environments import Comparison, FlagPlace, FlagPlaces, ServicePlaces
from sre_portal.operations.flag_foresight import Foreseen
from sre_portal.operations.flag_plans import who_may_approve
from sre_portal.web.api.flag_moves_schema import PercentNumber
from sre_portal.web.api.flag_schema import Body, ChangeBody, FlagJson

Version = Annotated[int | None, Field(ge=0, le=2**53)]


class StepBody(Body):
    """`not_before` is an instant in UTC: RFC 3339, a time of day, or `+2h` from now.

    Without one the step is made at once.
    """

    not_before: str = Field("", max_length=64)
    version: Version = None


class PutStep(StepBody):
    """`version` is the one that was seen, 0 for a new flag."""

    kind: Literal["put"]
    definition: dict[str, Any]

    def step(self) -> FlagStep:
        return Put(self.definition)


class RemoveStep(StepBody):
    kind: Literal["remove"]

    def step(self) -> FlagStep:
        return Remove()


class ToggleStep(StepBody):
    kind: Literal["toggle"]
    enabled: bool

    def step(self) -> FlagStep:
        return Toggle(self.enabled)


class ShareStep(StepBody):
    kind: Literal["share"]
    variant: str = Field(max_length=200)
    percent: PercentNumber

    def step(self) -> FlagStep:
        return Share(self.variant, self.percent)


AnyStep = Annotated[PutStep | RemoveStep | ToggleStep | ShareStep, Field(discriminator="kind")]


class PlansBody(Body):
    """Steps of one flag, in the order of their instants. All are planned, or none."""

    reason: str
    steps: list[AnyStep] = Field(min_length=1, max_length=50)

    def timed(self, now: datetime) -> list[TimedStep]:
        """Raises `InvalidInput` with every instant that is none."""
        wrong = list[Problem]()
        found = [
            TimedStep(
                one.step(), instant_in(one.not_before, f"steps.{row}.not_before", now, wrong), one.version
            )
            for row, one in enumerate(self.steps)
        ]
        raise_if(wrong)
        return found


class DecisionBody(Body):
    reason: str


class CopyBody(ChangeBody):
    """`to_environment` is empty for the portal's own; `version` is the one that was seen there.

    `with_rules` brings the shared rules along that the flag needs and that are not there.
    """

    to_environment: str = Field(max_length=80)
    with_rules: bool = False
    dry_run: bool = False


class FlagPlanJson(BaseModel):
    """A change that waits for a second person (`waiting`), for its instant (`scheduled`), or has ended."""

    id: int
    flag_set: str
    key: str
    """Empty for a file that is imported into the whole set."""
    kind: StepKind
    text: str
    """What it does, in words."""
    version: int | None
    """Of the flag, or set, that it was made from. It is made only where that is still so."""
    state: PlanState
    reason: str
    not_before: datetime | None
    proposed_at: datetime
    proposed_by: str
    decided_at: datetime | None
    decided_by: str
    decision: str
    ended_at: datetime | None
    outcome: str
    approver: str
    """Who may approve it; empty where it does not wait for anybody."""

    @classmethod
    def of(cls, plan: FlagPlan) -> Self:
        return cls(**_facts(plan))


class PlanDetailJson(FlagPlanJson):
    """One planned change with what it would do now. `step` is what it does, as it was proposed."""

    step: dict[str, Any]
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    added: list[str]
    changed: list[str]
    removed: list[str]
    shared: bool
    problem: str
    """Why it would end `failed` now; empty where it would not."""

    @classmethod
    def told(cls, plan: FlagPlan, foreseen: Foreseen) -> Self:
        difference = foreseen.difference
        return cls(
            **_facts(plan),
            step=step_fields(plan.step),
            before=_plain(foreseen.before),
            after=_plain(foreseen.after),
            added=[] if difference is None else list(difference.added),
            changed=[] if difference is None else list(difference.changed),
            removed=[] if difference is None else list(difference.removed),
            shared=difference is not None and difference.shared,
            problem=foreseen.problem,
        )


class PlaceJson(BaseModel):
    """A flag in one environment; `version` is 0 where it is not there."""

    flag_set: str
    environment: str
    version: int
    enabled: bool
    changed_at: datetime | None
    changed_by: str

    @classmethod
    def of(cls, place: FlagPlace) -> Self:
        row = place.row
        return cls(
            flag_set=place.flag_set,
            environment=place.environment,
            version=0 if row is None else row.version,
            enabled=place.is_on,
            changed_at=None if row is None else row.changed_at,
            changed_by="" if row is None else row.changed_by,
        )


class FlagPlacesJson(BaseModel):
    key: str
    differs: bool
    places: list[PlaceJson]

    @classmethod
    def of(cls, flag: FlagPlaces) -> Self:
        return cls(key=flag.key, differs=flag.differs, places=[PlaceJson.of(one) for one in flag.places])


class ServicePlacesJson(BaseModel):
    """The flags of a service in each environment, the portal's own, which has an empty name, first."""

    service: str
    environments: list[str]
    flags: list[FlagPlacesJson]

    @classmethod
    def of(cls, found: ServicePlaces) -> Self:
        return cls(
            service=found.service,
            environments=list(found.environments),
            flags=[FlagPlacesJson.of(one) for one in found.flags],
        )


class ComparisonJson(BaseModel):
    """A flag here and there; `differs` has the path of each part that is not the same.

    `missing_rules` are shared rules that it needs and that are not there.
    """

    here: FlagJson
    there: FlagJson | None
    there_set: str
    there_version: int
    differs: list[str]
    missing_rules: list[str]

    @classmethod
    def of(cls, found: Comparison, missing_rules: Iterable[str]) -> Self:
        here, there = found.here.row, found.there.row
        assert here is not None  # noqa: S101  # `compare` raises where it is not there
        return cls(
            here=FlagJson.of(here),
            there=None if there is None else FlagJson.of(there),
            there_set=found.there.flag_set,
            there_version=0 if there is None else there.version,
            differs=list(found.differs),
            missing_rules=list(missing_rules),
        )


def _facts(plan: FlagPlan) -> dict[str, Any]:
    return {
        "id": plan.id,
        "flag_set": plan.flag_set,
        "key": plan.key,
        "kind": kind_of(plan.step),
        "text": plan.words,
        "version": plan.seen,
        "state": plan.state,
        "reason": plan.reason,
        "not_before": plan.not_before,
        "proposed_at": plan.proposed_at,
        "proposed_by": plan.proposed.name,
        "decided_at": plan.decided_at,
        "decided_by": "" if plan.decided is None else plan.decided.name,
        "decision": plan.decision,
        "ended_at": plan.ended_at,
        "outcome": plan.outcome,
        "approver": who_may_approve(plan) if plan.state is PlanState.WAITING else "",
    }


def _plain(fields: Mapping[str, object] | None) -> dict[str, Any] | None:
    return None if fields is None else dict(fields)

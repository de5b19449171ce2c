"""The experiment document: what to break, for how long, what must hold, what is expected to react."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from sre_portal.contract.fault import Distribution
from sre_portal.core.condition import Condition
from sre_portal.core.document import API_VERSION, Document, Metadata, Name, Percent, Span


class ShareSpec(Document):
    """How much of the matching traffic is hit. Of `users`, the same users throughout a run."""

    percent: Percent = Decimal(100)
    of: Literal["requests", "users"] = "requests"
    key_header: str = "x-user-id"


class Target(Document):
    service: Name
    route: str | None = None
    methods: tuple[str, ...] = ()
    headers: dict[str, str] = Field(default_factory=dict)
    share: ShareSpec = ShareSpec()


class LatencyFault(Document):
    type: Literal["latency"]
    delay: Span
    distribution: Distribution = "fixed"
    spread: Span = timedelta(0)
    shape: Annotated[float, Field(gt=1, le=100)] = 3.0
    cap: Span = timedelta(seconds=60)


class ErrorFault(Document):
    """Either a status with a body, or an exception raised inside the service."""

    type: Literal["error"]
    status: Annotated[int, Field(ge=400, le=599)] = 503
    body: Annotated[str, Field(max_length=4096)] = "injected by SRE Portal\n"
    exception: bool = False


class AbortFault(Document):
    """The connection is closed without a response."""

    type: Literal["abort"]


FaultSpec = Annotated[LatencyFault | ErrorFault | AbortFault, Field(discriminator="type")]


class AlertExpectation(Document):
    """An embedded alert fires inside its predicted band (and resolves inside it), or stays silent.

    `between` replaces the prediction by the author's own band, in time since the first hit. It is needed
    where the SLO belongs to another service than the target: what a caller does with a broken dependency is
    not predicted.
    """

    type: Literal["alert"]
    slo: Name
    alert: str
    outcome: Literal["fires", "silent"] = "fires"
    between: tuple[Span, Span] | None = None


class HoldsExpectation(Document):
    """A condition holds all the time the fault is active."""

    type: Literal["holds"]
    condition: Condition


class RecoversExpectation(Document):
    """The steady state is back at most this long after the revert."""

    type: Literal["recovers"]
    within: Span


class Cohort(Document):
    """Who gets the variant of a drill: a share of targeting keys, always the same, or who has an attribute.

    Everybody where nothing is said. `equals` is compared as rules compare: the text 5 equals the number 5.
    """

    percent: Percent | None = None
    attribute: str | None = None
    equals: str | None = None


class FlagExpectation(Document):
    """A kill switch is flipped for a cohort while the run lasts, and every subscriber sees it in time.

    `flag_set` is the service of the target where none is named. `after`: so long after the first hit; without
    it the switch is flipped when the leases go out.
    """

    type: Literal["flag"]
    flag: str
    flag_set: Annotated[str | None, Field(alias="set")] = None
    variant: str
    cohort: Cohort = Cohort()
    seen_within: Span = timedelta(seconds=2)
    after: Span = timedelta(0)


Expectation = Annotated[
    AlertExpectation | HoldsExpectation | RecoversExpectation | FlagExpectation, Field(discriminator="type")
]


class ExperimentSpec(Document):
    target: Target
    faults: Annotated[tuple[FaultSpec, ...], Field(max_length=8)] = ()
    """Without one the run drills its kill switches alone."""
    duration: Span
    steady_state: tuple[Condition, ...] = ()
    guardrails: tuple[Condition, ...] = ()
    expectations: tuple[Expectation, ...] = ()
    budget_percent: Percent = Decimal(50)
    """Escrow: the run is refused if it may cost more of any SLO's error budget, and aborted when it has."""


class Experiment(Document):
    """`kind: Experiment`. One from `parse` is valid on its own; `lint.problems_of` asks the portal too."""

    api_version: Literal["sre-portal.dev/v1"] = API_VERSION
    kind: Literal["Experiment"] = "Experiment"
    metadata: Metadata
    spec: ExperimentSpec

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def title(self) -> str:
        return self.metadata.title or self.metadata.name

    @property
    def held_conditions(self) -> tuple[Condition, ...]:
        """The conditions of the `holds` expectations, in their order: read while the fault is active."""
        return tuple(one.condition for one in self.spec.expectations if isinstance(one, HoldsExpectation))

    @property
    def drills(self) -> tuple[FlagExpectation, ...]:
        """The `flag` expectations, in their order."""
        return tuple(one for one in self.spec.expectations if isinstance(one, FlagExpectation))

    def set_of(self, drill: FlagExpectation) -> str:
        """The set of flags that a drill is about."""
        return drill.flag_set or self.spec.target.service

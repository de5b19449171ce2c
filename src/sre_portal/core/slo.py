"""Service level objectives: the document, the counts, the budget."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from sre_portal.core.document import API_VERSION, Document, Metadata, Name, Percent, Span


class AvailabilitySli(Document):
    """Good: answered with a status below 500."""

    type: Literal["availability"]


class LatencySli(Document):
    """Good: answered with a status below 500 within the threshold."""

    type: Literal["latency"]
    threshold: Span


Sli = Annotated[AvailabilitySli | LatencySli, Field(discriminator="type")]


class ErrorRateAlert(Document):
    """The fast embedded alert: more than `above` percent bad over `over`, held for `for`."""

    above: Percent = Decimal(5)
    over: Span = timedelta(seconds=10)
    hold: Span = Field(default=timedelta(seconds=30), alias="for")


class SloSpec(Document):
    service: Name
    route: str | None = None
    methods: tuple[str, ...] = ()
    sli: Sli
    objective: Percent
    window: Span = timedelta(days=30)
    error_rate_alert: ErrorRateAlert = ErrorRateAlert()


class Slo(Document):
    """`kind: SLO`. Holding one is the proof that it is valid."""

    api_version: Literal["sre-portal.dev/v1"] = API_VERSION
    kind: Literal["SLO"] = "SLO"
    metadata: Metadata
    spec: SloSpec

    @property
    def name(self) -> str:
        return self.metadata.name

    @property
    def allowed_ratio(self) -> float:
        """The share of requests that may be bad: 1 - objective, 0.001 for 99.9 %."""
        return float((Decimal(100) - self.spec.objective) / 100)


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests in a stretch of time. `bad` includes `planned`; organic is the rest."""

    good: int = 0
    bad: int = 0
    planned: int = 0

    @property
    def total(self) -> int:
        return self.good + self.bad

    @property
    def organic(self) -> int:
        return self.bad - self.planned

    @property
    def bad_ratio(self) -> float | None:
        """Bad over total; None where nothing was counted."""
        return self.bad / self.total if self.total else None

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.good + other.good, self.bad + other.bad, self.planned + other.planned)

    def __sub__(self, other: Counts) -> Counts:
        return Counts(self.good - other.good, self.bad - other.bad, self.planned - other.planned)


@dataclass(frozen=True, slots=True)
class Budget:
    """Shares of the window's whole error budget, 0..1 and beyond. `left` may be negative.

    `covered` is how much of the window has been counted; a window that is not full yet is scaled up at the
    rate seen so far, so that a young service is not judged as if its first minute were a month.
    """

    left_ratio: float
    organic_ratio: float
    planned_ratio: float
    covered: timedelta
    seeded: bool = False
    """True where part of the window is generated sample history (`--seed-history`)."""

"""Service level objectives: the document, the counts, the budget."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Annotated, Literal, Protocol

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
    """The fast embedded alert: more than `above` percent bad over `over`, held for `for`.

    `over` is judged in whole seconds, which are kept for an hour.
    """

    above: Percent = Decimal(5)
    over: Annotated[Span, Field(ge=timedelta(seconds=1), le=timedelta(hours=1))] = timedelta(seconds=10)
    hold: Annotated[Span, Field(alias="for", le=timedelta(days=1))] = timedelta(seconds=30)


class SloSpec(Document):
    service: Name
    route: str | None = None
    methods: tuple[str, ...] = ()
    sli: Sli
    objective: Annotated[Percent, Field(lt=100)]
    """Below 100: a service that may never fail has no error budget, and every burn rate would be infinite."""
    window: Annotated[Span, Field(ge=timedelta(hours=1), le=timedelta(days=35))] = timedelta(days=30)
    """At most what is kept by the hour."""
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
        numerator, denominator = allowed_fraction(self.spec.objective)
        return numerator / denominator


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


class History(Protocol):
    """What the functions below ask of a `core.series.SliSeries`."""

    def counts(self, start: int, end: int) -> Counts: ...
    def seeded(self, start: int, end: int) -> bool: ...
    @property
    def first_at(self) -> int | None: ...


BURN_WINDOWS: tuple[tuple[int, int], ...] = ((300, 3600), (1800, 21600), (7200, 86400), (21600, 259200))
"""The short and the long window of each burn rate rule, in seconds."""


@lru_cache(maxsize=1024)
def allowed_fraction(objective: Decimal) -> tuple[int, int]:
    """The share of requests that may be bad, exactly: numerator and denominator of 1 - objective percent."""
    return ((100 - objective) / 100).as_integer_ratio()


def burn_rate(counts: Counts, slo: Slo) -> float | None:
    """How many times faster than allowed the budget burns: bad ratio over allowed ratio.

    Correctly rounded, so that 144 bad of 10,000 at 99.9 % are 14.4 and not 14.399999. None where nothing was
    counted. Source: The Site Reliability Workbook, chapter 5.
    """
    if not counts.total:
        return None
    numerator, denominator = allowed_fraction(slo.spec.objective)
    return (counts.bad * denominator) / (counts.total * numerator)


def burn_rates(series: History, slo: Slo, now: int) -> Mapping[int, float | None]:
    """The burn rate over each window of `BURN_WINDOWS` that ends at `now`, by its length in seconds."""
    return {
        seconds: burn_rate(series.counts(now - seconds, now), slo)
        for pair in BURN_WINDOWS
        for seconds in pair
    }


def budget(series: History, slo: Slo, now: int) -> Budget:
    """The error budget of the window that ends at `now` (seconds since the epoch)."""
    start, covered = _covered(series, slo, now)
    counts, size = series.counts(start, now), budget_size(series, slo, now)
    planned, organic = (_share(bad, size) for bad in (counts.planned, counts.organic))
    return Budget(
        left_ratio=1 - planned - organic,
        organic_ratio=organic,
        planned_ratio=planned,
        covered=timedelta(seconds=covered),
        seeded=series.seeded(start, now),
    )


def budget_size(series: History, slo: Slo, now: int) -> float:
    """The bad requests that use up the whole budget of the window that ends at `now`.

    total x allowed x window / covered: while the window is not full, the requests of the rest of it are taken
    to come at the rate seen so far. 0 where nothing was counted yet.
    """
    start, covered = _covered(series, slo, now)
    return size_of(series.counts(start, now).total, slo, covered) if covered else 0.0


def size_of(total: float, slo: Slo, covered: float) -> float:
    """The budget of a window of which `covered` seconds were counted and held `total` requests."""
    numerator, denominator = allowed_fraction(slo.spec.objective)
    return total * slo.spec.window.total_seconds() * numerator / (covered * denominator)


@dataclass(frozen=True, slots=True)
class BurnDownPoint:
    """The budget as it was used up from the start of the window to `at`, in shares of the whole budget."""

    at: int
    left_ratio: float
    planned_ratio: float
    organic_ratio: float
    seeded: bool = False
    """True where the step that ends here holds generated sample history."""


def burn_down(series: History, slo: Slo, now: int, step: int = 3600) -> tuple[BurnDownPoint, ...]:
    """A point each `step` seconds (whole hours) of the window that ends at `now`. The last is `budget`."""
    start, size = _covered(series, slo, now)[0], budget_size(series, slo, now)
    ends = [*range(start - start % step + step, now, step), now]
    points = []
    for before, at in zip([start, *ends], ends, strict=False):
        counts = series.counts(start, at)
        planned, organic = (_share(bad, size) for bad in (counts.planned, counts.organic))
        points.append(BurnDownPoint(at, 1 - planned - organic, planned, organic, series.seeded(before, at)))
    return tuple(points)


def _covered(series: History, slo: Slo, now: int) -> tuple[int, int]:
    """Where the counted part of the window starts, and how many seconds it has."""
    earliest = now - int(slo.spec.window.total_seconds())
    start = min(now, max(earliest, earliest if series.first_at is None else series.first_at))
    return start, 0 if series.first_at is None else now - start


def _share(bad: int, size: float) -> float:
    return bad / size if size else 0.0

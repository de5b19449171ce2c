"""What a run will do, said before it starts: when each alert turns, and what it costs.

All offsets are seconds since the first request was hit (`effective_at`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Band:
    """From the earliest to the latest second, both included."""

    earliest_s: float
    latest_s: float

    def holds(self, offset_s: float) -> bool:
        return self.earliest_s <= offset_s <= self.latest_s

    @property
    def width_s(self) -> float:
        return self.latest_s - self.earliest_s


@dataclass(frozen=True, slots=True)
class AlertPrediction:
    """`fires`: it will; `silent`: it will not; `uncertain`: the forecast allows both, and `reason` says why.

    `already`: it was pending or firing before the start, so this run can prove nothing about it.
    """

    slo: str
    alert: str
    outcome: Literal["fires", "silent", "uncertain", "already"]
    pending: Band | None = None
    firing: Band | None = None
    resolved: Band | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class BudgetCost:
    """The share of an SLO's whole error budget that the run will burn, 0..1 and beyond."""

    slo: str
    low_ratio: float
    high_ratio: float
    left_ratio: float
    """Left before the start."""


@dataclass(frozen=True, slots=True)
class CorridorPoint:
    offset_s: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Corridor:
    """Where a chart's line will run. `burn` is the burn rate over `over_seconds`; `p99` is in milliseconds."""

    kind: Literal["burn", "p99"]
    subject: str
    """The SLO (burn) or the service (p99)."""
    over_seconds: int
    points: tuple[CorridorPoint, ...]


@dataclass(frozen=True, slots=True)
class Prediction:
    """Sealed in the journal before anything is injected."""

    alerts: tuple[AlertPrediction, ...]
    costs: tuple[BudgetCost, ...]
    corridors: tuple[Corridor, ...]
    effective: Band
    counted: Band
    reverted: Band
    p99_before_ms: float | None
    p99_during_ms: tuple[float, float] | None
    requests_per_second: float
    """The forecast of requests that match the target, from the last two minutes."""
    assumptions: tuple[str, ...]

    def alert(self, slo: str, alert: str) -> AlertPrediction | None:
        return next((one for one in self.alerts if (one.slo, one.alert) == (slo, alert)), None)

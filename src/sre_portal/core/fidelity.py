"""Did the injection do what was asked? Out of band means the run proves nothing: verdict `invalid`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class InjectionTotals:
    """All an experiment's lease did so far, summed over instances. Histograms: bucket -> count, nanoseconds."""

    lease_id: str
    matched: int
    hits: int
    cut: int
    delay: dict[int, int]
    overshoot: dict[int, int]
    treated: dict[int, int]
    untreated: dict[int, int]


@dataclass(frozen=True, slots=True)
class FidelityCheck:
    """One measured figure against what was asked. `too_few` is neither: not enough requests yet to tell."""

    label: str
    requested: float
    measured: float | None
    low: float
    high: float
    unit: Literal["ms", "ratio", "count"]
    outcome: Literal["in_band", "out_of_band", "too_few"]
    samples: int

"""An interval in which something will happen."""

from __future__ import annotations

from dataclasses import dataclass


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

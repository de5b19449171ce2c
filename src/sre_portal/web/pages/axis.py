"""Time across a chart. Long quiet stretches are cut short, so that hops seconds apart stay readable."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

LINEAR_SECONDS = 200
"""A stretch up to this long is drawn without cuts."""
QUIET_SECONDS = 60
"""Only a stretch this long without a hop is cut."""
MARGIN_SECONDS = 15
"""Kept whole on both sides of a hop."""
DRAWN_SECONDS = 12
"""How wide a cut is drawn."""

STEPS = (
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
    21600,
    43200,
    86400,
    5 * 86400,
    10 * 86400,
)


@dataclass(frozen=True, slots=True)
class Cut:
    """A quiet stretch, drawn as if it took `DRAWN_SECONDS`."""

    start: float
    end: float

    @property
    def saved(self) -> float:
        return self.end - self.start - DRAWN_SECONDS


@dataclass(frozen=True, slots=True)
class Axis:
    """From `start` to `end` seconds; `cuts` in order, apart from each other."""

    start: float
    end: float
    cuts: tuple[Cut, ...] = ()

    @property
    def length(self) -> float:
        """Seconds as drawn."""
        return max(self.end - self.start - sum(cut.saved for cut in self.cuts), 1e-9)

    def place(self, at: float) -> float:
        """Where an instant is, 0..1 from the left edge; instants outside are put on the edge."""
        at = min(max(at, self.start), self.end)
        drawn = at - self.start
        for cut in self.cuts:
            if at >= cut.end:
                drawn -= cut.saved
            elif at > cut.start:
                drawn -= (at - cut.start) * cut.saved / (cut.end - cut.start)
        return drawn / self.length

    def holds(self, at: float) -> bool:
        return self.start <= at <= self.end

    @property
    def knots(self) -> tuple[tuple[float, float], ...]:
        """(per mille of the width, second) where the axis bends: both ends, and both ends of every cut."""
        bends = [self.start, *(edge for cut in self.cuts for edge in (cut.start, cut.end)), self.end]
        return tuple((round(self.place(at) * 1000, 2), round(at, 2)) for at in bends)

    def cuts_out(self, at: float) -> bool:
        return any(cut.start < at < cut.end for cut in self.cuts)


def cut_axis(start: float, end: float, hops: Iterable[float]) -> Axis:
    """An axis that keeps every hop with its margin whole."""
    if end - start <= LINEAR_SECONDS:
        return Axis(start, end)
    known = [start, *sorted(hop for hop in hops if start < hop < end), end]
    cuts = [
        Cut(before + MARGIN_SECONDS, after - MARGIN_SECONDS)
        for before, after in pairwise(known)
        if after - before > QUIET_SECONDS + 2 * MARGIN_SECONDS
    ]
    return Axis(start, end, tuple(cuts))


def ticks(axis: Axis, most: int = 8) -> Sequence[float]:
    """Round instants for labels: at most `most`, none inside a cut."""
    step = next((step for step in STEPS if axis.length / step <= most), STEPS[-1])
    first = -(-axis.start // step) * step
    found = [first + index * step for index in range(int((axis.end - first) // step) + 1)]
    kept: list[float] = []
    for at in found:
        crowded = kept and axis.place(at) - axis.place(kept[-1]) < 0.6 / most
        if not axis.cuts_out(at) and not crowded:
            kept.append(at)
    return kept

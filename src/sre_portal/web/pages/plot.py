"""Small charts as SVG, drawn here and printed by `plot.html`: text never scales, lines never blur.

A plot is stretched over its box by a nested viewBox of 1000 x 100; labels sit outside it at percentages.
So one picture fits every width without script and without a style attribute.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

Points = Sequence[tuple[float, float | None]]
"""(place 0..1, value); a value of None leaves a gap."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """One path inside the viewBox. `kind` is its class: measured, second, third, corridor, area-left..."""

    kind: str
    d: str


@dataclass(frozen=True, slots=True)
class Stretch:
    """A band over the whole height: faulted, reverted, future, cut."""

    kind: str
    x: str
    width: str
    edge: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    x: str
    y: str
    text: str
    kind: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A dashed line across: an objective or a guardrail, named on the line."""

    y: str
    label: str
    label_x: str
    label_y: str


@dataclass(frozen=True, slots=True)
class Flag:
    """A lettered event: its line, and its letter, which may stand aside."""

    x: str
    letter_x: str
    letter: str


@dataclass(frozen=True, slots=True)
class Plot:
    """A chart ready to print. Heights are pixels, `x` are percentages."""

    title: str
    height: int
    top: int
    inner: int
    strokes: tuple[Stroke, ...] = ()
    stretches: tuple[Stretch, ...] = ()
    grid: tuple[str, ...] = ()
    scale: tuple[Label, ...] = ()
    rules: tuple[Rule, ...] = ()
    ticks: tuple[Label, ...] = ()
    flags: tuple[Flag, ...] = ()
    now: str = ""

    @property
    def bottom(self) -> int:
        return self.top + self.inner


@dataclass(frozen=True, slots=True)
class Scale:
    """Values up a plot: `low` at the bottom and `high` at the top of a box of `inner` pixels."""

    high: float
    top: int
    inner: int
    low: float = 0.0

    def ratio(self, value: float) -> float:
        """0 at the bottom, 1 at the top, never outside."""
        return min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)

    def pixel(self, value: float) -> str:
        return f"{self.top + self.inner * (1 - self.ratio(value)):.1f}"


def place(ratio: float) -> str:
    """A percentage of the width."""
    return f"{min(max(ratio, 0.0), 1.0) * 100:.2f}%"


def line(kind: str, points: Points, scale: Scale) -> Stroke:
    """A line with gaps; a point alone is drawn as a dash."""
    parts: list[str] = []
    pen = "M"
    for x, value in points:
        if value is None:
            pen = "M"
            continue
        parts.append(f"{pen}{x * 1000:.0f} {100 - scale.ratio(value) * 100:.1f}")
        if pen == "M":
            parts.append("h1")
        pen = "L"
    return Stroke(kind, "".join(parts))


def area(kind: str, upper: Points, lower: Points, scale: Scale) -> Stroke:
    """The surface between two lines without gaps."""
    if not upper:
        return Stroke(kind, "")
    there = (f"{x * 1000:.0f} {100 - scale.ratio(value or 0) * 100:.1f}" for x, value in upper)
    back = (f"{x * 1000:.0f} {100 - scale.ratio(value or 0) * 100:.1f}" for x, value in reversed(lower))
    return Stroke(kind, f"M{'L'.join(there)}L{'L'.join(back)}Z")


def stretch(kind: str, start: float, end: float, *, edge: bool = False, least: float = 0.0) -> Stretch:
    """A band from one place to another, at least `least` wide."""
    wide = max(end - start, least)
    left = min(max(start - (wide - (end - start)) / 2, 0.0), 1.0)
    return Stretch(kind, place(left), place(min(wide, 1.0 - left)), edge)


def nice_step(high: float, lines: int = 2) -> float:
    """A round distance between grid lines, so that about `lines` fit under `high`."""
    raw = max(high, 1e-9) / (lines + 0.5)
    power = 10.0 ** math.floor(math.log10(raw))
    return next((step * power for step in (1, 2, 2.5, 5) if step * power >= raw), 10 * power)


def grid_of(scale: Scale, unit: Callable[[float], str]) -> tuple[tuple[str, ...], tuple[Label, ...]]:
    """The y of each grid line, and its label in the gutter at the left."""
    step = nice_step(scale.high - scale.low)
    count = int((scale.high - scale.low) / step + 1e-9)
    values = [scale.low + step * index for index in range(1, count + 1)]
    labels = (Label("-8", f"{float(scale.pixel(value)) + 4:.1f}", unit(value), "end") for value in values)
    return tuple(scale.pixel(value) for value in values), tuple(labels)


def headroom(values: Iterable[float | None], least: float) -> float:
    """The top of a scale: a fifth above the highest value, and never below `least`."""
    return max(max((value for value in values if value is not None), default=0.0) * 1.2, least)


def cursor_series(start: float, step: float, values: Sequence[float | None], unit: str, scale: Scale) -> str:
    """The values behind a line, for the time cursor of the browser."""
    facts = {"start": start, "step": step, "unit": unit, "values": values}
    box = {"top": scale.top, "inner": scale.inner, "high": scale.high}
    return json.dumps(facts | box, separators=(",", ":"))

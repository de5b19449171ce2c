"""One stretch of time that several charts share: the axis, the bands, the lettered events."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sre_portal.web.pages.axis import Axis, ticks
from sre_portal.web.pages.figures import from_epoch
from sre_portal.web.pages.plot import (
    Flag,
    Label,
    Plot,
    Points,
    Rule,
    Scale,
    Stretch,
    Stroke,
    cursor_series,
    grid_of,
    line,
    place,
)

TOP, INNER, HEIGHT = 22, 122, 164

Samples = Sequence[tuple[float, float | None]]
"""(instant in seconds since the epoch, value)."""


@dataclass(frozen=True, slots=True)
class Window:
    """What every chart of a page shares."""

    axis: Axis
    step: int
    stretches: tuple[Stretch, ...]
    flags: tuple[Flag, ...]

    @property
    def knots(self) -> str:
        return json.dumps(self.axis.knots)

    def points(self, samples: Samples) -> Points:
        """Samples at instants, placed; a hole of more than two steps is a gap."""
        placed: list[tuple[float, float | None]] = []
        before: float | None = None
        for at, value in samples:
            if before is not None and at - before > 2 * self.step:
                placed.append((self.axis.place(at), None))
            placed.append((self.axis.place(at), value))
            before = at
        return placed

    def series(self, samples: Samples, unit: str, scale: Scale) -> str:
        """The same for the cursor: evenly spaced, null where there is nothing."""
        start = samples[0][0] if samples else self.axis.start
        known = {round((at - start) / self.step): value for at, value in samples}
        found = (known.get(index) for index in range(max(known, default=-1) + 1))
        values = [None if value is None else round(value, 3) for value in found]
        return cursor_series(start, self.step, values, unit, scale)


def drawn(
    title: str,
    window: Window,
    scale: Scale,
    unit: Callable[[float], str],
    lines: Sequence[tuple[str, Samples]],
    rules: tuple[Rule, ...] = (),
) -> Plot:
    """The frame that the golden charts share: grid, gutter, events, bands and clock."""
    grid, labels = grid_of(scale, unit)
    strokes: tuple[Stroke, ...] = tuple(line(kind, window.points(samples), scale) for kind, samples in lines)
    return Plot(
        title=title,
        height=HEIGHT,
        top=TOP,
        inner=INNER,
        strokes=strokes,
        stretches=window.stretches,
        grid=grid,
        scale=labels,
        rules=rules,
        ticks=clock_labels(window.axis),
        flags=window.flags,
    )


def clock_labels(axis: Axis) -> tuple[Label, ...]:
    """Round times of day under a chart, none at its very edges."""
    return tuple(
        Label(place(axis.place(at)), str(HEIGHT - 4), from_epoch(at).strftime("%H:%M"), "mid")
        for at in ticks(axis, 6)
        if 0.06 < axis.place(at) < 0.94
    )

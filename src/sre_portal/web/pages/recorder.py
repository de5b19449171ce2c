"""The flight recorder: charts and hops of one run on one time axis, each hop against its prediction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from sre_portal.core.prediction import Corridor, CorridorPoint
from sre_portal.core.run import Run
from sre_portal.web.pages.axis import Axis, cut_axis, ticks
from sre_portal.web.pages.figures import TIMES, Figure, Moment, count, factor, offset, span
from sre_portal.web.pages.flight import Flight, Track
from sre_portal.web.pages.lane import LaneRow, Placed, lane_row, placed_lanes
from sre_portal.web.pages.plot import (
    Label,
    Plot,
    Rule,
    Scale,
    Stretch,
    Stroke,
    area,
    cursor_series,
    grid_of,
    headroom,
    line,
    place,
    stretch,
)

BEFORE_SECONDS = 15
"""Shown before the first hit, so that the reader sees what normal was."""
AFTER_SECONDS = 10
LANE_HEIGHT, NAMED_LANE_HEIGHT = 32, 44


@dataclass(frozen=True, slots=True)
class ChartRow:
    name: str
    value: Figure
    source: str
    remark: str
    plot: Plot
    series: str


@dataclass(frozen=True, slots=True)
class Recorder:
    zero: Moment | None
    since: str
    """What the axis counts from: the first hit, or the flip."""
    knots: str
    ticks: tuple[Label, ...]
    now: str
    stretches: tuple[Stretch, ...]
    charts: tuple[ChartRow, ...]
    lanes: tuple[LaneRow, ...]
    lane_height: int
    subject: str
    """Whose hops they are, where it is one alert."""
    harm: str
    """What was active: a fault, or a drill."""
    active: bool
    cut_words: str

    @classmethod
    def of(cls, flight: Flight) -> Recorder:
        run = flight.run
        placed = placed_lanes(run)
        axis = axis_of(flight, placed)
        now = place(axis.place(flight.now_s)) if run.live and flight.now_s is not None else ""
        stretches = (*_cuts(axis), *_faults(run, axis, flight.now_s), *_future(run, axis, flight.now_s))
        shared = Shared(axis, stretches, now)
        subjects = sorted({one.lane.subject for one in placed if one.lane.subject})
        return cls(
            zero=flight.zero,
            since=run.zero_words,
            knots=json.dumps(axis.knots),
            ticks=tick_labels(axis, flight.now_s if run.live else None),
            now=now,
            stretches=stretches,
            charts=tuple(chart_row(track, shared) for track in flight.tracks),
            lanes=tuple(
                lane_row(one, axis, flight.now_s, named=len(subjects) > 1, run=run) for one in placed
            ),
            lane_height=LANE_HEIGHT if len(subjects) < 2 else NAMED_LANE_HEIGHT,
            subject=subjects[0] if len(subjects) == 1 else "",
            harm="fault" if run.injects else "drill",
            active=run.effective_at is not None and run.reverted_at is None,
            cut_words=cut_words(axis),
        )


@dataclass(frozen=True, slots=True)
class Shared:
    """What every row of the recorder has in common."""

    axis: Axis
    stretches: tuple[Stretch, ...]
    now: str


def axis_of(flight: Flight, placed: Sequence[Placed]) -> Axis:
    """From a little before the first hit to a little after the last hop that was seen or is expected."""
    seen = [one.seen_s for one in placed if one.seen_s is not None]
    expected = [edge for one in placed if one.window for edge in one.window]
    now = [flight.now_s] if flight.run.live and flight.now_s is not None else []
    back = flight.run.since_effective(flight.run.recovered_at)
    last = max([*seen, *expected, *now, back or 0.0, 30.0])
    return cut_axis(-BEFORE_SECONDS, last + AFTER_SECONDS, [0.0, *seen, *expected, *now])


def chart_row(track: Track, shared: Shared) -> ChartRow:
    """A measured line over its predicted corridor."""
    highs = [point.high for point in track.corridor.points] if track.corridor else []
    scale = Scale(
        headroom([*(value for _, value in track.samples), *highs, track.limit], track.least), 0, track.height
    )
    grid, labels = grid_of(scale, factor if track.unit == TIMES else count)
    points = [(shared.axis.place(at), value) for at, value in track.samples]
    strokes = [line("measured", points, scale)]
    if track.corridor:
        strokes.insert(0, corridor_stroke(track.corridor, shared.axis, scale))
    y = scale.pixel(track.limit) if track.limit else ""
    plot = Plot(
        title=f"{track.name} against the prediction",
        height=track.height,
        top=0,
        inner=track.height,
        strokes=tuple(strokes),
        stretches=shared.stretches,
        grid=grid,
        scale=tuple(Label("0", f"{float(one.y) - 4:.1f}", one.text) for one in labels),
        rules=_rules(y, track, shared.axis),
        now=shared.now,
    )
    values = [None if value is None else round(value, 2) for _, value in track.samples]
    start = track.samples[0][0] if track.samples else 0.0
    series = cursor_series(start, track.step, values, track.unit, scale)
    return ChartRow(track.name, track.value, track.source, track.remark, plot, series)


def corridor_stroke(corridor: Corridor, axis: Axis, scale: Scale) -> Stroke:
    """The corridor from edge to edge of the axis, cut off where it ends."""
    points = corridor.points
    inside = [(one.offset_s, one.low, one.high) for one in points if axis.holds(one.offset_s)]
    edges = [
        (at, *between(points, at))
        for at in (axis.start, axis.end)
        if points[0].offset_s < at < points[-1].offset_s
    ]
    shown = sorted([*inside, *edges])
    upper = [(axis.place(at), high) for at, _, high in shown]
    lower = [(axis.place(at), low) for at, low, _ in shown]
    return area("corridor", upper, lower, scale)


def between(points: Sequence[CorridorPoint], at: float) -> tuple[float, float]:
    """Low and high of a corridor at an instant inside it."""
    after = next(index for index, point in enumerate(points) if point.offset_s >= at)
    one, other = points[max(after - 1, 0)], points[after]
    share = (at - one.offset_s) / ((other.offset_s - one.offset_s) or 1.0)
    return one.low + share * (other.low - one.low), one.high + share * (other.high - one.high)


def tick_labels(axis: Axis, now_s: float | None) -> tuple[Label, ...]:
    """Offsets along the top; "now" in bold takes the place of its neighbours."""
    labels = [
        Label(place(axis.place(at)), "16", offset(at), "mid minor" if index % 2 else "mid")
        for index, at in enumerate(ticks(axis, 9))
        if now_s is None or abs(axis.place(at) - axis.place(now_s)) > 0.05
    ]
    if now_s is not None:
        labels.append(Label(place(axis.place(now_s)), "16", "now", "mid now-label"))
    return tuple(labels)


def cut_words(axis: Axis) -> str:
    if not axis.cuts:
        return ""
    hidden = sum(cut.end - cut.start for cut in axis.cuts)
    return f"{span(hidden)} without a hop drawn short"


def _rules(y: str, track: Track, axis: Axis) -> tuple[Rule, ...]:
    if not y:
        return ()
    return (Rule(y, track.limit_name, place(axis.place(0.0) + 0.008), f"{float(y) - 5:.1f}"),)


def _cuts(axis: Axis) -> tuple[Stretch, ...]:
    return tuple(stretch("cut", axis.place(cut.start), axis.place(cut.end), edge=True) for cut in axis.cuts)


def _faults(run: Run, axis: Axis, now_s: float | None) -> tuple[Stretch, ...]:
    if run.effective_at is None:
        return ()
    reverted = run.since_effective(run.reverted_at)
    end = reverted if reverted is not None else (now_s or 0.0)
    kind = "faulted" if reverted is None else "reverted"
    return (stretch(kind, axis.place(0.0), axis.place(end), edge=True),)


def _future(run: Run, axis: Axis, now_s: float | None) -> tuple[Stretch, ...]:
    if not run.live or now_s is None:
        return ()
    return (stretch("future", axis.place(now_s), 1.0),)

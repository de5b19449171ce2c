"""The hops of a run as the recorder draws them: a lane each, in the order in which they should come."""

from __future__ import annotations

from dataclasses import dataclass

from sre_portal.core.run import Run
from sre_portal.core.timeline import Lane, timeline
from sre_portal.web.pages.axis import Axis
from sre_portal.web.pages.figures import band, exact, fine_offset, offset
from sre_portal.web.pages.pill import Pill, pill
from sre_portal.web.pages.plot import Stretch, place, stretch
from sre_portal.web.pages.proof import compared

LEAST_WIDTH = 0.006
"""A predicted window is drawn at least this wide."""


@dataclass(frozen=True, slots=True)
class LaneRow:
    name: str
    sub: str
    title: str
    observed: str
    observed_exact: str
    predicted: str
    pill: Pill
    window: Stretch | None
    seen: str
    """Where the diamond is, empty where nothing was seen."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A hop on the axis of the recorder: seconds since the first hit, also for the first hit itself."""

    lane: Lane
    window: tuple[float, float] | None
    seen_s: float | None


def placed_lanes(run: Run) -> tuple[Placed, ...]:
    """The wait for the first hit is told since the leases went out; it is drawn where it was."""
    found = []
    for lane in timeline(run).lanes:
        shift = (lane.observed_s or 0.0) if lane.hop == "effective" else 0.0
        window = (
            (lane.predicted.earliest_s - shift, lane.predicted.latest_s - shift) if lane.predicted else None
        )
        seen = None if lane.observed_s is None else lane.observed_s - shift
        found.append(Placed(lane, window, seen))
    return tuple(sorted(found, key=_order))


def lane_row(one: Placed, axis: Axis, now_s: float | None, *, named: bool, run: Run) -> LaneRow:
    """`named`: more than one alert is drawn, so each lane says whose hop it is."""
    lane = one.lane
    predicted, observed = band(lane.predicted), fine_offset(lane.observed_s)
    said = f"observed {observed}" if lane.observed_s is not None else "not observed"
    window = None
    if one.window:
        start, end = (axis.place(at) for at in one.window)
        window = stretch("window", start, end, least=LEAST_WIDTH)
    return LaneRow(
        name=lane.hop,
        sub=lane.subject if named else "",
        title=f"{lane.hop} {lane.subject}: predicted {predicted}, {said}",
        observed=observed,
        observed_exact=exact(lane.observed_at) if lane.observed_at else "",
        predicted=predicted,
        pill=state_of(lane, now_s, live=run.live, cut_short=run.cut_short),
        window=window,
        seen=place(axis.place(one.seen_s)) if one.seen_s is not None else "",
    )


def state_of(lane: Lane, now_s: float | None, *, live: bool, cut_short: bool) -> Pill:
    """How a hop stands, in a word: a run that was cut short misses hops without a fault of theirs."""
    match lane.word:
        case "in band":
            return pill("ok", "in band")
        case "early" | "late":
            said = compared(lane.observed_s or 0.0, lane.predicted)
            return pill("off" if cut_short and lane.hop == "reverted" else "failed", said)
        case "due":
            return _due(lane, now_s or 0.0)
        case "overdue":
            late = (now_s or 0.0) - lane.predicted.latest_s if lane.predicted else 0.0
            return pill("failed", f"{offset(max(late, 1))} overdue", "clock")
        case "never":
            return pill("off" if cut_short else "failed", "not seen")
        case "not predicted":
            return pill("off", "seen" if lane.observed_s is not None else "later" if live else "not seen")


def next_lane(run: Run) -> Lane | None:
    """The earliest hop that was predicted and has not been seen."""
    waiting = [one.lane for one in placed_lanes(run) if one.lane.predicted and one.lane.observed_s is None]
    return waiting[0] if waiting else None


def _due(lane: Lane, now_s: float) -> Pill:
    wait = lane.predicted.earliest_s - now_s if lane.predicted else 0.0
    return pill("off", f"due in {offset(wait)}") if wait > 0 else pill("planned", "due now", "clock")


def _order(one: Placed) -> float:
    if one.window:
        return one.window[0]
    return one.seen_s if one.seen_s is not None else float("inf")

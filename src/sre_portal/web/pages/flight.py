"""What a run page knows of its run: the record, the time since the first hit, and the measured lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sre_portal.contract.histogram import merge, quantile_ms
from sre_portal.core.alert import BURN_RATE_RULES, ERROR_RATE
from sre_portal.core.prediction import Corridor
from sre_portal.core.run import Run
from sre_portal.core.signal import Signal
from sre_portal.core.slo import Slo, burn_rate
from sre_portal.operations.board import judged_second
from sre_portal.operations.ports import Ports
from sre_portal.web.pages.figures import (
    NO_DATA,
    TIMES,
    Figure,
    Moment,
    decimal,
    factor,
    instant,
    milliseconds,
    offset,
    span,
)
from sre_portal.web.pages.recent import memo_of

Samples = Sequence[tuple[float, float | None]]
"""(seconds since the first hit, value)."""

MOST_SAMPLES = 300
SECONDS_IN_MEMORY = 350
SECONDS_STORED = 3500
MINUTES_STORED = 3 * 86400 - 3600
BEFORE_SECONDS = 15
STORED_EVERY_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Track:
    """One measured line, its corridor and its limit."""

    name: str
    unit: str
    samples: Samples
    step: float
    corridor: Corridor | None
    limit: float | None
    limit_name: str
    value: Figure
    source: str
    remark: str
    height: int
    least: float


@dataclass(frozen=True, slots=True)
class Flight:
    run: Run
    now: datetime
    now_s: float | None
    """Seconds since the first hit, or since the leases went out where nothing was hit yet."""
    zero: Moment | None
    duration_s: float
    tracks: tuple[Track, ...]


async def flight_of(ports: Ports, run: Run) -> Flight:
    """Reads what the drawing needs."""
    now = ports.clock.now()
    zero = run.effective_at or run.granted_at or run.created_at
    view = view_of(run, zero, now)
    tracks = [burn_track(ports, run, view), await p99_track(ports, run, view)]
    return Flight(
        run=run,
        now=now,
        now_s=(now - zero) / timedelta(seconds=1),
        zero=instant(run.effective_at) if run.effective_at else None,
        duration_s=run.experiment.spec.duration / timedelta(seconds=1),
        tracks=tuple(track for track in tracks if track is not None),
    )


@dataclass(frozen=True, slots=True)
class View:
    """The instants a line is drawn at, and how finely they are still known: seconds, minutes or hours."""

    zero: float
    instants: range
    known_by: int

    def since_zero(self, samples: Iterable[tuple[float, float | None]]) -> list[tuple[float, float | None]]:
        return [(at - self.zero, value) for at, value in samples]


def view_of(run: Run, zero: datetime, now: datetime) -> View:
    """Seconds are kept for an hour, minutes for three days; what is older has only its hours left."""
    judged = judged_second(now)
    start = int(zero.timestamp()) - BEFORE_SECONDS
    end = min(judged, int(((run.ended_at or now) + timedelta(seconds=15)).timestamp()))
    age = judged - start
    if age <= SECONDS_STORED:
        return View(zero.timestamp(), range(start + 1, end + 1, max(1, -(-(end - start) // MOST_SAMPLES))), 1)
    return View(
        zero.timestamp(), range(start // 60 * 60, end + 61, 60), 60 if age <= MINUTES_STORED else 3600
    )


def burn_track(ports: Ports, run: Run, view: View) -> Track | None:
    """The burn rate of the SLO that matters most to this run, over the window of its corridor."""
    slo = shown_slo(ports, run)
    if slo is None:
        return None
    corridor = corridor_of(run, "burn", slo.name)
    over = corridor.over_seconds if corridor else 300
    series = ports.board.sli(slo.name)
    instants = view.instants if view.known_by < 3600 else range(0)
    samples = view.since_zero((at, burn_rate(series.counts(at - over, at), slo)) for at in instants)
    limit, name = limit_of(slo, over)
    last = newest(samples) if run.live else peak(samples)
    return Track(
        name=f"Burn rate {span(over)}",
        unit=TIMES,
        samples=samples,
        step=instants.step,
        corridor=corridor,
        limit=limit,
        limit_name=name,
        value=NO_DATA if last is None else Figure(decimal(last, 1), TIMES, f"{last:.4f}"),
        source=f"{'' if run.live else 'peak, '}{slo.name}{'' if view.known_by == 1 else ', by minute'}",
        remark=remark_of(samples, corridor) if samples else "Of that time only whole hours are kept.",
        height=112,
        least=2.0,
    )


async def p99_track(ports: Ports, run: Run, view: View) -> Track | None:
    corridor = corridor_of(run, "p99", run.service)
    over = corridor.over_seconds if corridor else 10
    found = await p99_samples(ports, run, view, over)
    samples = view.since_zero(found)
    last = newest(samples) if run.live else peak(samples)
    return Track(
        name="p99 latency",
        unit="ms",
        samples=samples,
        step=view.instants.step,
        corridor=corridor,
        limit=None,
        limit_name="",
        value=milliseconds(last),
        source=f"{'' if run.live else 'peak, '}agents, {span(over if view.known_by == 1 else 60)}",
        remark=remark_of(samples, corridor),
        height=80,
        least=10.0,
    )


async def p99_samples(ports: Ports, run: Run, view: View, over: int) -> Sequence[tuple[float, float | None]]:
    """The p99 of the seconds before each instant: from memory, or the store's seconds or minutes."""
    instants, first = view.instants, view.instants.start - over
    if view.known_by > 1:
        found = await ports.reports.signal_minutes([run.service], instants.start - 60, instants.stop)
        return [(one.at + 60, quantile_ms(one.latency, 0.99)) for one in found.get(run.service, ())]
    if first >= judged_second(ports.clock.now()) - SECONDS_IN_MEMORY:
        board = ports.board.service(run.service)
        return [(at, quantile_ms(board.over(at - over, at).latency, 0.99)) for at in instants]

    async def read() -> Sequence[tuple[float, float | None]]:
        found = await ports.reports.signals([run.service], first, instants.stop)
        stored = {one.at: one for one in found.get(run.service, ())}
        return [(at, _p99([stored[one] for one in range(at - over, at) if one in stored])) for at in instants]

    # A long run is drawn four times a second; its hundreds of old seconds are read again only now and then.
    turn = instants.stop // STORED_EVERY_SECONDS
    return await memo_of(ports).once_read(("p99", run.id), turn, read)


def _p99(signals: Sequence[Signal]) -> float | None:
    return quantile_ms(merge(one.latency for one in signals), 0.99)


def shown_slo(ports: Ports, run: Run) -> Slo | None:
    """The SLO of the first alert that is predicted to fire, else the one that costs most."""
    slos = {slo.name: slo for slo in ports.catalogue.slos()}
    prediction = run.prediction
    named = [one.slo for one in (prediction.alerts if prediction else ()) if one.outcome == "fires"]
    costly = sorted(prediction.costs if prediction else (), key=lambda cost: cost.high_ratio, reverse=True)
    own = [slo.name for slo in slos.values() if slo.spec.service == run.service]
    return next((slos[name] for name in [*named, *(cost.slo for cost in costly), *own] if name in slos), None)


def corridor_of(run: Run, kind: str, subject: str) -> Corridor | None:
    found = [one for one in (run.prediction.corridors if run.prediction else ()) if one.kind == kind]
    return next((one for one in found if one.subject == subject and one.points), None)


def limit_of(slo: Slo, over: int) -> tuple[float | None, str]:
    """The line that the burn rate over this window has to cross for an alert."""
    fast = slo.spec.error_rate_alert
    if over == round(fast.over / timedelta(seconds=1)):
        limit = float(fast.above) / 100 / slo.allowed_ratio
        return limit, f"{ERROR_RATE} at {factor(round(limit, 1))}"
    rule = next((rule for rule in BURN_RATE_RULES if over in (rule.short_seconds, rule.long_seconds)), None)
    return (rule.factor, f"{rule.name} at {factor(rule.factor)}") if rule else (None, "")


def remark_of(samples: Samples, corridor: Corridor | None) -> str:
    """How the line ran against its corridor, in one sentence."""
    if corridor is None:
        return "No corridor was predicted."
    judged = [(at, _side(at, value, corridor)) for at, value in samples if at >= 0 and value is not None]
    judged = [(at, side) for at, side in judged if side]
    if not judged:
        return "The prediction begins with the first hit."
    outside = [(at, side) for at, side in judged if side != "inside"]
    if not outside:
        return "Inside the predicted corridor."
    share = 100 * (len(judged) - len(outside)) // len(judged)
    at, side = outside[-1]
    return f"Inside the predicted corridor {share} % of the time; {side} it last at {offset(at)}."


def newest(samples: Samples) -> float | None:
    return next((value for _, value in reversed(samples) if value is not None), None)


def peak(samples: Samples) -> float | None:
    return max((value for at, value in samples if at >= 0 and value is not None), default=None)


def _side(at: float, value: float, corridor: Corridor) -> str:
    """`inside`, `above` or `below`; empty outside the corridor's stretch."""
    points = corridor.points
    if not points[0].offset_s <= at <= points[-1].offset_s:
        return ""
    after = next(index for index, point in enumerate(points) if point.offset_s >= at)
    one, other = points[max(after - 1, 0)], points[after]
    low, high = min(one.low, other.low), max(one.high, other.high)
    return "below" if value < low else "above" if value > high else "inside"

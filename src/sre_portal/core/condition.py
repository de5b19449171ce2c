"""Conditions that must hold: the steady state before and after, the guardrails during a run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from sre_portal.contract.histogram import quantile_ms
from sre_portal.core.board import Board
from sre_portal.core.document import Document, Name, Percent, Span, dump_duration
from sre_portal.core.series import SignalSeries, SliSeries
from sre_portal.core.slo import Slo

_UNIT = re.compile(r"(\d+)([a-z]+)")
_UNIT_NAMES = {"m": "min"}

STALE_SECONDS = 3
"""Older than this, what was counted last says nothing about now."""

AHEAD_SECONDS = 2
"""Further ahead than this, the clock was set back: what was counted before it was says nothing either."""

SignalWindow = Annotated[Span, Field(ge=timedelta(seconds=1), le=timedelta(minutes=5))]
"""Signals of services are kept by the second for five minutes."""

CountsWindow = Annotated[Span, Field(ge=timedelta(seconds=1), le=timedelta(hours=1))]
"""Counts of SLOs are kept by the second for an hour."""


class ErrorsBelow(Document):
    """Less than `below` percent of an SLO's requests were bad over `over`."""

    type: Literal["errors"]
    slo: Name
    below: Percent
    over: CountsWindow = timedelta(seconds=10)


class LatencyBelow(Document):
    """The quantile (percent, 99 for p99) of a service's request duration over `over` is below `below`."""

    type: Literal["latency"]
    service: Name
    quantile: Percent
    below: Span
    over: SignalWindow = timedelta(seconds=10)


class TrafficAbove(Document):
    """A service takes more than `above` requests a second over `over`."""

    type: Literal["traffic"]
    service: Name
    above: Annotated[float, Field(ge=0, le=1e9)]
    over: SignalWindow = timedelta(seconds=10)


Condition = Annotated[ErrorsBelow | LatencyBelow | TrafficAbove, Field(discriminator="type")]


class Outcome(StrEnum):
    HOLDS = "holds"
    BREACHED = "breached"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Reading:
    """A condition judged at one instant.

    `value` and `limit` are in the condition's own unit: a ratio (errors), milliseconds (latency) or requests
    a second (traffic).
    """

    label: str
    outcome: Outcome
    value: float | None
    limit: float
    unit: Literal["ratio", "ms", "per_second"]
    reason: str = ""
    distance_ratio: float | None = None
    """How far from breach, as a share of the limit: 0 at it, negative beyond, None where unreadable."""


def judge(condition: Condition, board: Board, slos: Mapping[str, Slo], now: int) -> Reading:
    """Judges a condition by what was counted before the second `now`. `slos` are by name.

    Unreadable, with the reason, where the SLO is unknown, where the newest count is more than
    `STALE_SECONDS` old, and where nothing was counted in the window. No traffic at all is a reading of 0.
    """
    match condition:
        case ErrorsBelow():
            return _errors(condition, board, slos, now)
        case LatencyBelow():
            return _latency(condition, board, now)
        case TrafficAbove():
            return _traffic(condition, board, now)


def label_of(condition: Condition) -> str:
    """A condition as a short sentence: `shop-availability errors under 5 % over 10 s`."""
    over = _span(condition.over)
    match condition:
        case ErrorsBelow(slo=slo, below=below):
            return f"{slo} errors under {float(below):g} % over {over}"
        case LatencyBelow(service=service, quantile=quantile, below=limit):
            return f"{service} p{float(quantile):g} under {_span(limit)} over {over}"
        case TrafficAbove(service=service, above=above):
            return f"{service} takes over {above:g} requests/s over {over}"


def _errors(condition: ErrorsBelow, board: Board, slos: Mapping[str, Slo], now: int) -> Reading:
    limit = float(condition.below / 100)
    slo = slos.get(condition.slo)
    if slo is None:
        return _unreadable(condition, limit, "ratio", f"no SLO {condition.slo!r}")
    series = board.slis.get(slo.name, SliSeries())
    service = board.services.get(slo.spec.service, SignalSeries())
    # A quiet SLO counts nothing for seconds on end; its service still tells that somebody is counting.
    newest = max((at for at in (series.last_at, service.last_at) if at is not None), default=None)
    if stale := _stale(newest, now):
        return _unreadable(condition, limit, "ratio", stale)
    ratio = series.counts(now - _seconds(condition.over), now).bad_ratio
    if ratio is None:
        return _unreadable(condition, limit, "ratio", _empty(condition))
    return _below(condition, ratio, limit, "ratio")


def _latency(condition: LatencyBelow, board: Board, now: int) -> Reading:
    limit = condition.below / timedelta(milliseconds=1)
    series = board.services.get(condition.service, SignalSeries())
    if stale := _stale(series.last_at, now):
        return _unreadable(condition, limit, "ms", stale)
    latency = series.over(now - _seconds(condition.over), now).latency
    value = quantile_ms(latency, float(condition.quantile / 100))
    if value is None:
        return _unreadable(condition, limit, "ms", _empty(condition))
    return _below(condition, value, limit, "ms")


def _traffic(condition: TrafficAbove, board: Board, now: int) -> Reading:
    limit, seconds = condition.above, _seconds(condition.over)
    series = board.services.get(condition.service, SignalSeries())
    if stale := _stale(series.last_at, now):
        return _unreadable(condition, limit, "per_second", stale)
    value = series.over(now - seconds, now).requests / seconds
    outcome = Outcome.HOLDS if value > limit else Outcome.BREACHED
    distance = _distance(value - limit, limit)
    return Reading(label_of(condition), outcome, value, limit, "per_second", distance_ratio=distance)


def _below(
    condition: ErrorsBelow | LatencyBelow, value: float, limit: float, unit: Literal["ratio", "ms"]
) -> Reading:
    outcome = Outcome.HOLDS if value < limit else Outcome.BREACHED
    return Reading(
        label_of(condition), outcome, value, limit, unit, distance_ratio=_distance(limit - value, limit)
    )


def _unreadable(
    condition: Condition, limit: float, unit: Literal["ratio", "ms", "per_second"], reason: str
) -> Reading:
    return Reading(label_of(condition), Outcome.UNREADABLE, None, limit, unit, reason)


def _distance(away: float, limit: float) -> float:
    """A limit of 0 has no shares: 1 on its good side, 0 at it, -1 beyond."""
    return away / limit if limit else float((away > 0) - (away < 0))


def _stale(newest: int | None, now: int) -> str:
    """Why what was counted last says nothing about now; empty where it does."""
    if newest is None:
        return "nothing counted yet"
    age = now - (newest + 1)
    if age < -AHEAD_SECONDS:
        return f"the newest count is {-age} s ahead of the clock"
    return f"the newest count is {age} s old" if age > STALE_SECONDS else ""


def _empty(condition: Condition) -> str:
    return f"no request in the last {_span(condition.over)}"


def _seconds(span: timedelta) -> int:
    return -(-span // timedelta(seconds=1))


def _span(span: timedelta) -> str:
    """`10 s`, `5 min`, `800 ms`."""
    text = dump_duration(span)
    return _UNIT.sub(lambda part: f"{part[1]} {_UNIT_NAMES.get(part[2], part[2])} ", text).strip()

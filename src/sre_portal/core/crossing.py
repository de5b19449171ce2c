"""When an alert rule's condition turns, at one extreme of what will have been counted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil

from sre_portal.core.alert import (
    GAP_SECONDS,
    Alert,
    AlertRule,
    AlertState,
    BurnRateRule,
    condition_holds,
    evaluate,
)
from sre_portal.core.continuation import Continuation
from sre_portal.core.slo import Slo

EXACT_SECONDS = 0.02
"""A crossing is found to this."""

# Of the shortest window: a window's figure moves by no more than a few percent between two looks.
_LOOKS = 20
_SHORTEST_STEP = 0.5
_SOME_DAY = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Stretch:
    """The condition holds from `on` to `off`, in seconds from the first hit.

    `off` None is past everything that was looked at.
    """

    on: float
    off: float | None


@dataclass(frozen=True, slots=True)
class Look:
    """What an extreme says about a rule."""

    stretches: tuple[Stretch, ...]
    peak: float
    """The highest figure the rule was judged by."""
    before: bool = False
    """Whether the condition holds already at the first hit, without the fault."""


@dataclass(frozen=True, slots=True)
class Episode:
    """When an evaluator that judges every second finds an alert pending and firing."""

    pending: float
    firing: float | None


def look(rule: AlertRule, slo: Slo, continuation: Continuation) -> Look:
    """All stretches in which the condition holds, until it can hold no more for this run."""
    course = continuation.course
    delay = max((flow.delay for flow in course.flows), default=0.0)
    stretches: list[Stretch] = []
    before, on, peak = 0.0, 0.0, 0.0
    held = at_first = _judge(rule, slo, continuation, 0.0)[0]
    for at in looks_at(rule, course.end, delay):
        holds, value = _judge(rule, slo, continuation, at)
        peak = max(peak, value or 0.0)
        if holds and not held:
            on = _turn(rule, slo, continuation, before, at)
        if held and not holds:
            stretches.append(Stretch(on, _turn(rule, slo, continuation, before, at)))
        before, held = at, holds
        if not holds and at > course.end + 1:
            break
    return Look((*stretches, *([Stretch(on, None)] if held else [])), peak, before=at_first)


def looks_at(rule: AlertRule, end: float, delay: float) -> Iterator[float]:
    """The instants to look at: while windows fill with the fault, and while the short one empties of it.

    In between every window lies within the fault and shows the same.
    """
    short, long = windows_of(rule)
    step = max(_SHORTEST_STEP, short / _LOOKS)
    filled = min(long + delay + 1, end)
    for part, last in ((0.0, filled), (end, end + short + delay + 5)):
        yield from (part + index * step for index in range(ceil((last - part) / step)))
        yield last


def windows_of(rule: AlertRule) -> tuple[int, int]:
    """The shortest and the longest window of a rule, in seconds."""
    if isinstance(rule, BurnRateRule):
        return rule.short_seconds, rule.long_seconds
    return rule.over_seconds, rule.over_seconds


def episode(rule: AlertRule, stretch: Stretch, first_tick: float) -> Episode:
    """Runs the state machine of live alerts through a stretch, in ticks of a second from `first_tick` on.

    Nothing changes between the ticks it skips, and a pause of `GAP_SECONDS` counts as held.
    """
    alert = Alert("", "", rule)
    tick = 0
    while True:
        at = first_tick + tick
        holds = stretch.off is None or at < stretch.off
        alert, _ = evaluate(alert, holds, 0.0, tick, _SOME_DAY)
        if alert.state is not AlertState.PENDING:
            return Episode(first_tick, at if alert.state is AlertState.FIRING else None)
        tick = min(tick + GAP_SECONDS, rule.hold_seconds)


def _judge(rule: AlertRule, slo: Slo, continuation: Continuation, at: float) -> tuple[bool, float | None]:
    return condition_holds(rule, slo, lambda start, end: continuation.counts(at + start, at + end), 0)


def _turn(rule: AlertRule, slo: Slo, continuation: Continuation, before: float, after: float) -> float:
    """The instant between two looks at which the condition turns, by bisection."""
    held = _judge(rule, slo, continuation, before)[0]
    while after - before > EXACT_SECONDS:
        middle = (before + after) / 2
        if _judge(rule, slo, continuation, middle)[0] == held:
            before = middle
        else:
            after = middle
    # The side that widens the band: most bad turns on early and off late, fewest the other way round.
    return before if continuation.most != held else after

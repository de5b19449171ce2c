"""Open-loop arrivals: each at its own instant, whatever became of the one before."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

JITTER_RATIO = 0.1
"""An arrival is early or late by at most this share of the gap between two."""

STALL_SECONDS = 1.0
"""Arrivals missed for longer than this (a laptop that slept) are not made up for in a burst."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Where the pacer gets time from: a clock that only moves forward, and a way to wait."""

    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]


async def pace(rate: float, arrive: Callable[[], None], timing: Timing, draw: Random) -> None:
    """Calls `arrive` `rate` times a second, without end. `arrive` must not wait."""
    gap = 1 / rate
    start, number = timing.now(), 0
    while True:
        due = start + (number + draw.uniform(-JITTER_RATIO, JITTER_RATIO)) * gap
        late = timing.now() - due
        if late < 0:
            await timing.sleep(-late)
        elif late > STALL_SECONDS:
            start, number = timing.now(), 0
        arrive()
        number += 1

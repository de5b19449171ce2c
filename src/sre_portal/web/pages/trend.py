"""The time to the first alert over the last runs of an experiment, as dots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sre_portal.core.run import Run
from sre_portal.web.pages.figures import offset
from sre_portal.web.pages.plot import place
from sre_portal.web.pages.proof import detection_of

SHOWN = 8
HEIGHT = 28


@dataclass(frozen=True, slots=True)
class Dot:
    x: str
    y: str


@dataclass(frozen=True, slots=True)
class Trend:
    title: str
    dots: tuple[Dot, ...]


def trend_of(runs: Sequence[Run]) -> Trend:
    """Oldest at the left. A run that no alert noticed leaves its place empty."""
    shown = [detection_of(run).seconds for run in runs if not run.live][:SHOWN][::-1]
    known = [one for one in shown if one is not None]
    if not known:
        return Trend("no alert was timed yet", ())
    high = max(known) * 1.25 or 1.0
    dots = tuple(
        Dot(place((index + 0.5) / SHOWN), f"{HEIGHT - HEIGHT * one / high:.1f}")
        for index, one in enumerate(shown)
        if one is not None
    )
    return Trend("time to the first alert, oldest first: " + ", ".join(offset(one) for one in known), dots)

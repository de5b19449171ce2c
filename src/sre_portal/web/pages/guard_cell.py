"""A guardrail: what is read, where it aborts the run, and how far that is."""

from __future__ import annotations

from dataclasses import dataclass

from sre_portal.core.condition import Outcome, Reading
from sre_portal.core.run import Run
from sre_portal.web.pages.figures import Figure, milliseconds, percent, rate
from sre_portal.web.pages.pill import Pill, pill


@dataclass(frozen=True, slots=True)
class GuardCell:
    label: str
    pill: Pill
    tone: str
    value: Figure
    sub: str
    meter: str
    title: str


def guard_cells(run: Run) -> tuple[GuardCell, ...]:
    """The latest readings while faults may be out; afterwards the ones that came nearest to breach."""
    shown = run.guardrails if run.harmful or not run.nearest else run.nearest
    return tuple(_cell(reading, nearest=not run.harmful) for reading in shown)


def figure_of(reading: Reading, value: float | None) -> Figure:
    match reading.unit:
        case "ratio":
            return percent(value)
        case "ms":
            return milliseconds(value)
        case "per_second":
            return rate(value)


def _cell(reading: Reading, *, nearest: bool) -> GuardCell:
    filled = 1.0 if reading.distance_ratio is None else 1.0 - reading.distance_ratio
    return GuardCell(
        label=reading.label,
        pill=_pill(reading),
        tone="" if reading.outcome is Outcome.HOLDS else "harm",
        value=figure_of(reading, reading.value),
        sub=_sub(reading, nearest=nearest),
        meter=f"{min(max(filled, 0.0), 1.0) * 100:.1f}%" if reading.outcome is not Outcome.UNREADABLE else "",
        title=f"{reading.label}: {reading.outcome.value}, {_sub(reading, nearest=nearest)}",
    )


def _sub(reading: Reading, *, nearest: bool) -> str:
    limit = figure_of(reading, reading.limit)
    if reading.outcome is Outcome.UNREADABLE:
        return reading.reason or "could not be read"
    if reading.outcome is Outcome.BREACHED:
        return f"beyond the limit of {limit}"
    return f"{'at its nearest, ' if nearest else ''}aborts at {limit}{_away(reading)}"


def _away(reading: Reading) -> str:
    if reading.distance_ratio is None:
        return ""
    if reading.distance_ratio > 1:
        return f", {1 + reading.distance_ratio:.0f} times that now"
    return f", {percent(reading.distance_ratio, 0)} away"


def _pill(reading: Reading) -> Pill:
    match reading.outcome:
        case Outcome.HOLDS:
            return pill("ok", "holds")
        case Outcome.BREACHED:
            return pill("harm", "breached")
        case Outcome.UNREADABLE:
            return pill("stale", "unreadable", "question")

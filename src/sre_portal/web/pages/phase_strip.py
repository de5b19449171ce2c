"""Where a run is in the loop."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sre_portal.core.run import HARMFUL, Phase, Run
from sre_portal.web.pages.figures import clock, span

LOOP = tuple(phase for phase in Phase if phase is not Phase.DONE)


@dataclass(frozen=True, slots=True)
class PhaseCell:
    name: str
    state: str
    """done, now, later or skipped."""
    icon: str
    sub: str
    harm: bool


ICONS = {"done": "check", "now": "now", "later": "circle", "skipped": "slash"}


def phase_cells(run: Run, now: datetime) -> tuple[PhaseCell, ...]:
    return tuple(_cell(run, phase, now) for phase in LOOP)


def _cell(run: Run, phase: Phase, now: datetime) -> PhaseCell:
    state = state_of(run, phase)
    sub = ""
    entered = run.entered(phase)
    if state == "now":
        sub = span(now - entered) if entered else ""
    elif state == "done" and entered:
        sub = clock(entered)
    elif state == "later":
        sub = _later(run, phase)
    elif state == "skipped":
        sub = "skipped"
    return PhaseCell(phase.value.capitalize(), state, ICONS[state], sub, harm=phase in HARMFUL)


def state_of(run: Run, phase: Phase) -> str:
    """A phase that a later one has overtaken without being entered was skipped."""
    if phase is run.phase:
        return "now"
    if run.entered(phase) is not None:
        return "done"
    overtaken = not run.live or LOOP.index(phase) < LOOP.index(run.phase)
    return "skipped" if overtaken else "later"


def _later(run: Run, phase: Phase) -> str:
    if phase is Phase.REVERT and run.ends_at is not None:
        return f"by {clock(run.ends_at)}"
    return "verdict" if phase is Phase.JUDGE else ""

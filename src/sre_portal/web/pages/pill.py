"""States as people see them: a shape, a word, and only then a colour."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sre_portal.core.alert import AlertState
from sre_portal.core.run import Phase, Run, Verdict

ICONS: Mapping[str, str] = {
    "harm": "octagon",
    "risk": "triangle",
    "failed": "cross",
    "ok": "check",
    "planned": "diamond",
    "live": "disc",
    "stale": "ring",
    "off": "circle",
}


@dataclass(frozen=True, slots=True)
class Pill:
    """`kind` chooses the colour, `icon` the shape."""

    kind: str
    word: str
    icon: str


def pill(kind: str, word: str, icon: str = "") -> Pill:
    return Pill(kind, word, icon or ICONS[kind])


VERDICTS: Mapping[Verdict, Pill] = {
    Verdict.PASSED: pill("ok", "Passed"),
    Verdict.FAILED: pill("failed", "Failed"),
    Verdict.INCONCLUSIVE: pill("stale", "Inconclusive", "question"),
    Verdict.INVALID: pill("off", "Invalid", "slash"),
    Verdict.ABORTED: pill("off", "Aborted", "stopped"),
}

OUTCOMES: Mapping[str, Pill] = {
    "met": pill("ok", "met"),
    "missed": pill("failed", "missed"),
    "open": pill("off", "open"),
    "unknown": pill("stale", "unknown", "question"),
}

ALERTS: Mapping[AlertState, Pill] = {
    AlertState.INACTIVE: pill("off", "quiet"),
    AlertState.PENDING: pill("risk", "pending", "clock"),
    AlertState.FIRING: pill("risk", "firing"),
    AlertState.RESOLVED: pill("ok", "resolved"),
}

WAITING: Mapping[Phase, str] = {
    Phase.PREFLIGHT: "Starting",
    Phase.PREDICT: "Starting",
    Phase.REVERT: "Reverting",
    Phase.RECOVER: "Recovering",
    Phase.JUDGE: "Judging",
}


def run_pill(run: Run) -> Pill:
    """Where a run is, or its verdict."""
    if run.verdict is not None:
        return VERDICTS[run.verdict]
    if not run.live:
        return pill("off", "Not started", "slash")
    if run.harmful:
        return pill("harm", "Fault active" if run.injects else "Switch flipped")
    if run.phase is Phase.REVERT and run.abortion is not None:
        return pill("harm", "Stopping")
    return pill("planned", WAITING.get(run.phase, "Ending"), "now")

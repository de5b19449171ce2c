"""Whether a kill switch was drilled lately enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sre_portal.core.flag_guard import is_kill_switch
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_said import DRILL_EVERY_DAYS, days_said

DrillWord = Literal["drilled", "due", "never"]
USUAL_DAYS = 30


@dataclass(frozen=True, slots=True)
class DrillStanding:
    """`drilled`: lately enough. `due`: not any more. `never`: no drill of it has ever passed."""

    word: DrillWord
    every: timedelta
    passed_at: datetime | None = None
    run_id: int | None = None

    @property
    def due_at(self) -> datetime | None:
        """When the next drill is due, or was. None where there never was one: it is due now."""
        return None if self.passed_at is None else self.passed_at + self.every

    @property
    def is_due(self) -> bool:
        return self.word != "drilled"


def standing(
    metadata: Mapping[str, object], last: tuple[int, datetime] | None, now: datetime
) -> DrillStanding | None:
    """How a flag of which this is said stands; None for one that is no kill switch.

    `last` is the last drill that passed: the run, and when its certificate was issued.
    """
    if not is_kill_switch(metadata):
        return None
    every = timedelta(days=days_said(metadata, DRILL_EVERY_DAYS, USUAL_DAYS))
    if last is None:
        return DrillStanding("never", every)
    run_id, passed_at = last
    word: DrillWord = "drilled" if now < passed_at + every else "due"
    return DrillStanding(word, every, passed_at, run_id)


def standings(
    kept: KeptSet, passed: Mapping[str, tuple[int, datetime]], now: datetime
) -> dict[str, DrillStanding]:
    """How each kill switch of a set stands. `passed` has by its key the last drill that passed."""
    found = {}
    for row in kept.live_rows():
        one = standing(kept.metadata_of(row.key), passed.get(row.key), now)
        if one is not None:
            found[row.key] = one
    return found

"""Whether a kill switch was drilled lately enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sre_portal.core.flag_guard import is_kill_switch

DRILL_EVERY_DAYS = "drillEveryDays"
"""Metadata of a flag, or of its set for all: so long a passed drill of a kill switch counts."""
USUAL_DAYS = 30
MOST_DAYS = 3660

Fields = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class DrillStanding:
    """`drilled`: lately enough. `due`: not any more. `never`: no drill of it has ever passed."""

    word: Literal["drilled", "due", "never"]
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
    fields: Fields | None, shared: Fields, last: tuple[int, datetime] | None, now: datetime
) -> DrillStanding | None:
    """How a flag stands; None for one that is no kill switch.

    `fields` is its definition and `shared` what its set shares, as in a document. `last` is the last drill
    that passed: the run, and when its certificate was issued.
    """
    if fields is None or not is_kill_switch(fields, shared):
        return None
    every = timedelta(days=_days(fields, shared))
    if last is None:
        return DrillStanding("never", every)
    run_id, passed_at = last
    word: Literal["drilled", "due"] = "drilled" if now < passed_at + every else "due"
    return DrillStanding(word, every, passed_at, run_id)


def _days(fields: Fields, shared: Fields) -> float:
    for told in (fields, shared):
        metadata = told.get("metadata")
        days = metadata.get(DRILL_EVERY_DAYS) if isinstance(metadata, Mapping) else None
        if isinstance(days, int | float) and not isinstance(days, bool) and 0 < days <= MOST_DAYS:
            return days
    return USUAL_DAYS

"""An instance of a service, as its agent last told it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

LIVE = timedelta(seconds=15)
"""An instance that said nothing for longer than this has gone."""

AHEAD = timedelta(seconds=1)
"""One that was heard of later than this from now was heard before the clock was set back."""


@dataclass(frozen=True, slots=True)
class Instance:
    service: str
    instance: str
    version: str
    started_at: datetime
    seen_at: datetime
    clock_offset_ms: float | None
    clock_error_ms: float | None
    memory_bytes: int
    dropped_seconds: int
    misfires: int
    routes: tuple[str, ...]
    last_seq: int

    def is_live(self, now: datetime) -> bool:
        """Whether it has reported lately."""
        return -AHEAD <= now - self.seen_at <= LIVE

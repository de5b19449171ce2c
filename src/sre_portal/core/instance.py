"""An instance of a service, as its agent last told it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


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

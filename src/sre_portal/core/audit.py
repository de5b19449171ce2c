"""The audit log: who did what, to what, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

AuditOutcome = Literal["intended", "done", "denied", "refused", "failed"]


@dataclass(frozen=True, slots=True)
class AuditEvent:
    """`action` is spelled `noun:verb`. The intent is written before the act; the outcome is added after."""

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    outcome: AuditOutcome
    address: str = ""
    detail: str = ""

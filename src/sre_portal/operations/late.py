"""What could not be written into the audit log when it happened. The loop writes it when it can."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sre_portal.core.audit import AuditOutcome


@dataclass(frozen=True, slots=True)
class LateAct:
    """An act that was done before it was written down: somebody stopped harm."""

    at: datetime
    actor: str
    action: str
    subject: str
    address: str
    detail: str


@dataclass(frozen=True, slots=True)
class LateOutcome:
    """How an act that is written down ended."""

    event_id: int
    outcome: AuditOutcome
    detail: str


Late = LateAct | LateOutcome

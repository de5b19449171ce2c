"""The audit log: an intent, and how it ended, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, insert, select, update

from sre_portal.core.audit import AuditEvent, AuditOutcome
from sre_portal.core.errors import Conflict, NotFound
from sre_portal.store import tables
from sre_portal.store.connection import Database

INTENDED: AuditOutcome = "intended"


class Audit:
    """`core.ports.AuditStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def intend(
        self, at: datetime, actor: str, action: str, subject: str, address: str, detail: str
    ) -> int:
        """Writes an intent down; returns its id when it is durable."""
        row = {
            "at": at,
            "actor": actor,
            "action": action,
            "subject": subject,
            "address": address,
            "detail": detail,
            "outcome": INTENDED,
            "outcome_detail": "",
        }
        return await self._database.write(partial(_intend, row=row))

    async def conclude(self, event_id: int, outcome: AuditOutcome, detail: str) -> None:
        """Adds how it ended. Raises `NotFound`, or `Conflict` where that has been said before."""
        await self._database.write(partial(_conclude, event_id=event_id, outcome=outcome, detail=detail))

    async def recent(self, limit: int = 100) -> Sequence[AuditEvent]:
        """Newest first. The detail is that of the intent, then that of the outcome."""
        return await self._database.read(partial(_recent, limit=limit))


def _intend(connection: Connection, row: dict[str, object]) -> int:
    event_id: int = connection.execute(
        insert(tables.audit).values(row).returning(tables.audit.c.id)
    ).scalar_one()
    return event_id


def _conclude(connection: Connection, event_id: int, outcome: AuditOutcome, detail: str) -> None:
    columns = tables.audit.c
    moved = connection.execute(
        update(tables.audit)
        .where(columns.id == event_id, columns.outcome == INTENDED)
        .values(outcome=outcome, outcome_detail=detail)
    )
    if moved.rowcount == 0:
        found = connection.scalar(select(columns.outcome).where(columns.id == event_id))
        if found is None:
            raise NotFound("audit event", str(event_id))
        raise Conflict(INTENDED, found)


def _recent(connection: Connection, limit: int) -> list[AuditEvent]:
    rows = connection.execute(select(tables.audit).order_by(tables.audit.c.id.desc()).limit(limit))
    return [
        AuditEvent(
            id=row.id,
            at=row.at,
            actor=row.actor,
            action=row.action,
            subject=row.subject,
            outcome=row.outcome,
            address=row.address,
            detail="; ".join(text for text in (row.detail, row.outcome_detail) if text),
        )
        for row in rows
    ]

"""The journal of a run: entries in order, each sealed by the one before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, RowMapping, insert, select

from sre_portal.core.journal import JournalEntry, seal
from sre_portal.core.note import Note
from sre_portal.store import tables
from sre_portal.store.connection import Database

FIRST_SEQ = 1


class Journal:
    """`core.ports.JournalStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def entries(self, run_id: int) -> Sequence[JournalEntry]:
        """In order."""
        return await self._database.read(partial(_entries, run_id=run_id))


def append(connection: Connection, run_id: int, notes: Sequence[Note], at: datetime) -> None:
    """Adds an entry for each note, in order. The caller has written to the run's row, which is the lock."""
    rows = select(tables.journal).where(tables.journal.c.run_id == run_id)
    last = connection.execute(rows.order_by(tables.journal.c.seq.desc()).limit(1)).mappings().one_or_none()
    previous = None if last is None else _parse(last)
    for note in notes:
        seq = previous.seq + 1 if previous else FIRST_SEQ
        previous = seal(previous, run_id, seq, at, note.kind, note.text, note.facts)
        row = {**asdict(previous), "facts": json.dumps(previous.facts)}
        connection.execute(insert(tables.journal).values(row))


def _entries(connection: Connection, run_id: int) -> list[JournalEntry]:
    rows = select(tables.journal).where(tables.journal.c.run_id == run_id).order_by(tables.journal.c.seq)
    return [_parse(row) for row in connection.execute(rows).mappings()]


def _parse(row: RowMapping) -> JournalEntry:
    return JournalEntry(**{**row, "facts": json.loads(row["facts"])})

"""The journal of a run: entries in order, each sealed by the one before."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, RowMapping, insert, select

from sre_portal.core.errors import NotFound
from sre_portal.core.journal import JournalEntry, seal
from sre_portal.store import tables
from sre_portal.store.connection import Database

FIRST_SEQ = 1


class Journal:
    """`core.ports.JournalStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def append(
        self, run_id: int, at: datetime, kind: str, text: str, facts: Mapping[str, object]
    ) -> JournalEntry:
        """Adds an entry, chained to the last one.

        Raises `NotFound` where there is no such run, `ValueError` for facts that are not JSON.
        """
        return await self._database.write(
            partial(_append, run_id=run_id, at=at, kind=kind, text=text, facts=facts)
        )

    async def entries(self, run_id: int) -> Sequence[JournalEntry]:
        """In order."""
        return await self._database.read(partial(_entries, run_id=run_id))


def _append(
    connection: Connection, *, run_id: int, at: datetime, kind: str, text: str, facts: Mapping[str, object]
) -> JournalEntry:
    # The run's row is the lock: two entries of one run are sealed one after the other.
    locked = select(tables.run.c.id).where(tables.run.c.id == run_id).with_for_update()
    if connection.scalar(locked) is None:
        raise NotFound("run", str(run_id))
    rows = select(tables.journal).where(tables.journal.c.run_id == run_id)
    last = connection.execute(rows.order_by(tables.journal.c.seq.desc()).limit(1)).mappings().one_or_none()
    previous = None if last is None else _parse(last)
    entry = seal(previous, run_id, previous.seq + 1 if previous else FIRST_SEQ, at, kind, text, facts)
    connection.execute(insert(tables.journal).values({**asdict(entry), "facts": json.dumps(entry.facts)}))
    return entry


def _entries(connection: Connection, run_id: int) -> list[JournalEntry]:
    rows = select(tables.journal).where(tables.journal.c.run_id == run_id).order_by(tables.journal.c.seq)
    return [_parse(row) for row in connection.execute(rows).mappings()]


def _parse(row: RowMapping) -> JournalEntry:
    return JournalEntry(**{**row, "facts": json.loads(row["facts"])})

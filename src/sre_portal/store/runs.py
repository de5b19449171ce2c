"""Runs: a few columns to find them by, and the whole record as JSON. A save names the revision it read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, RowMapping, insert, select, update

from sre_portal.core.errors import Conflict, NotFound
from sre_portal.core.experiment import Experiment
from sre_portal.core.note import Note
from sre_portal.core.run import Phase, PhaseMark, Run
from sre_portal.store import tables
from sre_portal.store.connection import Database
from sre_portal.store.journal import append

FIRST_REVISION = 1
UNSAVED = 0
"""The id of a run that has no row yet."""


class Runs:
    """`core.ports.RunStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, experiment: Experiment, actor: str, created_at: datetime) -> Run:
        """A new run, in preflight."""
        return await self._database.write(
            partial(_add, experiment=experiment, actor=actor, created_at=created_at)
        )

    async def get(self, run_id: int) -> Run:
        """Raises `NotFound`."""
        return await self._database.read(partial(_get, run_id=run_id))

    async def save(self, run: Run, notes: Sequence[Note], at: datetime) -> Run:
        """Writes `run` if the stored revision is still its own, and its journal; returns it as it is now.

        Raises `Conflict` where somebody else saved first, `NotFound` where there is no such run, `ValueError`
        for facts that are not JSON. Then nothing was written.
        """
        return await self._database.write(partial(_save, run=run, notes=notes, at=at))

    async def live(self) -> Sequence[Run]:
        """Oldest first."""
        return await self._database.read(_live)

    async def recent(
        self, limit: int = 50, *, experiment: str | None = None, service: str | None = None
    ) -> Sequence[Run]:
        """Newest first, all or those of an experiment or a service."""
        wanted = {"experiment": experiment, "service": service}
        return await self._database.read(partial(_recent, limit=limit, wanted=wanted))


def _add(connection: Connection, experiment: Experiment, actor: str, created_at: datetime) -> Run:
    run = Run(
        id=UNSAVED,
        revision=FIRST_REVISION,
        experiment=experiment,
        actor=actor,
        phase=Phase.PREFLIGHT,
        marks=(PhaseMark(phase=Phase.PREFLIGHT, at=created_at),),
        created_at=created_at,
    )
    statement = insert(tables.run).values(revision=FIRST_REVISION, **_columns(run)).returning(tables.run.c.id)
    return run.model_copy(update={"id": connection.execute(statement).scalar_one()})


def _get(connection: Connection, run_id: int) -> Run:
    row = connection.execute(select(tables.run).where(tables.run.c.id == run_id)).mappings().one_or_none()
    if row is None:
        raise NotFound("run", str(run_id))
    return _parse(row)


def _save(connection: Connection, run: Run, notes: Sequence[Note], at: datetime) -> Run:
    columns = tables.run.c
    moved = connection.execute(
        update(tables.run)
        .where(columns.id == run.id, columns.revision == run.revision)
        .values(revision=run.revision + 1, **_columns(run))
    )
    if moved.rowcount == 0:
        found = connection.scalar(select(columns.revision).where(columns.id == run.id))
        if found is None:
            raise NotFound("run", str(run.id))
        raise Conflict(f"run {run.id} at revision {run.revision}", f"revision {found}")
    append(connection, run.id, notes, at)
    return run.model_copy(update={"revision": run.revision + 1})


def _live(connection: Connection) -> list[Run]:
    rows = connection.execute(select(tables.run).where(tables.run.c.live).order_by(tables.run.c.id))
    return [_parse(row) for row in rows.mappings()]


def _recent(connection: Connection, limit: int, wanted: Mapping[str, str | None]) -> list[Run]:
    query = select(tables.run).order_by(tables.run.c.id.desc()).limit(limit)
    for column, value in wanted.items():
        if value is not None:
            query = query.where(tables.run.c[column] == value)
    return [_parse(row) for row in connection.execute(query).mappings()]


def _columns(run: Run) -> dict[str, object]:
    # Through json and not pydantic's own writer, which turns an infinite burn rate into null.
    record = json.dumps(run.model_dump(mode="json", exclude={"id", "revision"}))
    return {
        "experiment": run.name,
        "service": run.service,
        "phase": run.phase.value,
        "live": run.live,
        "verdict": None if run.verdict is None else run.verdict.value,
        "created_at": run.created_at,
        "record": record,
    }


def _parse(row: RowMapping) -> Run:
    return Run.model_validate({**json.loads(row["record"]), "id": row["id"], "revision": row["revision"]})

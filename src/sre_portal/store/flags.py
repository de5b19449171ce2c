"""Flag definitions: the newest version of each flag, and every version there was.

A change locks the row of its set by raising its version, so it is made of what its maker saw, or not at all.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from sre_portal.core.flag_change import ChangedFlag, FlagRow, SetChange, SetNews
from sre_portal.core.flag_plan import overtaken
from sre_portal.store import tables
from sre_portal.store.connection import Database
from sre_portal.store.dialect import added, put
from sre_portal.store.flag_plans import moved
from sre_portal.store.topic import Topic

CHANNEL = "sre_portal_flags"
LOOKS = 10
"""So often it is looked again for an instant at which nothing changed while the rows were read."""


class Flags:
    """`core.ports.FlagStore`."""

    def __init__(self, database: Database, topic: Topic) -> None:
        self._database = database
        self._topic = topic

    def on_change(self, tell: Callable[[], None]) -> None:
        """Calls `tell` whenever another replica may have changed a flag."""
        self._topic.on_change(tell)

    async def news(self, known: Mapping[str, int]) -> Sequence[SetNews]:
        """What changed in each set since the version that is known; all of it for sets that are not."""
        return await self._database.read(partial(_news, known=known))

    async def change(self, change: SetChange) -> bool:
        """Makes the edits, durable. False where the set is not at that version any more; nothing is done.

        Raises `Conflict` where the plan it settles is not in the state any more that was seen.
        """
        return await self._database.write(partial(_change, change=change))

    async def history(self, flag_set: str, key: str, limit: int, before: int | None) -> Sequence[FlagRow]:
        """Versions of a flag, newest first; those below `before` where it is given."""
        return await self._database.read(
            partial(_history, flag_set=flag_set, key=key, limit=limit, before=before)
        )

    async def changes_since(
        self, flag_sets: Collection[str], at: datetime, limit: int
    ) -> Sequence[ChangedFlag]:
        """The newest changes in these sets from an instant on, newest first."""
        return await self._database.read(partial(_changes, flag_sets=flag_sets, at=at, limit=limit))


def _news(connection: Connection, known: Mapping[str, int]) -> list[SetNews]:
    found: list[SetNews] = []
    versions = _versions(connection)
    for _ in range(LOOKS):
        found = [
            SetNews(name, version, _rows(connection, name, known.get(name, 0), version))
            for name, version in versions.items()
            if version != known.get(name)
        ]
        before, versions = versions, _versions(connection)
        if versions == before:
            break
    return found


def _versions(connection: Connection) -> dict[str, int]:
    return {row.name: row.version for row in connection.execute(select(tables.flag_set))}


def _rows(connection: Connection, flag_set: str, after: int, until: int) -> list[FlagRow]:
    columns = tables.flag.c
    wanted = (columns.flag_set == flag_set) & (columns.set_version > after) & (columns.set_version <= until)
    return [_row(row) for row in connection.execute(select(tables.flag).where(wanted).order_by(columns.key))]


def _change(connection: Connection, change: SetChange) -> bool:
    sets = tables.flag_set
    if not change.set_version:
        added(connection, sets, {"name": change.flag_set, "version": 0})
    risen = connection.execute(
        update(sets)
        .where(sets.c.name == change.flag_set, sets.c.version == change.set_version)
        .values(version=change.set_version + 1)
    )
    if risen.rowcount != 1:
        return False
    if change.settles is not None and not moved(connection, change.settles):
        raise overtaken(change.settles.before)
    rows = [
        {
            "flag_set": change.flag_set,
            "key": edit.key,
            "version": edit.version,
            "set_version": change.set_version + 1,
            "definition": edit.definition,
            "changed_at": change.at,
            "changed_by": change.by,
            "reason": change.reason,
        }
        for edit in change.edits
    ]
    put(connection, tables.flag, rows)
    connection.execute(insert(tables.flag_version), rows)
    connection.execute(update(tables.flag_epoch).values(value=tables.flag_epoch.c.value + 1))
    if connection.dialect.name == "postgresql":
        connection.execute(select(func.pg_notify(CHANNEL, "")))
    return True


def _history(
    connection: Connection, flag_set: str, key: str, limit: int, before: int | None
) -> list[FlagRow]:
    columns = tables.flag_version.c
    wanted = select(tables.flag_version).where(columns.flag_set == flag_set, columns.key == key)
    if before is not None:
        wanted = wanted.where(columns.version < before)
    return [
        _row(row) for row in connection.execute(wanted.order_by(columns.version.desc()).limit(limit)).all()
    ]


def _changes(
    connection: Connection, flag_sets: Collection[str], at: datetime, limit: int
) -> list[ChangedFlag]:
    new, old = tables.flag_version, tables.flag_version.alias()
    is_before = (old.c.flag_set == new.c.flag_set) & (old.c.key == new.c.key)
    wanted = (
        select(new, old.c.definition.label("before"))
        .outerjoin(old, is_before & (old.c.version == new.c.version - 1))
        .where(new.c.flag_set.in_(flag_sets), new.c.changed_at >= at)
        .order_by(new.c.changed_at.desc(), new.c.flag_set, new.c.set_version.desc(), new.c.key)
    )
    return [ChangedFlag(_row(row), row.before) for row in connection.execute(wanted.limit(limit))]


def _row(row: Row[Any]) -> FlagRow:
    return FlagRow(
        flag_set=row.flag_set,
        key=row.key,
        version=row.version,
        set_version=row.set_version,
        definition=row.definition,
        changed_at=row.changed_at,
        changed_by=row.changed_by,
        reason=row.reason,
    )

"""Which instance had which version of a set of flags in force, and since when.

Rows come with reports, in the same transaction. The first instant that was told of a version is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import partial

from sqlalchemy import Connection, and_, case, delete, func, or_, select, tuple_

from sre_portal.contract.report import AgentReport
from sre_portal.core.flag_seen import Sighting
from sre_portal.store.connection import Database
from sre_portal.store.dialect import put
from sre_portal.store.tables import flag_seen, flag_set, flag_version, instance


class Sightings:
    """`core.ports.SightingStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of(self, flag_set: str, set_version: int) -> Sequence[Sighting]:
        """Every instance that told of the set, and since when it has that version or a later one."""
        return await self._database.read(partial(_of, name=flag_set, version=set_version))

    async def changed_at(self, flag_set: str, set_version: int) -> datetime | None:
        """When a version of a set was made; None where there is none of that number."""
        return await self._database.read(partial(_changed_at, name=flag_set, version=set_version))

    async def forget(self, keep: int) -> None:
        """Drops what is older than the newest versions, except the newest of an instance that is there.

        What was told of sets that are not there goes too.
        """
        await self._database.write(partial(_forget, keep=keep))


def sighting_rows(report: AgentReport) -> Iterator[dict[str, object]]:
    """The rows of a report. Raises `ValueError`, `OverflowError` or `OSError` for an instant that is none."""
    for one in report.flags_seen:
        yield {
            "flag_set": one.flag_set,
            "set_version": one.version,
            "service": report.service,
            "instance": report.instance,
            "seen_at": datetime.fromtimestamp(one.at, UTC),
        }


def add_sightings(connection: Connection, rows: Sequence[dict[str, object]]) -> None:
    """Sorted, so that two replicas never wait for each other in a ring."""
    keys = [column.name for column in flag_seen.primary_key.columns]
    newest = {tuple(str(row[key]) for key in keys): row for row in rows}
    put(
        connection,
        flag_seen,
        [newest[key] for key in sorted(newest)],
        only_if=lambda new: new["seen_at"] < flag_seen.c.seen_at,
    )


def _of(connection: Connection, name: str, version: int) -> list[Sighting]:
    columns = flag_seen.c
    first_at = func.min(case((columns.set_version >= version, columns.seen_at)))
    found = connection.execute(
        select(columns.service, columns.instance, first_at.label("first_at"))
        .where(columns.flag_set == name)
        .group_by(columns.service, columns.instance)
        .order_by(columns.service, columns.instance)
    )
    return [Sighting(row.service, row.instance, row.first_at) for row in found]


def _changed_at(connection: Connection, name: str, version: int) -> datetime | None:
    columns = flag_version.c
    wanted = select(columns.changed_at).where(columns.flag_set == name, columns.set_version == version)
    return connection.execute(wanted.limit(1)).scalar()


def _forget(connection: Connection, keep: int) -> None:
    seen = flag_seen.c
    gone = tuple_(seen.service, seen.instance).not_in(select(instance.c.service, instance.c.instance))
    unknown = seen.flag_set.not_in(select(flag_set.c.name))
    connection.execute(delete(flag_seen).where(or_(gone, unknown)))
    for row in connection.execute(select(flag_set.c.name, flag_set.c.version)).all():
        oldest = row.version - keep
        newer = select(seen.service, seen.instance).where(
            seen.flag_set == row.name, seen.set_version >= oldest
        )
        old = and_(seen.flag_set == row.name, seen.set_version < oldest)
        connection.execute(delete(flag_seen).where(old, tuple_(seen.service, seen.instance).in_(newer)))

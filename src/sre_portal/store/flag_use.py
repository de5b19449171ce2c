"""What was evaluated: a row for each variant that a flag gave."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, select

from sre_portal.core.flag_use import Key, Used
from sre_portal.store.connection import Database
from sre_portal.store.dialect import New, put
from sre_portal.store.tables import flag_use

Changes = Mapping[str, ColumnElement[Any]]

SINCE: Key = ("", "", "")
"""The row that says since when this is counted: no set has an empty name."""
GAP = timedelta(hours=1)
"""Nobody has counted for so long: counting begins anew."""


class FlagUses:
    """`core.ports.FlagUseStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, counts: Mapping[Key, int], at: datetime) -> None:
        """Adds what was counted until then, and notes that counting goes on."""
        await self._database.write(partial(_add, counts=counts, at=at))

    async def of(self, flag_set: str) -> Sequence[Used]:
        """What the flags of a set gave."""
        return await self._database.read(partial(_of, flag_set=flag_set))

    async def one(self, key: Key) -> Used | None:
        """How often a flag gave one variant; None where it never did."""
        return await self._database.read(partial(_one, key=key))

    async def counted_since(self) -> datetime | None:
        """Since when evaluations are counted without a gap; None where they were not yet."""
        return await self._database.read(_counted_since)


def _add(connection: Connection, counts: Mapping[Key, int], at: datetime) -> None:
    # In one order for all: replicas that add at once must not wait for each other in a circle.
    put(connection, flag_use, [_row(key, at, counts[key]) for key in sorted(counts)], change=_summed)
    put(connection, flag_use, [_row(SINCE, at, 0)], change=partial(_continued, gap=at - GAP))


def _row(key: Key, at: datetime, count: int) -> dict[str, object]:
    flag_set, name, variant = key
    instants = {"first_at": at, "last_at": at}
    return {"flag_set": flag_set, "key": name, "variant": variant, "count": count, **instants}


def _summed(new: New) -> Changes:
    return {"count": flag_use.c.count + new.count, "last_at": _later(new)}


def _continued(new: New, gap: datetime) -> Changes:
    old = flag_use.c
    first = case((old.last_at < gap, new.first_at), else_=old.first_at)
    return {"first_at": first, "last_at": _later(new)}


def _later(new: New) -> ColumnElement[Any]:
    return case((new.last_at > flag_use.c.last_at, new.last_at), else_=flag_use.c.last_at)


def _of(connection: Connection, flag_set: str) -> list[Used]:
    query = select(flag_use).where(flag_use.c.flag_set == flag_set)
    rows = connection.execute(query.order_by(flag_use.c.key, flag_use.c.variant))
    return [Used(*row) for row in rows]


def _one(connection: Connection, key: Key) -> Used | None:
    own = (flag_use.c.flag_set, flag_use.c.key, flag_use.c.variant)
    query = select(flag_use).where(*(column == part for column, part in zip(own, key, strict=True)))
    row = connection.execute(query).one_or_none()
    return None if row is None else Used(*row)


def _counted_since(connection: Connection) -> datetime | None:
    query = select(flag_use.c.first_at).where(flag_use.c.flag_set == SINCE[0], flag_use.c.key == SINCE[1])
    return connection.execute(query).scalar()

"""Turns of flags, as rows that are only added."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, Select, delete, func, insert, select

from sre_portal.core.flag_turn import FlagTurn, TurnedCondition
from sre_portal.store.connection import Database
from sre_portal.store.tables import flag_turn

_NEWEST = select(func.max(flag_turn.c.id)).group_by(flag_turn.c.flag_set, flag_turn.c.key)
"""The number of the newest turn of each flag."""
_CONDITIONS = TypeAdapter(tuple[TurnedCondition, ...])


class FlagTurns:
    """`core.ports.FlagTurnStore`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, turn: FlagTurn) -> None:
        """Returns when it is durable."""
        await self._database.write(partial(_add, turn=turn))

    async def last(self) -> Sequence[FlagTurn]:
        """The newest turn of each flag."""
        return await self._read(select(flag_turn).where(flag_turn.c.id.in_(_NEWEST)))

    async def recent(self, flag_set: str, key: str, limit: int) -> Sequence[FlagTurn]:
        """Newest first, of one flag, or for an empty key of the set."""
        wanted = select(flag_turn).where(flag_turn.c.flag_set == flag_set)
        if key:
            wanted = wanted.where(flag_turn.c.key == key)
        return await self._read(wanted.order_by(flag_turn.c.id.desc()).limit(limit))

    async def since(self, flag_sets: Collection[str], at: datetime, limit: int) -> Sequence[FlagTurn]:
        """The newest of these sets from an instant on, newest first."""
        wanted = select(flag_turn).where(flag_turn.c.at >= at, flag_turn.c.flag_set.in_(flag_sets))
        return await self._read(wanted.order_by(flag_turn.c.at.desc(), flag_turn.c.id.desc()).limit(limit))

    async def forget(self, before: datetime) -> None:
        """Drops turns before an instant, and not the newest of a flag: it says how the flag stands."""
        await self._database.write(partial(_forget, before=before))

    async def _read(self, query: Select[Any]) -> Sequence[FlagTurn]:
        return await self._database.read(lambda connection: [_turn(row) for row in connection.execute(query)])


def _add(connection: Connection, turn: FlagTurn) -> None:
    row = {
        "flag_set": turn.flag_set,
        "key": turn.key,
        "at": turn.at,
        "conditions": json.dumps(_CONDITIONS.dump_python(turn.conditions, mode="json")),
        "facts": json.dumps(dict(turn.facts)),
    }
    connection.execute(insert(flag_turn), row)


def _forget(connection: Connection, before: datetime) -> None:
    connection.execute(delete(flag_turn).where(flag_turn.c.at < before, flag_turn.c.id.not_in(_NEWEST)))


def _turn(row: Row[Any]) -> FlagTurn:
    conditions = _CONDITIONS.validate_python(json.loads(row.conditions))
    return FlagTurn(row.flag_set, row.key, row.at, conditions, json.loads(row.facts))

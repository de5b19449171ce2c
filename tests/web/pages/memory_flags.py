"""Flags as plain objects in memory: every version there was, and what was kept beside them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sre_portal.core.flag_change import ChangedFlag, FlagRow, SetChange, SetNews, row_made
from sre_portal.core.flag_seen import Sighting
from sre_portal.core.flag_turn import FlagTurn
from sre_portal.core.flag_use import Key, Used
from tests.web.pages.memory_plans import Plans


@dataclass
class Flags:
    """`core.ports.FlagStore`."""

    rows: list[FlagRow] = field(default_factory=list)
    versions: dict[str, int] = field(default_factory=dict)
    plans: Plans = field(default_factory=Plans)
    """Those that a change settles."""

    def on_change(self, tell: Callable[[], None]) -> None:
        """There is no other replica."""

    async def news(self, known: Mapping[str, int]) -> Sequence[SetNews]:
        return [
            SetNews(name, version, self._newest(name, known.get(name, 0)))
            for name, version in self.versions.items()
            if version != known.get(name)
        ]

    async def change(self, change: SetChange) -> bool:
        name, seen = change.flag_set, change.set_version
        if self.versions.get(name, 0) != seen:
            return False
        if change.settles is not None and not await self.plans.move(change.settles):
            return False
        self.versions[name] = seen + 1
        self.rows += [row_made(change, one) for one in change.edits]
        return True

    async def history(self, flag_set: str, key: str, limit: int, before: int | None) -> Sequence[FlagRow]:
        found = [
            row
            for row in reversed(self.rows)
            if (row.flag_set, row.key) == (flag_set, key) and (before is None or row.version < before)
        ]
        return found[:limit]

    async def changes_since(
        self, flag_sets: Collection[str], at: datetime, limit: int
    ) -> Sequence[ChangedFlag]:
        texts = {(row.flag_set, row.key, row.version): row.definition for row in self.rows}
        return [
            ChangedFlag(row, texts.get((row.flag_set, row.key, row.version - 1)))
            for row in reversed(self.rows)
            if row.flag_set in flag_sets and row.changed_at >= at
        ][:limit]

    def _newest(self, flag_set: str, after: int) -> list[FlagRow]:
        newest = {row.key: row for row in self.rows if row.flag_set == flag_set}
        return [row for row in newest.values() if row.set_version > after]


@dataclass
class FlagUses:
    held: list[Used] = field(default_factory=list)
    since: datetime | None = None

    async def add(self, counts: Mapping[Key, int], at: datetime) -> None:
        """Nothing is counted."""

    async def of(self, flag_set: str) -> Sequence[Used]:
        return [one for one in self.held if one.flag_set == flag_set]

    async def one(self, key: Key) -> Used | None:
        found = [one for one in self.held if (one.flag_set, one.key, one.variant) == key]
        return found[0] if found else None

    async def counted_since(self) -> datetime | None:
        return self.since


@dataclass
class FlagTurns:
    held: list[FlagTurn] = field(default_factory=list)
    """Newest first."""

    async def add(self, turn: FlagTurn) -> None:
        self.held.insert(0, turn)

    async def last(self) -> Sequence[FlagTurn]:
        return list({(one.flag_set, one.key): one for one in reversed(self.held)}.values())

    async def recent(self, flag_set: str, key: str, limit: int) -> Sequence[FlagTurn]:
        return [one for one in self.held if one.flag_set == flag_set and key in {"", one.key}][:limit]

    async def since(self, flag_sets: Collection[str], at: datetime, limit: int) -> Sequence[FlagTurn]:
        return [one for one in self.held if one.flag_set in flag_sets and one.at >= at][:limit]

    async def forget(self, before: datetime) -> None:
        """Nothing gets old here."""


@dataclass
class Sightings:
    held: dict[str, list[Sighting]] = field(default_factory=dict)
    """By set, of its newest version."""
    made: dict[int, datetime] = field(default_factory=dict)
    """When versions were made that are not the newest of their flag."""

    async def of(self, flag_set: str, set_version: int) -> Sequence[Sighting]:
        return self.held.get(flag_set, [])

    async def changed_at(self, flag_set: str, set_version: int) -> datetime | None:
        return self.made.get(set_version)

    async def forget(self, keep: int) -> None:
        """Nothing is forgotten."""

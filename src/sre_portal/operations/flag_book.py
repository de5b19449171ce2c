"""The flags of every set, compiled, in the memory of this replica. Evaluation never asks the database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from sre_portal.core.flag.flag_set import FlagSet
from sre_portal.core.flag.taking import Taken, take_changes, take_whole
from sre_portal.core.flag_change import EMPTY_SHARED, SHARED, FlagRow, SetNews
from sre_portal.core.flag_ports import FlagStore
from sre_portal.operations.pulse import Pulse
from sre_portal.operations.uncollected import uncollected

log = structlog.get_logger("sre_portal.flags")

FEW = 20
"""Up to so many changed flags are compiled one by one; the set as a whole is made anew for more."""


@dataclass(frozen=True, slots=True)
class KeptSet:
    """One set at one version. `rows` has removed flags too: their versions go on.

    `taken` is what is in force. Where the newest version of a flag cannot be compiled, the one before is.
    """

    name: str
    version: int = 0
    rows: Mapping[str, FlagRow] = field(default_factory=dict)
    taken: Taken = field(default_factory=Taken)

    @property
    def flags(self) -> FlagSet:
        return self.taken.flags

    @property
    def unsound(self) -> Mapping[str, str]:
        """By key; that of what the flags share is empty."""
        shared = self.taken.unsound_shared
        return {**self.taken.unsound, SHARED: shared} if shared else self.taken.unsound

    @property
    def shared(self) -> Mapping[str, object]:
        """What is in a document of this set besides flags."""
        row = self.rows.get(SHARED)
        return _read(EMPTY_SHARED if row is None or row.definition is None else row.definition)

    def live(self) -> list[FlagRow]:
        """The newest versions of flags that are there, by their keys."""
        return [row for key, row in sorted(self.rows.items()) if key and row.definition is not None]


class FlagBook:
    """Lives in one event loop. A set is replaced as a whole: whoever evaluates sees one version of it."""

    def __init__(self) -> None:
        self.changed = Pulse()
        """Beats when another version of a set is in force."""
        self._sets: dict[str, KeptSet] = {}
        self._refreshing = asyncio.Lock()

    def get(self, name: str) -> KeptSet | None:
        return self._sets.get(name)

    def all(self) -> Sequence[KeptSet]:
        """By name."""
        return [self._sets[name] for name in sorted(self._sets)]

    async def refresh(self, store: FlagStore) -> None:
        """Takes in what changed. Raises `StoreUnavailable`; then everything stays as it is."""
        async with self._refreshing:
            known = {name: kept.version for name, kept in self._sets.items()}
            for news in await store.news(known):
                before = self._sets.get(news.flag_set) or KeptSet(news.flag_set)
                self._sets[news.flag_set] = await _after(before, news)
                self.changed.beat()


async def _after(before: KeptSet, news: SetNews) -> KeptSet:
    rows = {**before.rows, **{row.key: row for row in news.rows}}
    changed = [row.key for row in news.rows]
    if SHARED in changed or len(changed) > FEW:
        taken = await asyncio.to_thread(_whole, before, rows)
    else:
        taken = take_changes(before.taken, before.shared, {key: _fields(rows[key]) for key in changed})
    after = KeptSet(news.flag_set, news.set_version, rows, taken)
    for key, why in after.unsound.items():
        if before.unsound.get(key) != why:
            log.error(
                "a flag cannot be compiled: what was in force stays", set=news.flag_set, key=key, why=why
            )
    return after


def _whole(before: KeptSet, rows: Mapping[str, FlagRow]) -> Taken:
    with uncollected():
        fields = {key: told for key, row in rows.items() if (told := _fields(row)) is not None}
        shared = fields.pop(SHARED, None)
        return take_whole(before.flags, _read(EMPTY_SHARED) if shared is None else shared, fields)


def _fields(row: FlagRow) -> Mapping[str, object] | None:
    return None if row.definition is None else _read(row.definition)


def _read(text: str) -> Mapping[str, object]:
    """JSON from the database: what is none there is for the parser to say."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

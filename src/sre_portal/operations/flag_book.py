"""The flags of every set, compiled, in the memory of this replica. Evaluation never asks the database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog

from sre_portal.core.errors import InvalidInput
from sre_portal.core.flag.definition import Definitions, Flag
from sre_portal.core.flag.flag_set import FlagSet
from sre_portal.core.flag.parse import parse_definitions
from sre_portal.core.flag_change import EMPTY_SHARED, SHARED, FlagRow, SetNews, flag_text
from sre_portal.core.ports import FlagStore

log = structlog.get_logger("sre_portal.flags")

FEW = 20
"""Up to so many changed flags are compiled one by one; the set as a whole is made anew for more."""


@dataclass(frozen=True, slots=True)
class KeptSet:
    """One set at one version. `rows` has removed flags too: their versions go on.

    `unsound` says why the newest version of a flag cannot be compiled: the one before stays in force.
    """

    name: str
    version: int = 0
    rows: Mapping[str, FlagRow] = field(default_factory=dict)
    flags: FlagSet = field(default_factory=lambda: FlagSet(Definitions()))
    unsound: Mapping[str, str] = field(default_factory=dict)

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


async def _after(before: KeptSet, news: SetNews) -> KeptSet:
    rows = {**before.rows, **{row.key: row for row in news.rows}}
    changed = [row.key for row in news.rows]
    if SHARED in changed or len(changed) > FEW:
        made = await asyncio.to_thread(_whole, before, rows)
    else:
        made = _one_by_one(before, rows, changed)
    flags, unsound = made
    for key, why in unsound.items():
        if before.unsound.get(key) != why:
            log.error(
                "a flag cannot be compiled: what was in force stays", set=news.flag_set, key=key, why=why
            )
    return KeptSet(news.flag_set, news.set_version, rows, flags, unsound)


_Made = tuple[FlagSet, Mapping[str, str]]


def _whole(before: KeptSet, rows: Mapping[str, FlagRow]) -> _Made:
    texts = {key: row.definition for key, row in rows.items() if row.definition is not None}
    shared = texts.pop(SHARED, EMPTY_SHARED)
    try:
        flags = {key: _read(text) for key, text in texts.items()}
        return FlagSet(parse_definitions({**_read(shared), "flags": flags})), {}
    except InvalidInput:
        return _as_far_as_sound(before, shared, texts)


def _as_far_as_sound(before: KeptSet, shared: str, texts: Mapping[str, str]) -> _Made:
    """Each flag by itself. Where what they share is unsound, all of them stay as they were."""
    around = _read(shared)
    try:
        definitions = parse_definitions({**around, "flags": {}})
    except InvalidInput as wrong:
        return before.flags, {SHARED: str(wrong)}
    unsound: dict[str, str] = {}
    flags: dict[str, Flag] = {}
    for key, text in texts.items():
        try:
            flags[key] = _flag(around, key, text)
        except InvalidInput as wrong:
            unsound[key] = str(wrong)
            with suppress(InvalidInput, KeyError):
                flags[key] = _flag(around, key, flag_text(before.flags.definitions.flags[key]))
    return FlagSet(replace(definitions, flags=flags)), unsound


def _one_by_one(before: KeptSet, rows: Mapping[str, FlagRow], changed: Sequence[str]) -> _Made:
    flags, shared = before.flags, before.shared
    unsound = {key: why for key, why in before.unsound.items() if key not in changed}
    for key in changed:
        text = rows[key].definition
        try:
            flags = flags.without(key) if text is None else flags.with_flag(_flag(shared, key, text))
        except InvalidInput as wrong:
            unsound[key] = str(wrong)
    return flags, unsound


def _flag(shared: Mapping[str, object], key: str, text: str) -> Flag:
    return parse_definitions({**shared, "flags": {key: _read(text)}}).flags[key]


def _read(text: str) -> Mapping[str, object]:
    """JSON from the database: what is none there is for the parser to say."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}

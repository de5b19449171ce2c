"""The flags of every set, compiled, in the memory of this replica. Evaluation never asks the database."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog

from sre_portal.core.flag_change import SetNews
from sre_portal.core.flag_kept import KeptSet, is_much
from sre_portal.core.flag_ports import FlagStore
from sre_portal.operations.pulse import Pulse
from sre_portal.operations.uncollected import uncollected

log = structlog.get_logger("sre_portal.flags")


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
    after = await asyncio.to_thread(_whole, before, news) if is_much(news) else before.following(news)
    for key, why in after.unsound.items():
        if before.unsound.get(key) != why:
            log.error(
                "a flag cannot be compiled: what was in force stays", set=news.flag_set, key=key, why=why
            )
    return after


def _whole(before: KeptSet, news: SetNews) -> KeptSet:
    with uncollected():
        return before.following(news)

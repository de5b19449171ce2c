"""Flag stores in which there is no flag."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime

from sre_portal.core.flag_change import FlagRow, SetChange, SetNews
from sre_portal.core.flag_turn import FlagTurn
from sre_portal.core.flag_use import Key, Used


class Flags:
    def on_change(self, tell: Callable[[], None]) -> None:
        """Nothing changes."""

    async def news(self, known: Mapping[str, int]) -> Sequence[SetNews]:
        return ()

    async def change(self, change: SetChange) -> bool:
        return False

    async def history(self, flag_set: str, key: str, limit: int, before: int | None) -> Sequence[FlagRow]:
        return ()


class FlagUses:
    async def add(self, counts: Mapping[Key, int], at: datetime) -> None:
        """Nothing is kept."""

    async def of(self, flag_set: str) -> Sequence[Used]:
        return ()

    async def counted_since(self) -> datetime | None:
        return None


class FlagTurns:
    async def add(self, turn: FlagTurn) -> None:
        """Nothing is kept."""

    async def last(self) -> Sequence[FlagTurn]:
        return ()

    async def recent(self, flag_set: str, key: str, limit: int) -> Sequence[FlagTurn]:
        return ()

    async def since(self, flag_sets: Collection[str], at: datetime, limit: int) -> Sequence[FlagTurn]:
        return ()

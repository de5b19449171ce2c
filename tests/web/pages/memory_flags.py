"""A flag store in which there is no flag."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sre_portal.core.flag_change import FlagRow, SetChange, SetNews


class Flags:
    def on_change(self, tell: Callable[[], None]) -> None:
        """Nothing changes."""

    async def news(self, known: Mapping[str, int]) -> Sequence[SetNews]:
        return ()

    async def change(self, change: SetChange) -> bool:
        return False

    async def history(self, flag_set: str, key: str, limit: int, before: int | None) -> Sequence[FlagRow]:
        return ()

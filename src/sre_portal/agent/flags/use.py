"""How often each flag gave each variant."""

from __future__ import annotations

from sre_portal.contract.report import FlagUse

MOST_KEYS = 1000
"""Of flag and variant. What comes later is not counted."""

Key = tuple[str, str, str]
"""Set, key of the flag, variant: empty where the default in the code was given."""


class Uses:
    """Counts since the start, in any thread, and what of them was told, in one.

    Two threads that count the same at the same instant may lose one: nobody is billed by these.
    """

    def __init__(self) -> None:
        self._counts: dict[Key, int] = {}
        self._told: dict[Key, int] = {}

    def count(self, flag_set: str, key: str, variant: str) -> None:
        """On the path of a request."""
        use = (flag_set, key, variant)
        try:
            self._counts[use] += 1
        except KeyError:
            if len(self._counts) < MOST_KEYS:
                self._counts[use] = 1

    def untold(self) -> list[FlagUse]:
        """What came since the last that was told."""
        return [
            FlagUse(*use, count - self._told.get(use, 0))
            for use, count in list(self._counts.items())
            if count != self._told.get(use, 0)
        ]

    def told(self, uses: list[FlagUse]) -> None:
        for one in uses:
            use = (one.flag_set, one.key, one.variant)
            self._told[use] = self._told.get(use, 0) + one.count

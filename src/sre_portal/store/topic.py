"""Tells that something of one kind may have changed on another replica.

One number in the database rises with each change, in its transaction. `store/replica.py` reads it with the
same question as the epoch of access, so a lost notice is noticed within a tenth of a second.
"""

from __future__ import annotations

from collections.abc import Callable


class Topic:
    """Lives in one event loop."""

    def __init__(self) -> None:
        self._value: int | None = None
        self._told: list[Callable[[], None]] = []

    def on_change(self, tell: Callable[[], None]) -> None:
        """Calls `tell` whenever something may have changed."""
        self._told.append(tell)

    def confirm(self, value: int) -> None:
        """The database said so."""
        if value != self._value:
            self._value = value
            for tell in self._told:
                tell()

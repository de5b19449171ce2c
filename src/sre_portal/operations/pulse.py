"""Tells whoever waits that something changed: one event for all, each waiter looks for itself."""

from __future__ import annotations

import asyncio
import contextlib


class Pulse:
    """A counter that can be awaited. `beat` wakes every waiter; a waiter that was late sees it at once."""

    def __init__(self) -> None:
        self.count = 0
        self._changed = asyncio.Event()

    def beat(self) -> None:
        self.count += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def after(self, count: int, timeout_seconds: float) -> int:
        """Returns the current count once it differs from `count`, or after the timeout."""
        if self.count == count:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), timeout_seconds)
        return self.count

"""Work that takes long and changes nothing: previews, comparisons, counts of people.

It has a thread of its own, so that it keeps neither a flip nor STOP ALL from being done, whoever asks for how
much of it. One thread is enough: more would only take turns.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeVar

from sre_portal.core.errors import RateLimited

T = TypeVar("T")

MOST = 50
"""Pieces of work that wait or are done."""
PATIENCE_SECONDS = 5.0
"""So long a piece of work waits for those before it."""
AGAIN_SECONDS = 5.0
"""When to come again, for whom there is no room."""


class Aside:
    """Lives in one event loop. A piece of work is a plain function that reads what cannot change."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(1, "sre-portal-aside")
        self._pending = 0

    async def do(self, work: Callable[[], T]) -> T:
        """The result of a piece of work; raises what it raises.

        Raises:
            RateLimited: too much is waiting, or it waited for too long. Then it was not begun.
        """
        if self._pending >= MOST:
            raise RateLimited(AGAIN_SECONDS)
        loop = asyncio.get_running_loop()
        begun = self._threads.submit(work)
        self._pending += 1
        begun.add_done_callback(lambda _: self._tell_ended(loop))
        ended = asyncio.wrap_future(begun)
        try:
            await asyncio.wait({ended}, timeout=PATIENCE_SECONDS)
            if not ended.done() and begun.cancel():
                raise RateLimited(AGAIN_SECONDS)
            return await ended
        finally:
            ended.cancel()  # where whoever asked has gone; what runs already runs on

    def _tell_ended(self, loop: asyncio.AbstractEventLoop) -> None:
        with suppress(RuntimeError):  # nobody waits any more: the loop is closed
            loop.call_soon_threadsafe(self._end_one)

    def _end_one(self) -> None:
        self._pending -= 1

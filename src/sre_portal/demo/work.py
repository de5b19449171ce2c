"""The time a demo service spends on a request: waiting, drawn from a seeded source."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

Work = Callable[[float, float], Awaitable[None]]
"""Takes between so many and so many milliseconds."""


def seeded_work(seed: int, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> Work:
    """Work whose durations repeat with the seed. It waits: the processor is left to the others."""
    draw = Random(seed)

    async def work(least_ms: float, most_ms: float) -> None:
        await sleep(draw.uniform(least_ms, most_ms) / 1000)

    return work

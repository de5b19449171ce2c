"""Two portals in this process over one PostgreSQL, on a clock that the test moves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from sre_portal.operations.standby import pass_time
from tests.operations.world import MovableClock, World


@dataclass
class Pair:
    """The first one drives and has the agent's stream; the other stands by."""

    driver: World
    standby: World

    async def step(self, seconds: float = 0.25) -> None:
        """Time passes for both. Agents report to the driver."""
        for _ in range(int(seconds / 0.25)):
            await self.driver.step()
            await pass_time(self.standby.ports)

    async def driver_leaves(self) -> None:
        """The driver is gone; the other one has taken over."""
        await self.driver.close()
        async with asyncio.timeout(20):
            while not self.standby.ports.drives():
                await pass_time(self.standby.ports)
                await asyncio.sleep(0.02)


@asynccontextmanager
async def running_pair(database: str, folder: Path) -> AsyncIterator[Pair]:
    clock = MovableClock()
    driver = await World(folder, clock, database=database).open()
    await driver.warm()
    standby = await World(folder, clock, agents=[], database=database).open()
    await pass_time(standby.ports)
    try:
        yield Pair(driver, standby)
    finally:
        await driver.close()
        await standby.close()

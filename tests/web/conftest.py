from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sre_portal.web.limits import FlagLimits
from tests.operations.world import World
from tests.web.door import Door
from tests.web.entrance import Entrance, entrance_over


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path).open()
    await opened.warm()
    yield opened
    await opened.close()


@pytest.fixture
def limits() -> FlagLimits:
    """Tests that need others are parametrized with them."""
    return FlagLimits()


@pytest.fixture
async def door(world: World, limits: FlagLimits) -> AsyncIterator[Door]:
    """The composed application over a world, and clients for each of the cast."""
    async with Door(world, limits) as opened:
        yield opened


@pytest.fixture
async def entrance(world: World) -> AsyncIterator[Entrance]:
    """The same with a login provider in front."""
    async with entrance_over(world) as opened:
        yield opened

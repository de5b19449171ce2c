from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.operations.world import World
from tests.web.door import Door


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path).open()
    await opened.warm()
    yield opened
    await opened.close()


@pytest.fixture
async def door(world: World) -> AsyncIterator[Door]:
    """The composed application over a world, and clients for each of the cast."""
    async with Door(world) as opened:
        yield opened

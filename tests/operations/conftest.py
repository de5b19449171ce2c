from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.operations.world import World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A portal with one healthy service and two minutes of traffic behind it."""
    opened = await World(tmp_path).open()
    await opened.warm()
    yield opened
    await opened.close()

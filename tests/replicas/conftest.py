from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.replicas.stage import Fleet, running_fleet
from tests.store.conftest import fresh_postgres_url

__all__ = ["fresh_postgres_url"]


@pytest.fixture
async def fleet(fresh_postgres_url: str, tmp_path: Path) -> AsyncIterator[Fleet]:
    """Two real portals on one PostgreSQL, and an instance that has been counted for a while."""
    async with running_fleet(fresh_postgres_url, tmp_path) as running:
        yield running

"""A loop begins its passes in time with the portal's clock, and outlives each of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.errors import StoreUnavailable
from sre_portal.loops.every import EARLY_SECONDS, every, pause
from sre_portal.operations.ports import Ports
from tests.operations.world import World, end


@given(st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)), st.sampled_from([0.25, 1.0, 20.0]))  # noqa: DTZ001  # made aware below
def test_a_pass_begins_just_after_a_whole_multiple_of_its_seconds(at: datetime, seconds: float) -> None:
    now = at.replace(tzinfo=UTC)
    waits = pause(now, seconds)
    assert EARLY_SECONDS < waits <= seconds + EARLY_SECONDS
    assert (now.timestamp() + waits) % seconds == pytest.approx(EARLY_SECONDS, abs=1e-5)


@pytest.mark.parametrize("failure", [StoreUnavailable("the disk is full"), RuntimeError("a bug")])
async def test_a_pass_that_fails_is_counted_and_the_next_one_comes(
    tmp_path: Path, failure: Exception
) -> None:
    world = await World(tmp_path).open()
    again = asyncio.Event()
    passes = 0

    async def operation(_: Ports) -> None:
        nonlocal passes
        passes += 1
        if passes == 1:
            raise failure
        again.set()

    loop = asyncio.create_task(every(0.01, operation, world.ports))
    waiting = asyncio.create_task(again.wait())
    await asyncio.wait({loop, waiting}, return_when=asyncio.FIRST_COMPLETED)
    assert waiting.done(), loop.exception()
    await end(loop)
    assert world.ports.watch.failures == 1
    await world.close()

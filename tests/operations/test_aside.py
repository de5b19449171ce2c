"""What takes long waits for its turn, or is refused, and nobody else waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from sre_portal.core.errors import RateLimited
from sre_portal.operations import aside
from sre_portal.operations.aside import Aside


class Gate:
    """A piece of work that begins when it may and ends when it is let."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.let = threading.Event()

    def work(self) -> str:
        self.begun.set()
        self.let.wait(20)
        return "done"


@pytest.fixture
def gate() -> Iterator[Gate]:
    one = Gate()
    yield one
    one.let.set()


async def begin(one: Aside, gate: Gate) -> asyncio.Task[str]:
    task = asyncio.create_task(one.do(gate.work))
    async with asyncio.timeout(20):
        while not gate.begun.is_set():  # noqa: ASYNC110  # set by a thread
            await asyncio.sleep(0.001)
    return task


async def test_what_is_done_there_is_told_and_so_is_what_it_raises() -> None:
    one = Aside()
    assert await one.do(threading.current_thread) is not threading.current_thread()
    with pytest.raises(ZeroDivisionError):
        await one.do(lambda: 1 / 0)


async def test_what_waits_too_long_is_refused_and_never_begun(
    gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, second = Aside(), Gate()
    first = await begin(one, gate)
    monkeypatch.setattr(aside, "PATIENCE_SECONDS", 0.01)
    with pytest.raises(RateLimited):
        await one.do(second.work)
    gate.let.set()
    assert await first == "done"
    assert await one.do(lambda: 1) == 1
    assert not second.begun.is_set()


async def test_only_so_much_waits(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "MOST", 2)
    one = Aside()
    first = await begin(one, gate)
    second = asyncio.create_task(one.do(lambda: 2))
    await asyncio.sleep(0)
    with pytest.raises(RateLimited):
        await one.do(lambda: 3)
    gate.let.set()
    assert (await first, await second, await one.do(lambda: 4)) == ("done", 2, 4)


async def test_who_leaves_takes_what_has_not_begun_along(gate: Gate) -> None:
    one, second = Aside(), Gate()
    first = await begin(one, gate)
    waiting = asyncio.create_task(one.do(second.work))
    await asyncio.sleep(0)
    for task in (first, waiting):
        task.cancel()
    await asyncio.wait({first, waiting})
    gate.let.set()
    assert await one.do(lambda: 1) == 1
    assert not second.begun.is_set()


async def test_the_threads_that_others_use_are_free_meanwhile(gate: Gate) -> None:
    one = Aside()
    first = await begin(one, gate)
    assert await asyncio.to_thread(lambda: 1) == 1
    gate.let.set()
    assert await first == "done"

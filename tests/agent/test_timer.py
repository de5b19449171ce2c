import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import uvloop

from sre_portal.agent import timer
from sre_portal.agent.clock import Clock
from sre_portal.agent.timer import Waiter, wake_after

MILLISECOND = 1_000_000
Runner = Callable[[Coroutine[Any, Any, None]], None]

LOOPS = [pytest.param(asyncio.run, id="asyncio"), pytest.param(uvloop.run, id="uvloop")]


class LoopWithoutFiles(asyncio.SelectorEventLoop):
    """As on a system that cannot wait for files."""

    def add_reader(self, fd: object, callback: object, *arguments: object) -> None:
        raise NotImplementedError


def on_a_loop_without_files(work: Coroutine[Any, Any, None]) -> None:
    with asyncio.Runner(loop_factory=LoopWithoutFiles) as runner:
        runner.run(work)


def timer_files() -> int:
    """The timers that this process has open."""
    found = 0
    for path in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the listing itself
            found += str(path.readlink()) == "anon_inode:[timerfd]"
    return found


@pytest.mark.parametrize("run", [*LOOPS, pytest.param(on_a_loop_without_files, id="without files")])
def test_waiters_wake_in_the_order_of_their_times_and_none_too_early(run: Runner) -> None:
    async def work() -> None:
        loop, now = asyncio.get_running_loop(), Clock().monotonic_ns
        woken: list[int] = []

        async def wait(milliseconds: int) -> None:
            begin = now()
            waiter: Waiter = loop.create_future()
            leave = wake_after(loop, milliseconds * MILLISECOND, waiter)
            await waiter
            leave()
            woken.append(milliseconds)
            assert now() - begin >= (milliseconds - 1) * MILLISECOND

        await asyncio.gather(*(wait(milliseconds) for milliseconds in (40, 3, 20, 0, 10)))
        assert woken == [0, 3, 10, 20, 40]

    run(work())
    assert timer._alarms == {}


@pytest.mark.parametrize("run", LOOPS)
def test_there_is_one_file_while_requests_wait_and_none_afterwards(run: Runner) -> None:
    async def work() -> None:
        before = timer_files()
        loop = asyncio.get_running_loop()
        waiters: list[Waiter] = [loop.create_future() for _ in range(20)]
        leaves = [wake_after(loop, 10**12, waiter) for waiter in waiters]
        assert timer_files() == before + 1
        for leave in leaves[1:]:
            leave()
        assert timer_files() == before + 1
        leaves[0]()
        assert timer_files() == before

    run(work())


@pytest.mark.parametrize("run", [*LOOPS, pytest.param(on_a_loop_without_files, id="without files")])
def test_a_waiter_that_was_woken_otherwise_is_left_alone(run: Runner) -> None:
    async def work() -> None:
        loop = asyncio.get_running_loop()
        early, late, cancelled = (loop.create_future() for _ in range(3))
        leaves = [
            wake_after(loop, wait * MILLISECOND, waiter)
            for wait, waiter in ((1, early), (5, late), (1, cancelled))
        ]
        early.set_result(None)
        cancelled.cancel()
        await late
        for leave in leaves:
            leave()

    run(work())
    assert timer._alarms == {}

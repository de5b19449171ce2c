"""Wakes a request after a time, to a few tenths of a millisecond, on the host's own loop.

The timers of event loops tick in milliseconds: asyncio wakes up to one late, uvloop up to half a one early
or late. Linux has timers that are files (timerfd), and every loop can wait for a file. One file serves all
waiting requests of a loop; it is gone when none waits. Where there is none, the loop's own timer has to do.
"""

from __future__ import annotations

import asyncio
import heapq
import os
from collections.abc import Callable
from contextlib import suppress

from sre_portal.agent.clock import SECOND, Clock

CLOCK_MONOTONIC = 1
ABSOLUTE = 1

_now = Clock().monotonic_ns

Waiter = asyncio.Future[None]


def wake_after(loop: asyncio.AbstractEventLoop, wait_ns: int, waiter: Waiter) -> Callable[[], None]:
    """Have a future done after a time. What it returns must be called once, when nobody waits any more."""
    alarm = _alarms.get(loop) or _new_alarm(loop)
    if alarm is None:
        return loop.call_later(wait_ns / SECOND, _wake, waiter).cancel
    return alarm.wake_at(_now() + wait_ns, waiter)


def _wake(waiter: Waiter) -> None:
    if not waiter.done():
        waiter.set_result(None)


class TimerFile:
    """A timerfd of the monotonic clock. Raises where the system has none."""

    def __init__(self) -> None:
        # ctypes, because os has it from Python 3.13 on only; imported only where a delay is injected. PyDLL
        # keeps the interpreter lock: none of these calls waits.
        import ctypes  # noqa: PLC0415  # see above

        libc = ctypes.PyDLL(None)
        self._spec = (ctypes.c_long * 4)()  # repeat: seconds, nanoseconds; first: seconds, nanoseconds
        self._settime: Callable[..., int] = libc.timerfd_settime
        self.fd: int = libc.timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
        if self.fd < 0:
            raise OSError("no timerfd")

    def arm(self, at_ns: int) -> None:
        self._spec[2], self._spec[3] = divmod(at_ns, SECOND)
        self._settime(self.fd, ABSOLUTE, self._spec, None)


class Alarm:
    """All futures of one loop that wait for an instant."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timer = TimerFile()
        self._queue: list[tuple[int, int, Waiter]] = []
        self._count = 0
        self._waiting = 0
        self._armed_ns: int | None = None
        try:
            loop.add_reader(self._timer.fd, self._ring)
        except BaseException:
            os.close(self._timer.fd)
            raise

    def wake_at(self, at_ns: int, waiter: Waiter) -> Callable[[], None]:
        self._count += 1
        self._waiting += 1
        heapq.heappush(self._queue, (at_ns, self._count, waiter))
        if self._armed_ns is None or at_ns < self._armed_ns:
            self._arm(at_ns)
        return self._leave

    def _arm(self, at_ns: int) -> None:
        self._armed_ns = at_ns
        self._timer.arm(at_ns)

    def _ring(self) -> None:
        with suppress(BlockingIOError):  # armed anew meanwhile
            os.read(self._timer.fd, 8)
        now_ns = _now()
        while self._queue and self._queue[0][0] <= now_ns:
            _wake(heapq.heappop(self._queue)[2])
        self._armed_ns = None
        if self._queue:
            self._arm(self._queue[0][0])

    def _leave(self) -> None:
        self._waiting -= 1
        if not self._waiting:
            del _alarms[self._loop]
            self._loop.remove_reader(self._timer.fd)
            os.close(self._timer.fd)


_alarms: dict[asyncio.AbstractEventLoop, Alarm] = {}


def _new_alarm(loop: asyncio.AbstractEventLoop) -> Alarm | None:
    try:
        alarm = _alarms[loop] = Alarm(loop)
    except Exception:  # noqa: BLE001  # not Linux, or a loop that cannot wait for files
        return None
    return alarm

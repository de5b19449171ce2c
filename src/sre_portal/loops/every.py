"""Calls an operation again and again, never twice at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime

import structlog

from sre_portal.core.errors import PortalError
from sre_portal.operations.ports import Ports

log = structlog.get_logger("sre_portal.loops")

Operation = Callable[[Ports], Awaitable[None]]

EARLY_SECONDS = 0.002
"""A timer may ring this much early, and a pass that begins before its time finds nothing to do."""


async def every(seconds: float, operation: Operation, ports: Ports) -> None:
    """Runs until cancelled. A failed pass never ends the loop, and renews no lease.

    Passes begin at whole multiples of `seconds` of the portal's clock: a second is judged as soon as it has
    settled, and not up to a pass later.
    """
    failing = False
    while True:
        failing = await _failed(operation, ports, again=failing)
        await asyncio.sleep(pause(ports.clock.now(), seconds))


async def _failed(operation: Operation, ports: Ports, *, again: bool) -> bool:
    """Makes a pass. Whether it failed."""
    try:
        await operation(ports)
    except Exception as failure:  # noqa: BLE001  # whatever it was, the next pass tries again
        ports.watch.failures += 1
        _tell(operation.__name__, failure, again=again)
        return True
    if again:
        _tell(operation.__name__, None, again=again)
    return False


def _tell(name: str, failure: Exception | None, *, again: bool) -> None:
    with suppress(Exception):  # a log that cannot be written must not end the loop
        if failure is None:
            log.info("pass works again", operation=name)
        elif not isinstance(failure, PortalError):
            log.error("bug in a pass", operation=name, exc_info=failure)
        elif not again:
            log.warning("pass failed", operation=name, error=str(failure))


def pause(now: datetime, seconds: float) -> float:
    """How long until the next whole multiple of `seconds` since the epoch has passed."""
    return seconds - now.timestamp() % seconds + EARLY_SECONDS

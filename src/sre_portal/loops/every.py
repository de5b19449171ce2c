"""Calls an operation again and again, never twice at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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
    name = operation.__name__
    failing = False
    while True:
        try:
            await operation(ports)
        except PortalError as failure:
            ports.watch.failures += 1
            if not failing:
                log.warning("pass failed", operation=name, error=str(failure))
            failing = True
        except Exception:
            ports.watch.failures += 1
            log.exception("bug in a pass", operation=name)
        else:
            if failing:
                log.info("pass works again", operation=name)
            failing = False
        await asyncio.sleep(pause(ports.clock.now(), seconds))


def pause(now: datetime, seconds: float) -> float:
    """How long until the next whole multiple of `seconds` since the epoch has passed."""
    return seconds - now.timestamp() % seconds + EARLY_SECONDS

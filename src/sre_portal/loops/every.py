"""Calls an operation again and again, never twice at once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from sre_portal.core.errors import PortalError
from sre_portal.operations.ports import Ports

log = structlog.get_logger("sre_portal.loops")

Operation = Callable[[Ports], Awaitable[None]]


async def every(seconds: float, operation: Operation, ports: Ports) -> None:
    """Runs until cancelled. A failed pass never ends the loop, and renews no lease."""
    name = operation.__name__
    due = ports.clock.monotonic()
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
        now = ports.clock.monotonic()
        due = max(due + seconds, now)
        await asyncio.sleep(due - now)

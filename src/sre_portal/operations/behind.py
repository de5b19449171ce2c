"""Work that goes on after whoever asked for it was answered."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

from sre_portal.operations.ports import Ports


def behind(ports: Ports, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
    """Begins it, and holds on to it until it is over."""
    task = asyncio.create_task(work)
    ports.watch.behind.add(task)
    task.add_done_callback(ports.watch.behind.discard)
    return task

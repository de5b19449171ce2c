"""Tells the audit log to others, in order and at least once. A sink that is down holds nothing up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog

from sre_portal.core.errors import PortalError, UpstreamFailed
from sre_portal.core.sink import Sink
from sre_portal.operations.ports import Ports
from sre_portal.operations.watch import SinkState

log = structlog.get_logger("sre_portal.audit")

AT_ONCE = 500
"""Entries in one message to a sink."""


def telling(sink: Sink) -> Callable[[Ports], Awaitable[None]]:
    """The pass of one sink: it is told what is new. Each has its own loop: a slow one holds up no other."""

    async def tell_sink(ports: Ports) -> None:
        await _tell(ports, sink)

    return tell_sink


async def _tell(ports: Ports, sink: Sink) -> None:
    state = ports.watch.sinks.setdefault(sink.name, SinkState())
    try:
        state.sent = await ports.audit.sent(sink.name)
        while entries := await ports.audit.entries(state.sent - 1, AT_ONCE):
            # Where retention was faster than a sink that was down, there is no text left to tell.
            if told := [entry for entry in entries if entry.leaf is not None]:
                await sink.tell(told)
            state.sent = entries[-1].seq + 1
            await ports.audit.note_sent(sink.name, state.sent)
    except PortalError as failed:
        why = failed.reason if isinstance(failed, UpstreamFailed) else str(failed)
        if not state.failing:
            log.warning("the audit log cannot be sent", sink=sink.name, error=why)
        state.failing = why
    else:
        if state.failing:
            log.info("the audit log is sent again", sink=sink.name)
        state.failing = ""

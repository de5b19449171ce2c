"""One pass of time: read what came in, judge the alerts, drive the runs."""

from __future__ import annotations

from contextlib import suppress

from sre_portal.core.errors import StoreUnavailable
from sre_portal.operations.audited import write_late
from sre_portal.operations.board import judged_second, refresh_board
from sre_portal.operations.drive import drive
from sre_portal.operations.evaluate import evaluate_alerts
from sre_portal.operations.instances import look_at_instances
from sre_portal.operations.ports import Ports


async def tick(ports: Ports) -> None:
    """Called four times a second. Between two seconds it has work only while a run is live."""
    second = judged_second(ports.clock.now())
    fresh = second != ports.watch.evaluated  # also where the clock was set back
    if not fresh and not ports.watch.live:
        return
    await refresh_board(ports, fast=not fresh)
    if fresh:
        await look_at_instances(ports)
        await evaluate_alerts(ports, second)
        if ports.watch.late:
            with suppress(StoreUnavailable):
                await write_late(ports)
    failures = [failure for run_id in tuple(ports.watch.live) if (failure := await _drive(ports, run_id))]
    ports.pulse.beat()
    if failures:
        raise failures[0]


async def _drive(ports: Ports, run_id: int) -> Exception | None:
    """One run that fails, for whatever reason, does not leave the others undriven. Its leases run out."""
    try:
        await drive(ports, run_id)
    except Exception as failure:  # noqa: BLE001  # raised again once all have been driven
        return failure
    return None

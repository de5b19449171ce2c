"""One pass of time: read what came in, judge the alerts, drive the runs."""

from __future__ import annotations

from sre_portal.operations.board import LATE_SECONDS, judged_second, refresh_board
from sre_portal.operations.drive import drive
from sre_portal.operations.evaluate import evaluate_alerts
from sre_portal.operations.ports import Ports

FAST_SECONDS = 4
"""Passes between two whole seconds read only this far back."""


async def tick(ports: Ports) -> None:
    """Called four times a second. Between two seconds it has work only while a run is live."""
    second = judged_second(ports.clock.now())
    fresh = second > ports.watch.evaluated
    if not fresh and not ports.watch.live:
        return
    await refresh_board(ports, LATE_SECONDS if fresh else FAST_SECONDS)
    if fresh:
        ports.watch.instances = tuple(await ports.reports.instances())
        await evaluate_alerts(ports, second)
    for run_id in tuple(ports.watch.live):
        await drive(ports, run_id)
    ports.pulse.beat()

"""Seconds become minutes; what is too old goes."""

from __future__ import annotations

from sre_portal.operations.board import refresh_minutes
from sre_portal.operations.ports import Ports


async def roll_up(ports: Ports) -> None:
    await ports.reports.roll_up(int(ports.clock.now().timestamp()))
    await refresh_minutes(ports)

"""Seconds become minutes; what is too old goes."""

from __future__ import annotations

from sre_portal.core.flag_seen import KEPT_VERSIONS
from sre_portal.operations.board import refresh_minutes
from sre_portal.operations.ports import Ports


async def roll_up(ports: Ports) -> None:
    await ports.reports.roll_up(int(ports.clock.now().timestamp()))
    await ports.sightings.forget(KEPT_VERSIONS)
    await refresh_minutes(ports)

"""Gathers what is known of flags beside their definitions: who has them, who uses them, what waits."""

from __future__ import annotations

from sre_portal.operations.ports import Ports
from sre_portal.web.pages.flag_row import NOTHING_BESIDE, Beside


async def beside_flags(ports: Ports) -> Beside:
    """Of every flag, at this instant. Asked of the store at most once a second."""
    return NOTHING_BESIDE

"""Taking off the rules of drills whose run is over: what a portal that died, or an edit of its flag, left."""

from __future__ import annotations

import structlog

from sre_portal.core.access import PORTAL
from sre_portal.core.drill import unwrap
from sre_portal.core.errors import Conflict, InvalidInput, NotFound
from sre_portal.core.flag_change import fields_of
from sre_portal.core.flag_kept import live_row
from sre_portal.core.flag_step import Put
from sre_portal.operations.drill_acts import over_reason
from sre_portal.operations.drill_look import drill_of
from sre_portal.operations.flags import FlagOrder, change_flag, kept_now
from sre_portal.operations.ports import Ports

log = structlog.get_logger("sre_portal.drills")

MARK = '"drill '
"""What the text of a definition with such a rule has in it."""


async def take_off_left(ports: Ports) -> None:
    """Takes them off at once, whatever their clock says. A rule that belongs to no run is left alone.

    Raises `StoreUnavailable`; then it is tried again with the next pass.
    """
    for flag_set, key in _with_rules(ports):
        try:
            await _take_off(ports, flag_set, key)
        except (InvalidInput, NotFound, Conflict) as kept:  # it is looked at again, and keeps no other out
            log.warning("a rule that a drill left stays", flag=f"{flag_set}/{key}", error=str(kept))


async def _take_off(ports: Ports, flag_set: str, key: str) -> None:
    row = live_row(await kept_now(ports, flag_set), key)
    run = await drill_of(ports, row)
    if run is not None and not run.live:
        order = FlagOrder(flag_set, key, over_reason(run.id), version=row.version, is_drill=True)
        await change_flag(ports, PORTAL, order, Put(unwrap(fields_of(row) or {})))


def _with_rules(ports: Ports) -> list[tuple[str, str]]:
    """Flags that have the rule of a drill, or look so."""
    return [
        (kept.name, key)
        for kept in ports.flag_book.all()
        for key, row in kept.rows.items()
        if row.definition is not None and MARK in row.definition
    ]

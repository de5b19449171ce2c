"""What happens how often."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from sre_portal.loops.every import Operation, every
from sre_portal.operations.audit_log import forget_old, look_at_audit
from sre_portal.operations.board import refresh_minutes
from sre_portal.operations.certificates import issue_certificates, look_at_drills_due
from sre_portal.operations.drill_left import take_off_left
from sre_portal.operations.flag_making import make_due
from sre_portal.operations.flag_turns import forget_turns, look_at_turns
from sre_portal.operations.flag_use import look_for_stale, write_uses
from sre_portal.operations.flags import follow_flags
from sre_portal.operations.glass import refresh_glass
from sre_portal.operations.housekeeping import roll_up
from sre_portal.operations.ports import Ports
from sre_portal.operations.renewal import ask_providers_again
from sre_portal.operations.sinks import telling
from sre_portal.operations.standby import driving, pass_time, standing_by
from sre_portal.operations.suppressed import tell_suppressed

FOLLOW_SECONDS = 0.01
"""Between two looks for changed flags. A look waits for a word, so it costs nothing where there is none."""

SCHEDULE: Sequence[tuple[float, Operation]] = (
    (0.25, pass_time),
    (20.0, driving(roll_up)),
    (1.0, driving(issue_certificates)),
    (5.0, driving(take_off_left)),
    (20.0, look_at_drills_due),
    (20.0, standing_by(refresh_minutes)),
    (5.0, refresh_glass),
    (1.0, driving(make_due)),
    (FOLLOW_SECONDS, follow_flags),
    (30.0, ask_providers_again),
    (10.0, look_at_audit),
    (10.0, tell_suppressed),
    (0.25, driving(look_at_turns)),
    (10.0, write_uses),
    (600.0, look_for_stale),
    (3600.0, driving(forget_old)),
    (3600.0, driving(forget_turns)),
)


TELL_SECONDS = 1.0
"""How often a sink of the audit log is told."""


def schedule_of(ports: Ports) -> Sequence[tuple[float, Operation]]:
    """Every loop of this portal: those of all portals, and one for each sink of its audit log."""
    return *SCHEDULE, *((TELL_SECONDS, driving(telling(sink))) for sink in ports.sinks)


async def run_loops(ports: Ports) -> None:
    """Runs every loop until cancelled."""
    async with asyncio.TaskGroup() as group:
        for seconds, operation in schedule_of(ports):
            group.create_task(every(seconds, operation, ports))

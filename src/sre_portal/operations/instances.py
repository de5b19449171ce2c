"""Which instances there are, and which of them have reported, to this replica or to another."""

from __future__ import annotations

from sre_portal.operations.ports import Ports


async def look_at_instances(ports: Ports) -> None:
    """Reads them anew. The desk is told who has reported since the last look: reports go to any replica."""
    before = {(one.service, one.instance): one.seen_at for one in ports.watch.instances}
    found = tuple(await ports.reports.instances())
    now = ports.clock.now()
    for one in found:
        if one.is_live(now) and before.get((one.service, one.instance)) != one.seen_at:
            ports.desk.heard(one.service, one.instance)
    ports.watch.instances = found

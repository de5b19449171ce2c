"""Ending harm: in memory first. The database and the audit log hear of it after, and may be down."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from contextlib import suppress

from sre_portal.core.access import Permission, Principal, require
from sre_portal.core.audit import Intent
from sre_portal.core.errors import Conflict, StoreUnavailable
from sre_portal.core.run import Run
from sre_portal.operations.audited import Act, write_late
from sre_portal.operations.drive import drive
from sre_portal.operations.late import LateAct
from sre_portal.operations.ports import Ports
from sre_portal.operations.watch import StopRequest

MOMENT_SECONDS = 0.5
"""So long whoever stops harm waits for it to be written down. What takes longer goes on behind the answer."""


async def abort_run(ports: Ports, actor: Principal, run_id: int, reason: str, address: str = "") -> Run:
    """Withdraws a run's leases at once and ends it as aborted. A run that is over is returned as it is."""
    require(actor, Permission.RUN_ABORT)
    if run_id not in ports.watch.live:
        return await ports.runs.get(run_id)
    reason = "".join(one for one in reason if one.isprintable())[:500]  # every database can hold that
    act = Act(actor, Permission.RUN_ABORT, f"run {run_id}", address, reason)
    await _stop(ports, [run_id], act.intent(ports), reason)
    return ports.watch.live.get(run_id) or await ports.runs.get(run_id)


async def stop_all(ports: Ports, actor: Principal, address: str = "") -> Collection[int]:
    """Withdraws every lease at once and ends every live run as aborted. Returns the runs it ended."""
    require(actor, Permission.HARM_STOP)
    ports.watch.stop_alls += 1
    ended = sorted({*ports.desk.withdraw_all(), *ports.watch.live})
    act = Act(actor, Permission.HARM_STOP, f"runs {', '.join(map(str, ended)) or 'none'}", address)
    await _stop(ports, ended, act.intent(ports), "STOP ALL")
    return ended


async def _stop(ports: Ports, run_ids: Collection[int], intent: Intent, reason: str) -> None:
    """Harm is over when this first waits for something."""
    for run_id in run_ids:
        ports.desk.withdraw(run_id)
        ports.watch.stops.setdefault(run_id, StopRequest(intent.at, intent.actor, reason))
    ports.watch.late.append(LateAct(intent))
    ports.pulse.beat()
    task = asyncio.create_task(_write_down(ports, run_ids))
    ports.watch.behind.add(task)
    task.add_done_callback(ports.watch.behind.discard)
    done, _ = await asyncio.wait({task}, timeout=MOMENT_SECONDS)
    for one in done:
        one.result()


async def _write_down(ports: Ports, run_ids: Collection[int]) -> None:
    """What cannot be written now, the next pass writes."""
    with suppress(StoreUnavailable):
        await write_late(ports)
    for run_id in run_ids:
        with suppress(StoreUnavailable, Conflict):
            await drive(ports, run_id)
    ports.pulse.beat()

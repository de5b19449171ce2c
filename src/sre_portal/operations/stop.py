"""Ending harm: in memory first. The database and the audit log hear of it after, and may be down."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

from sre_portal.core.access import Permission, Principal, require
from sre_portal.core.errors import Conflict, StoreUnavailable
from sre_portal.core.run import Run
from sre_portal.operations.drive import drive
from sre_portal.operations.ports import Ports
from sre_portal.operations.watch import LateAudit, StopRequest


async def abort_run(ports: Ports, actor: Principal, run_id: int, reason: str, address: str = "") -> Run:
    """Withdraws a run's leases at once and ends it as aborted. A run that is over is returned as it is."""
    require(actor, Permission.RUN_ABORT)
    if run_id not in ports.watch.live:
        return await ports.runs.get(run_id)
    _withdraw(ports, actor, [run_id], reason)
    now = ports.clock.now()
    await _write(
        ports, LateAudit(now, actor.name, Permission.RUN_ABORT.value, f"run {run_id}", address, reason)
    )
    await _drive_quietly(ports, run_id)
    return ports.watch.live.get(run_id) or await ports.runs.get(run_id)


async def stop_all(ports: Ports, actor: Principal, address: str = "") -> Collection[int]:
    """Withdraws every lease at once and ends every live run as aborted. Returns the runs it ended."""
    require(actor, Permission.HARM_STOP)
    ports.watch.stop_alls += 1
    ended = sorted({*ports.desk.withdraw_all(), *ports.watch.live})
    _withdraw(ports, actor, ended, "STOP ALL")
    subject = f"runs {', '.join(map(str, ended)) or 'none'}"
    await _write(
        ports, LateAudit(ports.clock.now(), actor.name, Permission.HARM_STOP.value, subject, address, "")
    )
    for run_id in ended:
        await _drive_quietly(ports, run_id)
    ports.pulse.beat()
    return ended


async def write_late_audit(ports: Ports) -> None:
    """Writes down the stops that could not be written when they happened. Raises `StoreUnavailable`."""
    while ports.watch.unwritten:
        late = ports.watch.unwritten[0]
        event = await ports.audit.intend(
            late.at, late.actor, late.action, late.subject, late.address, late.detail
        )
        await ports.audit.conclude(event, "done", "")
        ports.watch.unwritten.pop(0)


def _withdraw(ports: Ports, actor: Principal, run_ids: Collection[int], reason: str) -> None:
    now = ports.clock.now()
    for run_id in run_ids:
        ports.desk.withdraw(run_id)
        ports.watch.stops.setdefault(run_id, StopRequest(now, actor.name, reason))


async def _write(ports: Ports, late: LateAudit) -> None:
    ports.watch.unwritten.append(late)
    with suppress(StoreUnavailable):
        await write_late_audit(ports)


async def _drive_quietly(ports: Ports, run_id: int) -> None:
    """Harm is over; what cannot be written now, the next pass writes."""
    with suppress(StoreUnavailable, Conflict):
        await drive(ports, run_id)

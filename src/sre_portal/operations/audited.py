"""Audit around an act: the intent is written before, the outcome after. No record, no act."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from sre_portal.core.access import Permission, Principal, require
from sre_portal.core.audit import AuditOutcome
from sre_portal.core.errors import InvalidInput, NotPermitted, Refused, StoreUnavailable
from sre_portal.operations.late import LateAct, LateOutcome
from sre_portal.operations.ports import Ports

log = structlog.get_logger("sre_portal.audit")


@dataclass(frozen=True, slots=True)
class Act:
    """Who wants to do what to what, from where, and why."""

    actor: Principal
    permission: Permission
    subject: str
    address: str = ""
    detail: str = ""


@asynccontextmanager
async def audited(ports: Ports, act: Act) -> AsyncIterator[None]:
    """Writes the intent, requires the permission, and adds the outcome however the block ends."""
    event = await ports.audit.intend(
        ports.clock.now(), act.actor.name, act.permission.value, act.subject, act.address, act.detail
    )
    try:
        require(act.actor, act.permission)
        yield
    except BaseException as failure:
        await conclude(ports, event, _outcome(failure), str(failure)[:2000] or type(failure).__name__)
        raise
    await conclude(ports, event, "done")


async def conclude(ports: Ports, event_id: int, outcome: AuditOutcome, detail: str = "") -> None:
    """Adds the outcome of an act: later, where that cannot be written now. The act has happened."""
    try:
        await ports.audit.conclude(event_id, outcome, detail)
    except StoreUnavailable:
        ports.watch.late.append(LateOutcome(event_id, outcome, detail))


async def deny(ports: Ports, act: Act, reason: str) -> None:
    """Writes down an attempt that was refused at the door. That it was refused does not depend on it."""
    with suppress(StoreUnavailable):
        event = await ports.audit.intend(
            ports.clock.now(), act.actor.name, act.permission.value, act.subject, act.address, act.detail
        )
        await conclude(ports, event, "denied", reason)


async def write_late(ports: Ports) -> None:
    """Writes down what could not be, oldest first. Raises `StoreUnavailable`; then the rest stays."""
    late = ports.watch.late
    async with ports.watch.writing:
        while late:
            one = late[0]
            try:
                if isinstance(one, LateAct):
                    event = await ports.audit.intend(
                        one.at, one.actor, one.action, one.subject, one.address, one.detail
                    )
                    late[0] = one = LateOutcome(event, "done", "")
                await ports.audit.conclude(one.event_id, one.outcome, one.detail)
            except InvalidInput as unfit:  # it would never go in, and keep all others out
                log.warning("an act cannot be written into the audit log", act=repr(one), error=str(unfit))
            late.popleft()


def _outcome(failure: BaseException) -> AuditOutcome:
    match failure:
        case NotPermitted():
            return "denied"
        case Refused() | InvalidInput():
            return "refused"
        case _:
            return "failed"

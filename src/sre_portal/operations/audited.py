"""Audit around an act: the intent is written before, the outcome after. No record, no act."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from sre_portal.core.access import Permission, Principal, require
from sre_portal.core.audit import AuditOutcome
from sre_portal.core.errors import InvalidInput, NotPermitted, PortalError, Refused
from sre_portal.operations.ports import Ports


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
        await ports.audit.conclude(event, _outcome(failure), str(failure)[:2000] or type(failure).__name__)
        raise
    await ports.audit.conclude(event, "done", "")


def _outcome(failure: BaseException) -> AuditOutcome:
    match failure:
        case NotPermitted():
            return "denied"
        case Refused() | InvalidInput():
            return "refused"
        case PortalError():
            return "failed"
        case _:
            return "failed"

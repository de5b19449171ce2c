"""Audit around an act: the intent is written before, the outcome after. No record, no act."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from sre_portal.core.access import Permission, Principal, require
from sre_portal.core.audit import AuditOutcome, Conclusion, Facts, Intent
from sre_portal.core.errors import (
    Conflict,
    InvalidInput,
    LoginRefused,
    NotAuthenticated,
    NotFound,
    NotPermitted,
    Protected,
    Refused,
    StoreUnavailable,
    Untrusted,
)
from sre_portal.operations.late import Late, LateAct, LateOutcome
from sre_portal.operations.ports import Ports

log = structlog.get_logger("sre_portal.audit")


@dataclass(frozen=True, slots=True)
class Act:
    """Who wants to do what to what, from where, and why; on which service, where it is on one."""

    actor: Principal
    permission: Permission
    object: str
    address: str = ""
    reason: str = ""
    before: Facts | None = None
    after: Facts | None = None
    service: str | None = None
    action: str = ""
    """How the audit log calls it, where the permission's name says too little."""

    def intent(self, ports: Ports) -> Intent:
        """The intent, as of now."""
        action = self.action or self.permission.value
        return intent_of(
            ports,
            self.actor,
            self.address,
            action,
            self.object,
            reason=self.reason,
            before=self.before,
            after=self.after,
        )


@dataclass(slots=True)
class Record:
    """What the outcome will say. `after` may be set when the act knows better than the intent did."""

    event: int
    detail: str = ""
    after: Facts | None = None


def intent_of(  # noqa: PLR0913  # the parts of an intent, in their order
    ports: Ports,
    actor: Principal,
    address: str,
    action: str,
    object: str,  # noqa: A002  # the word of the audit log
    *,
    reason: str = "",
    before: Facts | None = None,
    after: Facts | None = None,
) -> Intent:
    """What somebody wants to do, as of now."""
    now, who = ports.clock.now(), (actor.name, actor.id, actor.session)
    return Intent(now, *who, address, action, object, reason, before, after)


@asynccontextmanager
async def recorded(ports: Ports, intent: Intent) -> AsyncIterator[Record]:
    """Writes the intent, and adds the outcome however the block ends."""
    record = Record(await ports.audit.intend(intent))
    try:
        yield record
    except BaseException as failure:
        await conclude(ports, record.event, _outcome(failure), _why(failure))
        raise
    await conclude(ports, record.event, "done", record.detail, record.after)


@asynccontextmanager
async def audited(ports: Ports, act: Act) -> AsyncIterator[Record]:
    """As `recorded`, and requires the permission in between: a denied attempt is history too."""
    async with recorded(ports, act.intent(ports)) as record:
        require(act.actor, act.permission, act.service)
        yield record


async def conclude(
    ports: Ports, event_id: int, outcome: AuditOutcome, detail: str = "", after: Facts | None = None
) -> None:
    """Adds the outcome of an act: later, where that cannot be written now. The act has happened."""
    conclusion = Conclusion(ports.clock.now(), outcome, detail, after)
    try:
        await ports.audit.conclude(event_id, conclusion)
    except StoreUnavailable:
        ports.watch.late.append(LateOutcome(event_id, conclusion))


async def deny(ports: Ports, intent: Intent, reason: str, outcome: AuditOutcome = "denied") -> None:
    """Writes down an attempt that was refused at the door. That it was refused does not depend on it."""
    with suppress(StoreUnavailable):
        await ports.audit.record(intent, Conclusion(ports.clock.now(), outcome, reason))


async def write_late(ports: Ports) -> None:
    """Writes down what could not be, oldest first. Raises `StoreUnavailable`; then the rest stays.

    An outcome whose intent was changed in the database stays, and keeps no other out. People are told of it.
    """
    late, kept = ports.watch.late, list[Late]()
    async with ports.watch.writing:
        try:
            while late:
                if not await _is_settled(ports, late[0]):
                    kept.append(late[0])
                late.popleft()
        finally:
            late.extend(kept)


async def _is_settled(ports: Ports, one: Late) -> bool:
    """Writes one down. False where its intent cannot be trusted now."""
    try:
        if isinstance(one, LateAct):
            await ports.audit.record(one.intent, one.conclusion)
        else:
            await ports.audit.conclude(one.event_id, one.conclusion)
    except Untrusted:
        return False
    except (InvalidInput, NotFound, Conflict) as unfit:  # it would never go in, and keep all others out
        log.warning("an act cannot be written into the audit log", act=repr(one), error=str(unfit))
    return True


def _why(failure: BaseException) -> str:
    return failure.reason if isinstance(failure, LoginRefused) else str(failure) or type(failure).__name__


def _outcome(failure: BaseException) -> AuditOutcome:
    match failure:
        case NotPermitted() | NotAuthenticated() | LoginRefused():
            return "denied"
        case Refused() | Protected() | InvalidInput():
            return "refused"
        case _:
            return "failed"

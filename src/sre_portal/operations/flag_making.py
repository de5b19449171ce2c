"""Making planned changes: when a second person has approved, and when their instant has come."""

from __future__ import annotations

from dataclasses import replace

import structlog

from sre_portal.core.access import Permission, Principal, require
from sre_portal.core.audit import AuditFilter
from sre_portal.core.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    Protected,
    Superseded,
)
from sre_portal.core.flag_name import service_of
from sre_portal.core.flag_plan import FlagPlan, PlanMove, PlanState, failed, overtaken, too_late
from sre_portal.core.flag_seal import MAKE, departure, plan_facts
from sre_portal.core.flag_step import Import
from sre_portal.operations.access_act import LONGEST_REASON
from sre_portal.operations.audited import deny, intent_of
from sre_portal.operations.flag_foresight import version_now
from sre_portal.operations.flag_import import ImportOrder, import_flags
from sre_portal.operations.flags import FlagOrder, change_flag
from sre_portal.operations.ports import Ports
from sre_portal.operations.power_now import power_now

log = structlog.get_logger("sre_portal.flags")

MOST_A_PASS = 100


async def make_due(ports: Ports) -> None:
    """Makes what is due, by instant and then by number. Each is made once, whoever else tries.

    One that cannot be made now, because its set does not rest, keeps back those of the same flag that follow.
    Raises `StoreUnavailable`; then the rest stays due.
    """
    stuck: set[str] = set()
    for plan in await ports.flag_plans.due(ports.clock.now(), MOST_A_PASS):
        if plan.named in stuck:
            continue
        try:
            await _tell(ports, await make(ports, PlanMove(plan, plan)))
        except Conflict as busy:
            log.info("a planned change is not made now", plan=plan.id, why=str(busy))
            stuck.add(plan.named)


async def _tell(ports: Ports, ended: FlagPlan) -> None:
    """People hear of what failed: nobody was looking when it was due."""
    ports.pulse.beat()
    if ended.state is PlanState.FAILED:
        log.warning("a planned change failed", plan=ended.id, flag=ended.named, why=ended.outcome)
        told = f"{ended.named}: {ended.words}, planned by {ended.proposed.name} (plan {ended.id})"
        await ports.notices.send(f"Not made: {told}. {ended.outcome}")


async def make(ports: Ports, move: PlanMove) -> FlagPlan:
    """Makes a planned change as whoever proposed it. Returns it as it ended: `done`, or `failed` and why.

    Raises `Conflict` where somebody else has moved it, and where its set does not rest; `StoreUnavailable`.
    Then nothing was done.
    """
    plan = move.after
    try:
        if why := too_late(plan, ports.clock.now()) or await _doubt(ports, move.before):
            return await fail(ports, move, why)
        actor = await _proposer(ports, plan)
        await _change(ports, actor, move)
    except (Superseded, InvalidInput, NotFound, Protected) as failure:
        return await fail(ports, move, str(failure))
    except NotPermitted as failure:
        return await fail(ports, move, f"{plan.proposed.name}: {failure}")
    return await ports.flag_plans.get(plan.id)


async def _change(ports: Ports, actor: Principal, move: PlanMove) -> None:
    plan, step = move.after, move.after.step
    if isinstance(step, Import):
        of_set = ImportOrder(plan.flag_set, plan.reason, version=plan.seen, epoch=step.epoch, plan=move)
        await import_flags(ports, actor, of_set, step.document)
        return
    await ports.flag_book.refresh(ports.flags)
    version = await version_now(ports, plan)
    order = FlagOrder(plan.flag_set, plan.key, plan.reason, version=version, plan=move)
    await change_flag(ports, actor, order, step)


async def departed(ports: Ports, plan: FlagPlan) -> str:
    """Why a planned change is not what the audit log says was agreed on; empty where it is.

    Rows may be changed by whoever has the database; entries of the log are signed.
    """
    asked = AuditFilter(before=0 if plan.event is None else plan.event + 1)
    found = await ports.audit.recent(1, asked)
    return departure(plan, found[0] if found and found[0].id == plan.event else None)


async def _doubt(ports: Ports, plan: FlagPlan) -> str:
    """Why a plan is not made as it stands in the database; empty where it may be."""
    if why := await departed(ports, plan):
        return why
    if plan.decided is None:
        return ""
    try:
        second = await power_now(ports, plan.decided)
        require(second, Permission.FLAG_FLIP, service_of(plan.flag_set))
    except (NotFound, NotPermitted) as lost:
        return f"approved by {plan.decided.name}: {lost}"
    return ""


async def _proposer(ports: Ports, plan: FlagPlan) -> Principal:
    """Whoever proposed it, under the name by which it is made. Raises as `power_now`."""
    return replace(await power_now(ports, plan.proposed), name=plan.maker)


async def fail(ports: Ports, move: PlanMove, why: str) -> FlagPlan:
    """Ends it, in the audit log as well. Raises `Conflict` where somebody else has moved it."""
    plan = move.after
    told = why.replace("\n", "; ")[:LONGEST_REASON]
    ended = PlanMove(move.before, failed(plan, ports.clock.now(), told))
    if not await ports.flag_plans.move(ended):
        raise overtaken(plan)
    actor = Principal(plan.maker, (), plan.proposed.id)
    intent = intent_of(
        ports, actor, "", MAKE, f"flag:{plan.named}", reason=plan.reason, after=plan_facts(plan)
    )
    await deny(ports, intent, told, "failed")
    return ended.after

"""Making planned changes: when a second person has approved, and when their instant has come."""

from __future__ import annotations

from dataclasses import replace

import structlog

from sre_portal.core.access import Principal
from sre_portal.core.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    NotPermitted,
    Protected,
    Superseded,
)
from sre_portal.core.flag_plan import FlagPlan, PlanMove, PlanState, failed, too_late
from sre_portal.core.flag_step import Import, in_words
from sre_portal.core.grant_rule import principal_of
from sre_portal.operations.access_act import LONGEST_REASON
from sre_portal.operations.audited import deny, intent_of
from sre_portal.operations.directory import token_named
from sre_portal.operations.flag_foresight import version_now
from sre_portal.operations.flag_import import ImportOrder, import_flags
from sre_portal.operations.flags import FlagOrder, change_flag
from sre_portal.operations.ports import Ports
from sre_portal.operations.tokens import is_trusted, principal_with

log = structlog.get_logger("sre_portal.flags")

MOST_A_PASS = 100
TOKEN = "token:"  # noqa: S105  # how the ids of principals with tokens begin


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
        told = f"{ended.named}: {in_words(ended.step)}, planned by {ended.proposed.name} (plan {ended.id})"
        await ports.notices.send(f"Not made: {told}. {ended.outcome}")


async def make(ports: Ports, move: PlanMove) -> FlagPlan:
    """Makes a planned change as whoever proposed it. Returns it as it ended: `done`, or `failed` and why.

    Raises `Conflict` where somebody else has moved it, and where its set does not rest; `StoreUnavailable`.
    Then nothing was done.
    """
    plan = move.after
    try:
        if late := too_late(plan, ports.clock.now()):
            return await _fail(ports, move, late)
        actor = await _proposer(ports, plan)
        await _change(ports, actor, move)
    except (Superseded, InvalidInput, NotFound, Protected) as why:
        return await _fail(ports, move, str(why))
    except NotPermitted as why:
        return await _fail(ports, move, f"{plan.proposed.name}: {why}")
    return await ports.flag_plans.get(plan.id)


async def _change(ports: Ports, actor: Principal, move: PlanMove) -> None:
    plan, step = move.after, move.after.step
    if isinstance(step, Import):
        of_set = ImportOrder(plan.flag_set, plan.reason, version=step.version, epoch=step.epoch, plan=move)
        await import_flags(ports, actor, of_set, step.document)
        return
    await ports.flag_book.refresh(ports.flags)
    version = await version_now(ports, plan)
    order = FlagOrder(plan.flag_set, plan.key, plan.reason, version=version, way="plan", plan=move)
    await change_flag(ports, actor, order, step)


async def _proposer(ports: Ports, plan: FlagPlan) -> Principal:
    """Whoever proposed it, with what they may now. Groups of long ago are nobody's word today, as for tokens.

    Raises `NotPermitted`, or `NotFound` where the account or the token they had is gone.
    """
    who, now = plan.proposed, ports.clock.now()
    if who.id.startswith(TOKEN):
        held = principal_with(ports, await token_named(ports, who.id.removeprefix(TOKEN))).at(now)
        if held.account != who.account:
            raise NotFound("API token", f"{who.name} of the same owner")
    elif who.account is not None:
        account = await ports.accounts.get(who.account)
        rules = ports.policy.rules if is_trusted(ports, account) else ()
        held = principal_of(account, rules, ports.environment).at(now)
    else:
        raise NotFound("account", who.name)
    return replace(held, name=plan.maker)


async def _fail(ports: Ports, move: PlanMove, why: str) -> FlagPlan:
    """Ends it, in the audit log as well. Raises `Conflict` where somebody else has moved it."""
    plan = move.after
    told = why.replace("\n", "; ")[:LONGEST_REASON]
    ended = PlanMove(move.before, failed(plan, ports.clock.now(), told))
    if not await ports.flag_plans.move(ended):
        raise Conflict(f"plan {plan.id} as it was", "that somebody else was first")
    actor = Principal(plan.maker, (), plan.proposed.id)
    intent = intent_of(
        ports, actor, "", "flag:make", f"flag:{plan.named}", reason=plan.reason, after=plan_facts(plan)
    )
    await deny(ports, intent, told, "failed")
    return ended.after


def plan_facts(plan: FlagPlan) -> dict[str, object]:
    """A planned change as the audit log tells it."""
    at = None if plan.not_before is None else plan.not_before.isoformat()
    return {"plan": plan.id, "step": in_words(plan.step), "not_before": at, "state": plan.state.value}

"""Planned changes of flags: proposed by one person, approved or refused by another, cancelled by anybody."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sre_portal.core.access import Permission, Principal, needs
from sre_portal.core.account import Account, may_be_one
from sre_portal.core.errors import InvalidInput, NotPermitted, Over, Problem, Protected, raise_if
from sre_portal.core.flag_change import SHARED, FlagRow
from sre_portal.core.flag_name import name_problems, service_of
from sre_portal.core.flag_plan import (
    MOST_OPEN,
    MOST_STEPS,
    FlagPlan,
    PlanMove,
    PlanState,
    TimedStep,
    Who,
    approved,
    cancelled,
    instant_problems,
    refused,
    stands,
)
from sre_portal.core.flag_seal import APPROVE, PLAN, plan_facts
from sre_portal.core.flag_step import FlagStep, Import, Step
from sre_portal.operations.access_act import LONGEST_REASON, reason_problems
from sre_portal.operations.audited import Act, audited
from sre_portal.operations.flag_foresight import rehearsed
from sre_portal.operations.flag_import import Imported, ImportOrder, import_flags
from sre_portal.operations.flag_making import departed, fail, make
from sre_portal.operations.flags import FlagOrder, change_flag, kept_now
from sre_portal.operations.ports import Ports

ALONE = "Nobody approves their own change, and no program approves any."
ONE_PERSON = (
    "These two accounts may be one person's: those of two providers count as two people only where both "
    "have a verified e-mail address, and not the same."
)


@dataclass(frozen=True, slots=True)
class Approval:
    """Who may decide on a planned change, in words, and why whoever looks may not; empty where they may."""

    who: str
    why_not: str = ""


async def make_or_plan(
    ports: Ports, actor: Principal, order: FlagOrder, step: FlagStep
) -> FlagRow | FlagPlan:
    """Does one thing to a flag by hand; where the flag is protected, proposes it to a second person.

    Raises as `change_flag`, without `Protected`, and as `propose`.
    """
    try:
        return await change_flag(ports, actor, order, step)
    except Protected:
        [plan] = await propose(ports, actor, order, [TimedStep(step, seen=order.version)])
        return plan


async def import_or_plan(
    ports: Ports, actor: Principal, order: ImportOrder, document: str | Mapping[str, object]
) -> Imported | FlagPlan:
    """As `make_or_plan`, for a whole set. Its plan is good for the set as it is now."""
    try:
        return await import_flags(ports, actor, order, document)
    except Protected:
        text = document if isinstance(document, str) else json.dumps(document, ensure_ascii=False)
        kept = await kept_now(ports, order.flag_set)
        seen = kept.version if order.version is None else order.version
        of_set = FlagOrder(order.flag_set, SHARED, order.reason, order.address)
        draft = _draft(ports, actor, of_set, Import(text, order.epoch))
        [plan] = await _keep(ports, actor, order.address, [replace(draft, seen=seen)])
        return plan


async def propose(
    ports: Ports, actor: Principal, order: FlagOrder, steps: Sequence[TimedStep]
) -> Sequence[FlagPlan]:
    """Plans steps of one flag, one change each, all or none: `waiting` where it is protected, or `scheduled`.

    Raises `InvalidInput`, `NotFound`; `Superseded` where a step was made from another version;
    `NotPermitted`, also where a program proposes a change that takes two people.
    """
    now = ports.clock.now()
    problems = [*reason_problems(order.reason), *name_problems(order.flag_set, [order.key])]
    if not 1 <= len(steps) <= MOST_STEPS:
        problems.append(Problem("steps", f"{len(steps)} steps", f"1 to {MOST_STEPS}"))
    raise_if([*problems, *instant_problems([one.not_before for one in steps], now)])
    kept = await kept_now(ports, order.flag_set)
    drafts = []
    for one in rehearsed(kept, order, steps, now):
        draft = _draft(ports, actor, order, one.timed.step)
        state = PlanState.WAITING if one.is_held_up else PlanState.SCHEDULED
        drafts.append(replace(draft, state=state, not_before=one.timed.not_before, seen=one.timed.seen))
    return await _keep(ports, actor, order.address, drafts)


async def approve(ports: Ports, actor: Principal, plan_id: int, why: str, address: str = "") -> FlagPlan:
    """A second person lets a planned change happen: at once, or at its instant.

    Returns it as it is then: `done`, `failed` where it could not be made, or `scheduled`. Of two who approve
    at once one makes it. Raises `NotFound`, `NotPermitted`, `InvalidInput` without a reason, `Over` where it
    does not wait any more.
    """
    plan = await ports.flag_plans.get(plan_id)
    async with audited(ports, _act(actor, plan, APPROVE, why, address)) as record:
        raise_if(reason_problems(why))
        now = ports.clock.now()
        after = replace(approved(plan, _who(actor), now, why), event=record.event)
        await _check_second(ports, actor, plan)
        move = PlanMove(plan, after)
        if after.is_due(now):
            ended = await make(ports, move)
        elif changed := await departed(ports, plan):
            ended = await fail(ports, move, changed)
        else:
            return await _moved(ports, move)
        record.detail = f"{ended.state.value}: {ended.outcome}"
        return ended


async def refuse(ports: Ports, actor: Principal, plan_id: int, why: str, address: str = "") -> FlagPlan:
    """A second person says no. Raises as `approve`."""
    plan = await ports.flag_plans.get(plan_id)
    async with audited(ports, _act(actor, plan, "flag:refuse", why, address)):
        raise_if(reason_problems(why))
        after = refused(plan, _who(actor), ports.clock.now(), why)
        await _check_second(ports, actor, plan)
        return await _moved(ports, PlanMove(plan, after))


async def cancel(ports: Ports, actor: Principal, plan_id: int, why: str, address: str = "") -> FlagPlan:
    """Whoever may flip the flag takes a planned change back. Raises as `approve`."""
    plan = await ports.flag_plans.get(plan_id)
    async with audited(ports, _act(actor, plan, "flag:cancel", why, address)):
        raise_if(reason_problems(why))
        return await _moved(ports, PlanMove(plan, cancelled(plan, _who(actor), ports.clock.now(), why)))


def who_may_approve(plan: FlagPlan) -> str:
    """In words: `another person who is operator on shop`."""
    return f"another person who is {_least(plan)}"


async def approval_of(ports: Ports, actor: Principal, plan: FlagPlan) -> Approval:
    """Whether this one may approve a planned change, or refuse it, and what keeps them from it."""
    try:
        await _check_second(ports, actor, plan)
    except NotPermitted:
        own = actor.account is not None and actor.account == plan.proposed.account
        return Approval(_least(plan), "you proposed this" if own else "it takes another person")
    return Approval(_least(plan))


def _least(plan: FlagPlan) -> str:
    """The least that lets somebody decide: `operator on shop`."""
    return needs(Permission.FLAG_FLIP, service_of(plan.flag_set))


async def _keep(
    ports: Ports, actor: Principal, address: str, drafts: Sequence[FlagPlan]
) -> Sequence[FlagPlan]:
    """Writes new plans down, and tells people of those that wait for somebody."""
    first = drafts[0]
    act = replace(
        _act(actor, first, PLAN, first.reason, address),
        before=None,
        after={"steps": [plan_facts(one) for one in drafts]},
    )
    async with audited(ports, act) as record:
        waits = any(one.state is PlanState.WAITING for one in drafts)
        if waits:
            await _person(ports, actor)
        held = await ports.flag_plans.count_open(first.flag_set, first.key)
        if held + len(drafts) > MOST_OPEN:
            expected = f"at most {MOST_OPEN} together: cancel those that nobody needs"
            raise InvalidInput([Problem("steps", f"{held} open plans of {first.named}", expected)])
        plans = await ports.flag_plans.add([replace(one, event=record.event) for one in drafts])
        record.detail = f"planned {', '.join(str(one.id) for one in plans)}"
        record.after = {"steps": [plan_facts(one) for one in plans]}
    for one in plans:
        if one.state is PlanState.WAITING:
            told = f"{one.proposed.name} proposes for {one.named}: {one.words}. Reason: {one.reason}"
            await ports.notices.send(f"{told}. Plan {one.id} waits for {who_may_approve(one)}.")
    ports.pulse.beat()
    return plans


def _draft(ports: Ports, actor: Principal, order: FlagOrder, step: Step) -> FlagPlan:
    return FlagPlan(
        id=0,
        flag_set=order.flag_set,
        key=order.key,
        step=step,
        state=PlanState.WAITING,
        reason=order.reason,
        proposed_at=ports.clock.now(),
        proposed=_who(actor),
    )


def _act(actor: Principal, plan: FlagPlan, action: str, why: str, address: str) -> Act:
    return Act(
        actor,
        Permission.FLAG_FLIP,
        f"flag:{plan.named}",
        address,
        why[:LONGEST_REASON],
        before=plan_facts(plan),
        service=service_of(plan.flag_set),
        action=action,
    )


async def _moved(ports: Ports, move: PlanMove) -> FlagPlan:
    """Raises `Over`, saying where it stands now."""
    if not await ports.flag_plans.move(move):
        found = await ports.flag_plans.get(move.before.id)
        raise Over(stands(found))
    ports.pulse.beat()
    return move.after


def _who(actor: Principal) -> Who:
    return Who(actor.name, actor.id, actor.account)


async def _check_second(ports: Ports, actor: Principal, plan: FlagPlan) -> None:
    """Raises `NotPermitted` unless another person than whoever proposed it decides."""
    second = await _person(ports, actor)
    first = None if plan.proposed.account is None else await ports.accounts.get(plan.proposed.account)
    if first is None or may_be_one(first, second):
        hint = ALONE if first is None or first.id == second.id else ONE_PERSON
        raise NotPermitted(Permission.FLAG_FLIP.value, who_may_approve(plan), hint)


async def _person(ports: Ports, actor: Principal) -> Account:
    """The account of a person who acts. Raises `NotPermitted` for programs, and for tokens of nobody."""
    account = None if actor.account is None else await ports.accounts.get(actor.account)
    if account is None or account.kind != "person":
        hint = "A change of a protected flag takes two people with accounts; a program is neither of them."
        raise NotPermitted(Permission.FLAG_FLIP.value, "a person with an account", hint)
    return account

"""Changing flags: one at a time, each change a version with its reason, in the audit log before it counts."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from hashlib import sha256

from sre_portal.core.access import Permission, Principal
from sre_portal.core.audit import Facts
from sre_portal.core.errors import (
    Conflict,
    NotFound,
    Protected,
    StoreUnavailable,
    raise_if,
)
from sre_portal.core.flag_after import definition_after
from sre_portal.core.flag_change import FlagRow, SetChange, edit_of, fields_in, row_made
from sre_portal.core.flag_guard import is_held_up, protector_of
from sre_portal.core.flag_kept import KeptSet, check_seen
from sre_portal.core.flag_name import name_problems, service_of
from sre_portal.core.flag_plan import PlanMove, done, overtaken
from sre_portal.core.flag_seal import MAKE
from sre_portal.core.flag_step import FlagStep
from sre_portal.operations.access_act import LONGEST_REASON, reason_problems
from sre_portal.operations.audited import Act, audited
from sre_portal.operations.glass import BROKEN_GLASS, has_broken_glass
from sre_portal.operations.ports import Ports

TRIES = 5
"""So often a change is made again because another flag of the set was changed meanwhile."""
FOLLOW_AT_LEAST_SECONDS = 5.0
AGAIN_SECONDS = 0.5
LONGEST_TOLD = 4000
"""Characters of a definition that the audit log holds; of a longer one, or of none, the SHA-256."""


@dataclass(frozen=True, slots=True)
class FlagOrder:
    """Which flag is to be changed and why. `version` is the one that was seen, 0 for none; None: any.

    What is done by hand is held up where a flag is protected, and so is a planned change, `plan`, that nobody
    has approved. What a drill does is not.
    """

    flag_set: str
    key: str
    reason: str
    address: str = ""
    version: int | None = None
    is_drill: bool = False
    plan: PlanMove | None = None
    """The planned change as it was seen, and as it stands while it is made."""

    @property
    def needs_approval(self) -> bool:
        """Whether it is held up where a flag is protected."""
        return not self.is_drill and not (self.plan is not None and self.plan.after.is_approved)


async def follow_flags(ports: Ports) -> None:
    """Waits for a word that flags changed on another replica, for a while, and takes in what did."""
    watch = ports.watch
    longest = AGAIN_SECONDS if watch.flags_late else FOLLOW_AT_LEAST_SECONDS
    watch.flags_seen = await ports.flag_pulse.after(watch.flags_seen, longest)
    watch.flags_late = True
    await ports.flag_book.refresh(ports.flags)
    watch.flags_late = False


async def kept_now(ports: Ports, flag_set: str) -> KeptSet:
    """A set as the database has it now; an empty one where there is none of that name."""
    await ports.flag_book.refresh(ports.flags)
    return ports.flag_book.get(flag_set) or KeptSet(flag_set)


def kept_set(ports: Ports, flag_set: str) -> KeptSet:
    """A set as it is in force here. Raises `NotFound`."""
    found = ports.flag_book.get(flag_set)
    if found is None:
        raise NotFound("flag set", flag_set[:80])
    return found


async def take_in(ports: Ports) -> None:
    """Puts what was just changed in force here. If that cannot be now, the loop does it soon."""
    with suppress(StoreUnavailable):
        await ports.flag_book.refresh(ports.flags)


async def change_flag(ports: Ports, actor: Principal, order: FlagOrder, step: FlagStep) -> FlagRow:
    """Does one thing to a flag. One that already is as it would be stays at its version.

    Raises `InvalidInput` with every problem; `NotFound` where the step needs a flag that is there;
    `Superseded` where the flag is not at the version that was seen; `Protected` where a second person has to
    approve it: `flag_plans.make_or_plan` then asks for one.
    """
    raise_if([*reason_problems(order.reason), *name_problems(order.flag_set, [order.key])])
    kept = await kept_now(ports, order.flag_set)
    row, text = kept.rows.get(order.key), definition_after(kept, order.key, step, drill=order.is_drill)
    if row is not None and row.definition == text and order.version in {None, row.version}:
        return await _as_it_is(ports, actor, order, row)
    alone = check_protected(ports, actor, kept, order, step)
    before = _told(None if row is None else row.definition, 0 if row is None else row.version)
    after = _told(text, 1 if row is None else row.version + 1) | alone
    async with audited(ports, _act(actor, order, before, after)) as record:
        for _ in range(TRIES):
            if (made := await _try(ports, actor, kept, order, step)) is not None:
                record.after = _told(made.definition, made.version) | alone
                return made
            kept = await kept_now(ports, order.flag_set)
        raise Conflict("a set that rests for a moment", "one that others change all the time")


async def _as_it_is(ports: Ports, actor: Principal, order: FlagOrder, row: FlagRow) -> FlagRow:
    """A flag that is so already. The log hears of a planned change that comes true, and of who may not."""
    told, plan = _told(row.definition, row.version), order.plan
    if plan is None and actor.may(Permission.FLAG_FLIP, service_of(order.flag_set)):
        return row
    act = _act(actor, order, told, told)
    if plan is not None:
        act = replace(act, action=MAKE, after=told | {"plan": plan.before.id})
    async with audited(ports, act):
        await come_true(ports, plan, row.version)
    return row


def _act(actor: Principal, order: FlagOrder, before: Facts, after: Facts) -> Act:
    return Act(
        actor,
        Permission.FLAG_FLIP,
        f"flag:{order.flag_set}/{order.key}",
        order.address,
        order.reason[:LONGEST_REASON],
        before,
        after,
        service=service_of(order.flag_set),
    )


async def _try(
    ports: Ports, actor: Principal, kept: KeptSet, order: FlagOrder, step: FlagStep
) -> FlagRow | None:
    """Makes the change, if the set is still as it is kept; None where somebody has changed it meanwhile."""
    text = definition_after(kept, order.key, step, drill=order.is_drill)
    check_seen(kept, order.key, order.version)
    check_protected(ports, actor, kept, order, step)
    edit = edit_of(kept.rows, order.key, text)
    if edit is None:  # somebody else has just made it be so
        await come_true(ports, order.plan, kept.rows[order.key].version)
        return kept.rows[order.key]
    settles = settled(ports, order.plan, edit.version)
    change = SetChange(
        order.flag_set, kept.version, [edit], ports.clock.now(), actor.name, order.reason, settles
    )
    if not await ports.flags.change(change):
        return None
    await take_in(ports)
    return row_made(change, edit)


def check_protected(
    ports: Ports, actor: Principal, kept: KeptSet, order: FlagOrder, step: FlagStep
) -> dict[str, object]:
    """What the audit log says besides, where one person changes alone what takes two: with broken glass.

    Raises `Protected` where a second person has to approve.
    """
    if not order.needs_approval or not is_held_up(step, kept, order.key):
        return {}
    if waits_for_second(ports, actor, kept, order.key, step):
        protector = protector_of(kept, order.key)
        why = () if protector == order.key else (f"needed by {protector}",)
        raise Protected(f"{order.flag_set}/{order.key}", why)
    return {"alone": BROKEN_GLASS}


def waits_for_second(ports: Ports, actor: Principal, kept: KeptSet, key: str, step: FlagStep) -> bool:
    """Whether a change that somebody makes by hand now waits until a second person has approved it."""
    return is_held_up(step, kept, key) and not has_broken_glass(actor, ports.clock.now())


def settled(ports: Ports, plan: PlanMove | None, version: int) -> PlanMove | None:
    """A planned change as it is when it is made, at that version."""
    return None if plan is None else PlanMove(plan.before, done(plan.after, ports.clock.now(), version))


async def come_true(ports: Ports, plan: PlanMove | None, version: int) -> None:
    """All is as a planned change would make it, so it is done. Raises `Conflict`: it has ended before."""
    move = settled(ports, plan, version)
    if move is not None and not await ports.flag_plans.move(move):
        raise overtaken(move.before)


def _told(text: str | None, version: int) -> dict[str, object]:
    """A version as the audit log holds it."""
    if text is None:
        return {"version": version, "definition": None}
    if len(text) <= LONGEST_TOLD and (definition := fields_in(text)):
        return {"version": version, "definition": definition}
    return {"version": version, "sha256": sha256(text.encode()).hexdigest()}

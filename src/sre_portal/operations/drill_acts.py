"""Flipping kill switches for a run and bringing them back. Beside the loop: nothing waits for the flag store.

Both are ordinary versions of the flag. A flip is made once; a restoration is tried until the clock has ended
the drill, and finds what it needs in the flag and its history, so that any process can do it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from sre_portal.core.access import PORTAL, Permission, Principal, require
from sre_portal.core.drill import DrillName, Wrapper, unwrap, wrap, wrapper_in, wrapper_of
from sre_portal.core.drill_course import drills_of
from sre_portal.core.drill_effect import LATELY, foreseen
from sre_portal.core.drill_fit import drill_problems, name_in, own_drill
from sre_portal.core.errors import Conflict, PortalError, Problem, Superseded, raise_if
from sre_portal.core.experiment import FlagExpectation
from sre_portal.core.flag_change import FlagRow, fields_of
from sre_portal.core.flag_kept import KeptSet, live_row
from sre_portal.core.flag_plan import Who
from sre_portal.core.flag_step import Put
from sre_portal.core.observed import Flip
from sre_portal.core.run import DrillEffect, DrillMark, Run
from sre_portal.operations.behind import behind
from sre_portal.operations.drill_look import drill_of
from sre_portal.operations.drill_work import DrillWork
from sre_portal.operations.flag_facts import facts_of
from sre_portal.operations.flag_use import given_so_far
from sre_portal.operations.flags import FlagOrder, change_flag, kept_now
from sre_portal.operations.ports import Ports
from sre_portal.operations.power_now import TOKEN, power_now

log = structlog.get_logger("sre_portal.drills")

TRIES = 5
"""So often a flag is looked at again because somebody else has just changed it."""
AGAIN_SECONDS = 0.5
"""Between two tries to bring a switch back."""

RESTORED = "the definition of before is back"
TAKEN_OFF = "it was edited meanwhile, and the rule of the drill alone was taken off"
LEFT = "somebody had taken the rule of the drill off, and their word stays"
REMOVED = "somebody had removed the flag, and their word stays"
UNTOUCHED = "it was not flipped"


def flip_reason(run_id: int) -> str:
    """The reason of the version that a drill makes."""
    return f"drill in run {run_id}"


def over_reason(run_id: int) -> str:
    """The reason of the version that ends it."""
    return f"drill in run {run_id} is over"


def start_flip(ports: Ports, run: Run, index: int) -> None:
    """Begins to flip the switch of a drill. Once: asked again it does nothing."""
    work = ports.watch.drills.setdefault(run.id, DrillWork())
    if index not in work.flipping and index not in work.flips:
        work.flipping[index] = behind(ports, _flip(ports, run, index, work))


def start_restore(ports: Ports, run: Run) -> None:
    """Begins to bring all switches of a run back, if it has any. Waits for nothing, and never raises."""
    if not run.drills:
        return
    work = ports.watch.drills.setdefault(run.id, DrillWork())
    is_over = work.restoring is None or work.restoring.done()
    if is_over and len(work.restored) < len(run.drills):
        work.restoring = behind(ports, _restore_all(ports, run, work))


async def _flip(ports: Ports, run: Run, index: int, work: DrillWork) -> None:
    drill, mark = list(drills_of(run))[index]
    try:
        row, effect = await _flipped(ports, run, work, (drill, mark))
    except PortalError as failure:
        work.failed[index] = str(failure).replace("\n", "; ")
    except Exception as bug:
        work.failed[index] = f"{type(bug).__name__}: {bug}"
        log.exception("bug in the flip of a drill", run=run.id, flag=mark.name)
    else:
        work.effects[index] = effect
        work.flips[index] = Flip(row.changed_at, row.set_version)


async def _flipped(
    ports: Ports, run: Run, work: DrillWork, drill: tuple[FlagExpectation, DrillMark]
) -> tuple[FlagRow, DrillEffect]:
    """Nothing that was asked before the start is taken for granted: it may have been minutes ago."""
    asked, mark = drill
    wrapper = _wrapper(run, asked, mark)
    for _ in range(TRIES):
        kept = await kept_now(ports, mark.flag_set)
        _check_fit(kept, asked)
        row = live_row(kept, mark.flag)
        if (other := await drill_of(ports, row)) is not None:
            raise Conflict("a flag that is not drilled", f"the rule of run {other.id}")
        effect = await _effect(ports, kept, wrapper)
        actor = await _starter(ports, work.actor)
        if actor is None or not _goes_on(ports, run):
            raise Conflict("a run that goes on", "one that is being stopped")
        require(actor, Permission.RUN_START, run.service)  # the other permission is asked with the change
        order = FlagOrder(mark.flag_set, mark.flag, flip_reason(run.id), version=row.version, is_drill=True)
        try:
            step = Put(wrap(fields_of(row) or {}, wrapper))
            return await change_flag(ports, actor, order, step), effect
        except Superseded:
            continue
    raise Conflict("a flag that rests for a moment", "one that others change all the time")


def _check_fit(kept: KeptSet, drill: FlagExpectation) -> None:
    """Raises `InvalidInput` where the flag is no more what it was when the run was let start."""
    found = list(drill_problems("flag", drill, kept.name, {kept.name: kept.flags.definitions}))
    if why := kept.unsound.get(drill.flag):
        found.append(Problem("flag", why, "a definition that is in force"))
    raise_if(found)


async def _effect(ports: Ports, kept: KeptSet, wrapper: Wrapper) -> DrillEffect:
    """What the drill would do, and what the flag did without it."""
    now, facts = ports.clock.now(), facts_of(ports)
    found = await asyncio.to_thread(foreseen, kept.flags, wrapper, facts, now)
    given, last_at = await given_so_far(ports, (kept.name, wrapper.name.flag, wrapper.variant))
    gave = found.gave_before or (last_at is not None and last_at > now - LATELY)
    return found.model_copy(update={"given_before": given, "gave_before": gave})


async def _starter(ports: Ports, actor: Principal | None) -> Principal | None:
    """Whoever started the run, with what they may now. Raises `NotPermitted`, and `NotFound`."""
    if actor is None or (actor.account is None and not actor.id.startswith(TOKEN)):
        return actor  # nobody who could be looked up
    return await power_now(ports, Who(actor.name, actor.id, actor.account))


def _goes_on(ports: Ports, run: Run) -> bool:
    """Whether harm may begin: asked last, when nothing but the flip itself is left to be waited for."""
    work = ports.watch.drills.get(run.id)
    return ports.drives() and run.id not in ports.watch.stops and work is not None and work.restoring is None


async def _restore_all(ports: Ports, run: Run, work: DrillWork) -> None:
    if work.flipping:  # one that is on its way cannot be called back
        await asyncio.wait(work.flipping.values())
    left = {index for index in range(len(run.drills)) if index not in work.restored}
    while left:
        for index in sorted(left):
            drill, mark = list(drills_of(run))[index]
            try:
                work.restored[index] = await _restored(ports, run, (drill, mark), work.flips.get(index))
            except Exception as failure:  # noqa: BLE001  # whatever it was, it is tried again
                log.warning("a switch is not back yet", run=run.id, flag=mark.name, error=str(failure))
            else:
                left.discard(index)
        if left and ports.clock.now() > max(mark.until for mark in run.drills):
            return  # the clock has ended the drill; the rule is taken off with those that were left behind
        if left:
            await asyncio.sleep(AGAIN_SECONDS)
    ports.pulse.beat()


async def _restored(
    ports: Ports, run: Run, drill: tuple[FlagExpectation, DrillMark], flip: Flip | None
) -> Flip:
    (asked, mark), key = drill, drill[1].flag
    made = mark.set_version if flip is None else flip.version
    for _ in range(TRIES):
        row = (await kept_now(ports, mark.flag_set)).live(key)
        if row is None:
            return Flip(ports.clock.now(), None, REMOVED)
        fields = fields_of(row) or {}
        name = name_in(fields, mark.flag_set, key)
        if name is None or not own_drill(name, run):
            was_flipped = flip is not None or mark.flipped_at is not None
            return Flip(ports.clock.now(), None, LEFT if was_flipped else UNTOUCHED)
        is_whole = wrapper_in(fields) == _wrapper(run, asked, mark)
        is_own = row.reason == flip_reason(run.id) if made is None else row.set_version == made
        before = await _before(ports, row) if is_whole and is_own else None
        if before is not None and name_in(before, mark.flag_set, key) == name:
            before = None  # an edit of that name: the definition before it is drilled as well
        order = FlagOrder(mark.flag_set, key, over_reason(run.id), version=row.version, is_drill=True)
        try:
            back = await change_flag(ports, PORTAL, order, Put(unwrap(fields) if before is None else before))
        except Superseded:
            continue
        return Flip(back.changed_at, back.set_version, TAKEN_OFF if before is None else RESTORED)
    raise Conflict("a flag that rests for a moment", "one that others change all the time")


async def _before(ports: Ports, row: FlagRow) -> Mapping[str, object] | None:
    """The definition before a version; None where there was none, or it is not known any more."""
    found = await ports.flags.history(row.flag_set, row.key, 1, row.version)
    return fields_of(found[0]) if found else None


def _wrapper(run: Run, drill: FlagExpectation, mark: DrillMark) -> Wrapper:
    return wrapper_of(DrillName(run.id, mark.flag_set, mark.flag), drill.cohort, drill.variant, mark.until)

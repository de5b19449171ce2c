"""Flipping kill switches for a run and bringing them back. Beside the loop: nothing waits for the flag store.

Both are ordinary versions of the flag. A flip is made once; a restoration is tried until the clock has ended
the drill, and finds what it needs in the flag and its history, so that any process can do it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

import structlog

from sre_portal.core.access import PORTAL
from sre_portal.core.drill import SLACK, Wrapper, unwrap, wrap, wrapper_in, wrapper_of
from sre_portal.core.drill_course import drills_of
from sre_portal.core.errors import Conflict, InvalidInput, NotFound, PortalError, Superseded
from sre_portal.core.experiment import FlagExpectation
from sre_portal.core.flag_change import FlagRow, fields_of
from sre_portal.core.flag_kept import live_row
from sre_portal.core.observed import Flip
from sre_portal.core.run import DrillMark, Run
from sre_portal.operations.behind import behind
from sre_portal.operations.drill_work import DrillWork
from sre_portal.operations.flags import FlagOrder, kept_now, put_flag
from sre_portal.operations.ports import Ports

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
        row = await _flipped(ports, run, work, (drill, mark))
    except PortalError as failure:
        work.failed[index] = str(failure)
    except Exception as bug:
        work.failed[index] = f"{type(bug).__name__}: {bug}"
        log.exception("bug in the flip of a drill", run=run.id, flag=mark.name)
    else:
        work.flips[index] = Flip(row.changed_at, row.set_version)


async def _flipped(
    ports: Ports, run: Run, work: DrillWork, drill: tuple[FlagExpectation, DrillMark]
) -> FlagRow:
    (asked, mark), key = drill, drill[1].flag
    for _ in range(TRIES):
        row = live_row(await kept_now(ports, mark.flag_set), key)
        fields = fields_of(row) or {}
        if wrapper_in(fields) is not None:
            raise Conflict("a flag that is not drilled", "the rule of another drill")
        if work.actor is None or not _goes_on(ports, run):
            raise Conflict("a run that goes on", "one that is being stopped")
        order = FlagOrder(mark.flag_set, key, flip_reason(run.id), version=row.version, way="drill")
        try:
            return await put_flag(ports, work.actor, order, wrap(fields, _wrapper(run, asked, mark)))
        except Superseded:
            continue
    raise Conflict("a flag that rests for a moment", "one that others change all the time")


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
        if wrapper_in(fields) != _wrapper(run, asked, mark):
            was_flipped = flip is not None or mark.flipped_at is not None
            return Flip(ports.clock.now(), None, LEFT if was_flipped else UNTOUCHED)
        is_own = row.set_version == made if made is not None else row.reason == flip_reason(run.id)
        before = await _before(ports, row) if is_own else None
        order = FlagOrder(
            mark.flag_set, key, f"drill in run {run.id} is over", version=row.version, way="drill"
        )
        try:
            back = await put_flag(ports, PORTAL, order, unwrap(fields) if before is None else before)
        except Superseded:
            continue
        return Flip(back.changed_at, back.set_version, TAKEN_OFF if before is None else RESTORED)
    raise Conflict("a flag that rests for a moment", "one that others change all the time")


async def _before(ports: Ports, row: FlagRow) -> Mapping[str, object] | None:
    """The definition before a version; None where there was none, or it is not known any more."""
    found = await ports.flags.history(row.flag_set, row.key, 1, row.version)
    return fields_of(found[0]) if found else None


def _wrapper(run: Run, drill: FlagExpectation, mark: DrillMark) -> Wrapper:
    return wrapper_of(drill.cohort, drill.variant, mark.until, f"{run.id}/{mark.flag}")


async def take_off_spent(ports: Ports) -> None:
    """Takes off rules of drills that the clock has ended and that nobody will. No answer changes by that."""
    now = ports.clock.now()
    for flag_set, key in _spent(ports, now):
        try:
            await _take_off(ports, flag_set, key)
        except (InvalidInput, NotFound, Conflict) as kept:  # it is looked at again, and keeps no other out
            log.warning("a rule that a drill left stays", flag=f"{flag_set}/{key}", error=str(kept))


async def _take_off(ports: Ports, flag_set: str, key: str) -> None:
    row = live_row(await kept_now(ports, flag_set), key)
    fields = fields_of(row) or {}
    if wrapper_in(fields) is not None:
        order = FlagOrder(flag_set, key, "the clock has ended this drill", version=row.version, way="drill")
        await put_flag(ports, PORTAL, order, unwrap(fields))


def _spent(ports: Ports, now: datetime) -> list[tuple[str, str]]:
    drilled = {mark.name for run in ports.watch.live.values() for mark in run.drills}
    latest = (now - SLACK).timestamp()
    found = []
    for kept in ports.flag_book.all():
        for key, flag in kept.flags.definitions.flags.items():
            wrapper = wrapper_in({"targeting": flag.targeting})
            if wrapper is not None and wrapper.until < latest and f"{kept.name}/{key}" not in drilled:
                found.append((kept.name, key))
    return found

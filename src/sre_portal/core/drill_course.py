"""The kill switches of a run on their way: when each is flipped, what became known, what is waited for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta

from sre_portal.core.drill import until_of
from sre_portal.core.experiment import Experiment, FlagExpectation
from sre_portal.core.observed import DrillSeen, Observed
from sre_portal.core.run import DrillMark, Run, Told

FLIP_WAIT = timedelta(seconds=5)
"""A flip that takes longer is given up, and with it the run."""

RESTORE_WAIT = timedelta(seconds=6)
"""So long a run that was reverted waits for the switch to be back: as long as for the last receipt."""

TELL_WAIT = timedelta(seconds=3)
"""So long after its time a subscriber is still waited for: it tells with its next report, once a second."""


COUNT_WAIT = timedelta(seconds=15)
"""So long after the return evaluations of it may still be told: replicas write theirs every 10 s."""


def marks_of(experiment: Experiment, granted_at: datetime) -> tuple[DrillMark, ...]:
    """The kill switches of a run that starts."""
    until = until_of(granted_at, experiment.spec.duration)
    return tuple(
        DrillMark(flag_set=experiment.set_of(one), flag=one.flag, variant=one.variant, until=until)
        for one in experiment.drills
    )


def drills_of(run: Run) -> Iterator[tuple[FlagExpectation, DrillMark]]:
    """Each drill with what is known of it."""
    yield from zip(run.experiment.drills, run.drills, strict=False)


def due(run: Run, now: datetime) -> tuple[int, ...]:
    """The drills, counted from 0, whose switch has to be flipped by now and is not known to be."""
    found = []
    for index, (drill, mark) in enumerate(drills_of(run)):
        at = due_at(run, drill)
        if mark.flipped_at is None and at is not None and at <= now:
            found.append(index)
    return tuple(found)


def due_at(run: Run, drill: FlagExpectation) -> datetime | None:
    """When its switch is to be flipped. None where that is not known yet."""
    if not drill.after:
        return run.granted_at
    return None if run.effective_at is None else run.effective_at + drill.after


def drills_taken(run: Run, seen: Observed) -> tuple[DrillMark, ...]:
    """The marks with everything that was seen now. What is known stays known."""
    if not seen.drills:
        return run.drills
    return tuple(_taken(mark, one) for mark, one in zip(run.drills, seen.drills, strict=True))


def _taken(mark: DrillMark, seen: DrillSeen) -> DrillMark:
    update: dict[str, object] = {}
    if mark.flipped_at is None and seen.flip is not None:
        update |= {
            "flipped_at": seen.flip.at,
            "set_version": seen.flip.version,
            "subscribers": tuple(sorted(seen.subscribers)),
        }
    if mark.restored_at is None and seen.restored is not None:
        restored = seen.restored
        update |= {
            "restored_at": restored.at,
            "restored_version": restored.version,
            "restored_how": restored.how,
        }
    mark = mark.model_copy(update=update)
    if mark.flipped_at is None:
        return mark
    if seen.effect is not None:
        mark = mark.model_copy(update={"effect": seen.effect})
    told = _told(mark.told, mark.subscribers, seen.told, seen.subscribers)
    back = mark.told_restored
    if mark.restored_version is not None:
        back = _told(back, mark.subscribers, seen.told_restored, seen.subscribers)
    return mark.model_copy(update={"told": told, "told_restored": back})


def _told(
    before: Told, subscribers: Collection[str], delays: Mapping[str, float], live: Collection[str]
) -> Told:
    seen = {name: max(ms, 0.0) for name, ms in delays.items() if name in subscribers} | dict(before.seen)
    left = [name for name in subscribers if name not in seen]
    return Told(
        seen=tuple(sorted(seen.items())),
        missing=tuple(name for name in left if name in live),
        gone=tuple(name for name in left if name not in live),
    )


def flip_failure(run: Run, seen: Observed) -> str | None:
    """Why a switch that has to be flipped is not, as a sentence without its full stop. None where none is."""
    for (drill, mark), one in zip(drills_of(run), seen.drills, strict=False):
        if mark.flipped_at is not None:
            continue
        if one.failed:
            return f"the switch {mark.name} could not be flipped: {one.failed}"
        at = due_at(run, drill)
        if at is not None and seen.now >= at + FLIP_WAIT:
            return f"the switch {mark.name} could not be flipped: the flag store did not answer in time"
    return None


def ended(run: Run, now: datetime) -> bool:
    """Whether every switch is back, or is waited for no longer: then the clock ends its drill."""
    left = [mark for mark in run.drills if mark.ended_at(now) is None]
    return not left or (run.withdrawn_at is not None and now >= run.withdrawn_at + RESTORE_WAIT)


def last_end(run: Run) -> datetime | None:
    """When the last switch of a run that was reverted was back, or will be by the clock. None for no drill.

    One that was surely never flipped does not count.
    """
    ends = [
        mark.until if mark.restored_at is None else min(mark.restored_at, mark.until)
        for mark in run.drills
        if mark.flipped_at is not None or mark.restored_at is None or mark.restored_version is not None
    ]
    return max(ends, default=None)


def longest_wait(drill: FlagExpectation) -> timedelta:
    """How long after the return of its switch something may still become known."""
    return max(drill.seen_within + TELL_WAIT, COUNT_WAIT)


def restoration_open(run: Run, now: datetime) -> bool:
    """Whether it may still become known that every subscriber saw a switch return, or whom it changed."""
    for drill, mark in drills_of(run):
        if mark.flipped_at is None or mark.restored_at is None or mark.restored_version is None:
            continue
        late = mark.restored_at + drill.seen_within + TELL_WAIT
        if not mark.told_restored.by_all and mark.subscribers and now < late:
            return True
        if not (mark.effect and mark.effect.given) and now < mark.restored_at + COUNT_WAIT:
            return True
    return False

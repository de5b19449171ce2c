"""What one pass made known of a run's kill switches, as notes for its journal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from sre_portal.core.drill import all_of, cohort_words
from sre_portal.core.drill_course import drills_of
from sre_portal.core.experiment import FlagExpectation
from sre_portal.core.note import Note
from sre_portal.core.phrase import clock, figure
from sre_portal.core.run import DrillMark, Run, Told


def drill_news(before: Run, after: Run, _: datetime) -> Iterator[Note]:
    """Flipped, seen by all, restored, its return seen by all; and where the clock has to end a drill."""
    if len(before.drills) != len(after.drills):
        return
    for old, (drill, mark) in zip(before.drills, drills_of(after), strict=True):
        if old.flipped_at is None and mark.flipped_at is not None:
            yield _flipped(drill, mark, mark.flipped_at)
        if mark.told.by_all and not old.told.by_all:
            yield _seen(f"The flip of {mark.name}", mark, mark.told)
        was_on = mark.flipped_at is not None or mark.restored_version is not None
        if old.restored_at is None and mark.restored_at is not None and was_on:
            yield _restored(mark, mark.restored_at)
        if mark.told_restored.by_all and not old.told_restored.by_all:
            yield _seen(f"The return of {mark.name}", mark, mark.told_restored)
        if before.reverted_at is None and after.reverted_at is not None and mark.restored_at is None:
            text = f"The flag store did not answer: the clock ends the drill of {mark.name}"
            facts: dict[str, object] = {**_about(mark), "until": mark.until.isoformat()}
            yield Note("drill", f"{text} at {clock(mark.until)}.", facts)


def _flipped(drill: FlagExpectation, mark: DrillMark, at: datetime) -> Note:
    text = f"{mark.name} is {mark.variant} for {cohort_words(drill.cohort)} since {clock(at)}"
    facts: dict[str, object] = {
        **_about(mark),
        "flipped_at": at.isoformat(),
        "version": mark.set_version,
        "subscribers": list(mark.subscribers),
        "until": mark.until.isoformat(),
    }
    return Note("drill", f"{text}, and no longer than until {clock(mark.until)}.", facts)


def _seen(what: str, mark: DrillMark, told: Told) -> Note:
    slowest = max(ms for _, ms in told.seen)
    text = f"{what} was seen by {all_of(len(told.seen))} within {figure(slowest, 'ms')}."
    return Note("drill", text, {**_about(mark), "seen_ms": dict(told.seen)})


def _restored(mark: DrillMark, at: datetime) -> Note:
    text = f"{mark.name}: {mark.restored_how} at {clock(at)}."
    return Note(
        "drill", text, {**_about(mark), "restored_at": at.isoformat(), "version": mark.restored_version}
    )


def _about(mark: DrillMark) -> dict[str, object]:
    return {"set": mark.flag_set, "flag": mark.flag, "variant": mark.variant}

"""What is known of the kill switches of a run: for the guards before it, and for each pass of the loop."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sre_portal.core.drill import wrapper_in
from sre_portal.core.errors import NotFound
from sre_portal.core.experiment import Experiment
from sre_portal.core.flag_change import fields_of
from sre_portal.core.flag_kept import live_row
from sre_portal.core.observed import DrillSeen
from sre_portal.core.preflight import Switch
from sre_portal.core.run import DrillMark, Run
from sre_portal.operations.drill_work import DrillWork
from sre_portal.operations.flags import kept_now
from sre_portal.operations.ports import Ports
from sre_portal.operations.sightings import seen_by

_NOTHING = DrillWork()


async def look_at_switches(ports: Ports, experiment: Experiment) -> Sequence[Switch]:
    """Each switch that an experiment drills, as the guards look at it."""
    return [await _switch(ports, experiment.set_of(drill), drill.flag) for drill in experiment.drills]


async def _switch(ports: Ports, flag_set: str, key: str) -> Switch:
    kept = await kept_now(ports, flag_set)
    try:
        fields = fields_of(live_row(kept, key)) or {}
    except NotFound as missing:
        return Switch(flag_set, key, unfit=str(missing))
    subscribers, _ = await _told(ports, flag_set, kept.version)
    return Switch(flag_set, key, len(subscribers), wrapper_in(fields) is not None, kept.unsound.get(key, ""))


async def look_at_drills(ports: Ports, run: Run) -> Sequence[DrillSeen]:
    """What the loop decides by. Asks only for what is not known yet."""
    work = ports.watch.drills.get(run.id, _NOTHING)
    return [await _look(ports, mark, work, index) for index, mark in enumerate(run.drills)]


async def _look(ports: Ports, mark: DrillMark, work: DrillWork, index: int) -> DrillSeen:
    flip, restored = work.flips.get(index), work.restored.get(index)
    made = mark.set_version if flip is None else flip.version
    back = mark.restored_version if restored is None else restored.version
    subscribers: Collection[str] = ()
    told: Mapping[str, float] = {}
    told_restored: Mapping[str, float] = {}
    if made is not None and not mark.told.by_all:
        subscribers, told = await _told(ports, mark.flag_set, made)
    if back is not None and not mark.told_restored.by_all:
        subscribers, told_restored = await _told(ports, mark.flag_set, back)
    return DrillSeen(flip, work.failed.get(index, ""), restored, subscribers, told, told_restored)


async def _told(ports: Ports, flag_set: str, version: int) -> tuple[Collection[str], Mapping[str, float]]:
    """Who subscribes now, and when each had that version in force, in milliseconds after it was made.

    One that started later has had it from its start.
    """
    try:
        found = await seen_by(ports, flag_set, version)
    except NotFound:  # of a version that nobody knows nobody tells
        return (), {}
    return found.subscribers, found.delays

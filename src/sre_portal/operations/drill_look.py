"""What is known of the kill switches of a run: for the guards before it, and for each pass of the loop."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sre_portal.core.drill_fit import name_in, own_drill
from sre_portal.core.errors import NotFound
from sre_portal.core.experiment import Experiment
from sre_portal.core.flag_change import FlagRow, fields_of
from sre_portal.core.flag_kept import live_row
from sre_portal.core.flag_name import service_of
from sre_portal.core.observed import DrillSeen
from sre_portal.core.preflight import Switch
from sre_portal.core.run import DrillMark, Run
from sre_portal.operations.drill_work import DrillWork
from sre_portal.operations.flag_use import given_so_far
from sre_portal.operations.flags import kept_now
from sre_portal.operations.ports import Ports
from sre_portal.operations.sightings import seen_by

_NOTHING = DrillWork()


async def look_at_switches(ports: Ports, experiment: Experiment) -> Sequence[Switch]:
    """Each switch that an experiment drills, as the guards look at it."""
    return [
        await _switch(ports, experiment, experiment.set_of(drill), drill.flag) for drill in experiment.drills
    ]


async def drill_of(ports: Ports, row: FlagRow) -> Run | None:
    """The run whose drill a flag has the rule of, live or not. None where it has none.

    A rule that names no drill of a run is nobody's, whoever wrote it: it keeps no drill out.
    """
    name = name_in(fields_of(row) or {}, row.flag_set, row.key)
    if name is None:
        return None
    run = ports.watch.live.get(name.run)
    if run is None:
        try:
            run = await ports.runs.get(name.run)
        except NotFound:
            return None
    return run if own_drill(name, run) else None


async def _switch(ports: Ports, experiment: Experiment, flag_set: str, key: str) -> Switch:
    kept = await kept_now(ports, flag_set)
    try:
        row = live_row(kept, key)
    except NotFound as missing:
        return Switch(flag_set, key, unfit=str(missing))
    subscribers, _ = await _told(ports, experiment, flag_set, kept.version)
    is_drilled = await drill_of(ports, row) is not None
    return Switch(flag_set, key, len(subscribers), is_drilled, kept.unsound.get(key, ""))


async def look_at_drills(ports: Ports, run: Run) -> Sequence[DrillSeen]:
    """What the loop decides by. Asks only for what is not known yet."""
    work = ports.watch.drills.get(run.id, _NOTHING)
    return [await _look(ports, run, mark, work, index) for index, mark in enumerate(run.drills)]


async def _look(ports: Ports, run: Run, mark: DrillMark, work: DrillWork, index: int) -> DrillSeen:
    flip, restored = work.flips.get(index), work.restored.get(index)
    made = mark.set_version if flip is None else flip.version
    back = mark.restored_version if restored is None else restored.version
    subscribers: Collection[str] = ()
    told: Mapping[str, float] = {}
    told_restored: Mapping[str, float] = {}
    if made is not None and not mark.told.by_all:
        subscribers, told = await _told(ports, run.experiment, mark.flag_set, made)
    if back is not None and not mark.told_restored.by_all:
        subscribers, told_restored = await _told(ports, run.experiment, mark.flag_set, back)
    effect = mark.effect or work.effects.get(index)
    if effect is not None:
        given, _ = await given_so_far(ports, (mark.flag_set, mark.flag, mark.variant))
        since = max(effect.given, given - effect.given_before)
        effect = effect.model_copy(update={"given": since})
    failed = work.failed.get(index, "")
    return DrillSeen(flip, failed, restored, subscribers, told, told_restored, effect)


async def _told(
    ports: Ports, experiment: Experiment, flag_set: str, version: int
) -> tuple[Collection[str], Mapping[str, float]]:
    """Who subscribes now, and when each had that version in force, in milliseconds after it was made.

    One that started later has had it from its start. Of the set of everybody only the target counts: agents
    of others may tell of it what they like.
    """
    counted = {experiment.spec.target.service, service_of(flag_set)}
    try:
        found = await seen_by(ports, flag_set, version)
    except NotFound:  # of a version that nobody knows nobody tells
        return (), {}
    subscribers = [name for name in found.subscribers if name.partition("/")[0] in counted]
    return subscribers, {name: found.delays[name] for name in subscribers if name in found.delays}

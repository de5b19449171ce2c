"""Who has seen which version of a set of flags, as agents tell it in their reports."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from sre_portal.contract.flags import DEFAULT_SET
from sre_portal.contract.report import AgentReport, FlagSeen
from sre_portal.core.errors import NotFound, StoreUnavailable
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_name import service_of
from sre_portal.core.flag_seen import SeenBy, clamped, judge_seen
from sre_portal.operations.ports import Ports


async def own_sightings(ports: Ports, report: AgentReport, received_at: datetime) -> list[FlagSeen]:
    """What a report may tell: sets of its own service and the default one, versions that there are.

    Version 0 is that of a set before its first flag. What is told of a set that is not there is left out: its
    name may be anything, and nothing would ever take its rows away.
    """
    told = [one for one in report.flags_seen if service_of(one.flag_set) in {report.service, DEFAULT_SET}]
    if any(one.version > max(_version(ports, one.flag_set), 0) for one in told):
        with suppress(StoreUnavailable):  # another replica has made it a moment ago
            await ports.flag_book.refresh(ports.flags)
    return [
        FlagSeen(one.flag_set, one.version, clamped(one.at, _made_by(ports, one, received_at), received_at))
        for one in told
        if 0 <= one.version <= _version(ports, one.flag_set)
    ]


async def seen_by(ports: Ports, flag_set: str, set_version: int) -> SeenBy:
    """Which subscribers have a version of a set, and after how long. Raises `NotFound`."""
    kept = ports.flag_book.get(flag_set)
    changed_at = None if kept is None else _changes(kept).get(set_version)
    if changed_at is None:
        changed_at = await ports.sightings.changed_at(flag_set, set_version)
    if changed_at is None:
        raise NotFound("version of a flag set", f"{flag_set[:80]} {set_version}")
    now = ports.clock.now()
    live = [one for one in ports.watch.instances if one.is_live(now)]
    sightings = await ports.sightings.of(flag_set, set_version)
    return judge_seen((flag_set, set_version, changed_at), sightings, live)


def _version(ports: Ports, flag_set: str) -> int:
    """The newest version of a set; -1 where it is not there."""
    kept = ports.flag_book.get(flag_set)
    return -1 if kept is None else kept.version


def _made_by(ports: Ports, told: FlagSeen, received_at: datetime) -> datetime:
    """An instant by which a version was made or before: that of the change itself may lie in the history."""
    kept = ports.flag_book.get(told.flag_set)
    changes = {} if kept is None else _changes(kept)
    return max((at for version, at in changes.items() if version <= told.version), default=received_at)


def _changes(kept: KeptSet) -> Mapping[int, datetime]:
    """When the versions were made whose rows are still the newest of their flags."""
    return {row.set_version: row.changed_at for row in kept.rows.values()}

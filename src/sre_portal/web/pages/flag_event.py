"""What happened to the flags of a service: who changed them, and what error budgets turned."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from urllib.parse import urlencode

from sre_portal.core.flag_change import SHARED, ChangedFlag, fields_in
from sre_portal.core.flag_name import service_of
from sre_portal.core.flag_turn import FlagTurn
from sre_portal.operations.ports import Ports
from sre_portal.web.pages.event import Event, Link
from sre_portal.web.pages.figures import plural
from sre_portal.web.pages.flag_words import flag_href
from sre_portal.web.pages.recent import memo_of

MOST = 200
"""Changes that are read; a chart has a letter for 26 events."""
FEW = 3
"""More flags than this that one import changed are one event."""


async def flag_events(ports: Ports, service: str, start: datetime, stretch: str) -> list[Event]:
    """Changes and turns from `start` on, in every environment. `stretch` names how far back that is."""
    kept = [one for one in ports.flag_book.all() if service_of(one.name) == service]
    if not kept:
        return []
    sets = [one.name for one in kept]

    async def read() -> Sequence[ChangedFlag]:
        return await ports.flags.changes_since(sets, start, MOST)

    # As long as no set has another version there is no newer change, and the chart leaves out the older ones.
    versions = tuple((one.name, one.version) for one in kept)
    changes = await memo_of(ports).once_read(("flag changes", service, stretch), versions, read)
    turns = await ports.flag_turns.since(sets, start, MOST)
    return [*change_events(changes), *map(turn_event, turns)]


def change_events(changes: Sequence[ChangedFlag]) -> list[Event]:
    """One event for each changed flag; one for all of an import."""
    found: list[Event] = []
    for _, group in groupby(changes, key=lambda one: (one.row.flag_set, one.row.set_version)):
        together = list(group)
        if len(together) > FEW:
            found.append(_import_event(together))
        else:
            found += map(_change_event, together)
    return found


def turn_event(turn: FlagTurn) -> Event:
    return Event(turn.at.timestamp(), f"{turn.words},", _link(turn.flag_set, turn.key))


def change_words(change: ChangedFlag) -> str:
    """What was done to a flag, in a word."""
    if change.row.definition is None:
        return "removed"
    if change.before is None:
        return "made"
    before, after = (fields_in(text).get("state") for text in (change.before, change.row.definition))
    if before == after:
        return "changed"
    return "off" if after == "DISABLED" else "on"


def _change_event(change: ChangedFlag) -> Event:
    row = change.row
    if row.key == SHARED:
        link = _set_link(row.flag_set, f"what all flags of {row.flag_set} share")
    else:
        link = _link(row.flag_set, row.key)
    return Event(row.changed_at.timestamp(), f"{change_words(change)}, {row.changed_by},", link)


def _import_event(changes: Sequence[ChangedFlag]) -> Event:
    row = changes[0].row
    least = "at least " if len(changes) == MOST else ""
    words = f"{least}{plural(len(changes), 'flag')} changed, {row.changed_by},"
    return Event(row.changed_at.timestamp(), words, _set_link(row.flag_set, f"set {row.flag_set}"))


def _link(flag_set: str, key: str) -> Link:
    named = key if flag_set == service_of(flag_set) else f"{flag_set}/{key}"
    return Link(flag_href(flag_set, key), f"flag {named}")


def _set_link(flag_set: str, words: str) -> Link:
    return Link(f"/flags?{urlencode({'set': flag_set})}", words)

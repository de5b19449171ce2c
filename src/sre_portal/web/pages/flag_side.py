"""What stands beside a flag on its page: what it needs, how it is used, when it turned, its drills."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sre_portal.core.drill import wrapper_in
from sre_portal.core.drill_fit import name_in
from sre_portal.core.flag.definition import Flag
from sre_portal.core.flag.prerequisite import needed_by, needs_of
from sre_portal.core.flag_change import FlagRow, fields_of
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_use import UNUSED, Use, judge_stale
from sre_portal.operations.certificates import drill_standing
from sre_portal.operations.flag_use import use_of
from sre_portal.operations.ports import Ports
from sre_portal.operations.sightings import seen_by
from sre_portal.web.pages.figures import (
    Moment,
    count,
    from_epoch,
    instant,
    milliseconds,
    moment,
    plural,
    span,
)
from sre_portal.web.pages.flag_beside import drill_pill, seen_words
from sre_portal.web.pages.flag_words import flag_href
from sre_portal.web.pages.permit import ahead
from sre_portal.web.pages.pill import VERDICTS, Pill

TURNS = 8
CERTIFICATES = 4
MOST_SUBSCRIBERS = 20
MOST_USERS = 20
"""Flags that are named among those that need this one."""


@dataclass(frozen=True, slots=True)
class NeedRow:
    key: str
    href: str
    variant: str
    there: bool


@dataclass(frozen=True, slots=True)
class TurnRow:
    at: Moment
    words: str
    facts: str


@dataclass(frozen=True, slots=True)
class CertificateRow:
    run_id: int
    pill: Pill
    at: Moment
    href: str


@dataclass(frozen=True, slots=True)
class DrillCard:
    pill: Pill
    words: str
    certificates: tuple[CertificateRow, ...]


@dataclass(frozen=True, slots=True)
class SeenCard:
    """Who has the newest version of the flag, or a later one of its set."""

    words: str
    seen: tuple[tuple[str, str], ...]
    missing: tuple[str, ...]
    more: int
    """Subscribers that are not named."""
    listeners: str
    """How many event streams of OFREP were told; empty where none is open."""


@dataclass(frozen=True, slots=True)
class Drilling:
    """A drill that goes on now: the flag is flipped for some, until an instant, whatever else happens."""

    variant: str
    until: Moment
    run_id: int | None
    """None where no run that is live says so: the clock will end it."""


@dataclass(frozen=True, slots=True)
class Side:
    drilling: Drilling | None
    seen: SeenCard
    needs: tuple[NeedRow, ...]
    needed_by: tuple[tuple[str, str], ...]
    more_users: int
    use: Use
    used: str
    """How often it was evaluated, whatever it gave."""
    counted_since: Moment | None
    """None where evaluations are not counted yet."""
    is_young: bool
    """It was made later than counting began, and is counted since then."""
    stale: str
    turns: tuple[TurnRow, ...]
    drill: DrillCard | None
    """None for what is no kill switch."""


async def side_of(ports: Ports, kept: KeptSet, row: FlagRow, made_at: datetime | None) -> Side:
    """`made_at`: when the flag began, as far as that is known."""
    now = ports.clock.now()
    flags = kept.flags.definitions.flags
    uses, since = await use_of(ports, kept.name), await ports.flag_uses.counted_since()
    stale = judge_stale(kept, uses, now, since).get(row.key)
    is_young = since is not None and made_at is not None and made_at > since
    counted = made_at if is_young else since
    use = uses.get(row.key, UNUSED)
    users = needed_by(row.key, flags)
    turns = await ports.flag_turns.recent(kept.name, row.key, TURNS)
    return Side(
        drilling=_drilling(ports, row),
        seen=await _seen(ports, row),
        needs=_needs(kept, flags.get(row.key)),
        needed_by=tuple((one, flag_href(kept.name, one)) for one in users[:MOST_USERS]),
        more_users=max(0, len(users) - MOST_USERS),
        use=use,
        used=count(use.count),
        counted_since=None if counted is None else moment(counted, now),
        is_young=is_young,
        stale="" if stale is None else str(stale),
        turns=tuple(TurnRow(moment(one.at, now), one.words, _facts(one.facts)) for one in turns),
        drill=await _drill(ports, kept, row),
    )


def _drilling(ports: Ports, row: FlagRow) -> Drilling | None:
    fields = fields_of(row) or {}
    found = wrapper_in(fields)
    if found is None or from_epoch(found.until) <= ports.clock.now():
        return None
    if name_in(fields, row.flag_set, row.key) is None:
        return None
    run = found.name.run if found.name.run in ports.watch.live else None
    return Drilling(found.variant, instant(from_epoch(found.until)), run)


async def _seen(ports: Ports, row: FlagRow) -> SeenCard:
    told = await seen_by(ports, row.flag_set, row.set_version)
    missing, seen = told.missing[:MOST_SUBSCRIBERS], told.seen[-MOST_SUBSCRIBERS:]
    return SeenCard(
        seen_words(told),
        tuple(
            (one.name, "since its start" if one.delay_ms is None else str(milliseconds(one.delay_ms)))
            for one in reversed(seen)
        ),
        tuple(missing),
        len(told.missing) + len(told.seen) - len(missing) - len(seen),
        _listeners(ports, row),
    )


def _listeners(ports: Ports, row: FlagRow) -> str:
    open_here = {
        version: number
        for (name, version), number in ports.watch.flag_listeners.items()
        if name == row.flag_set
    }
    if not (total := sum(open_here.values())):
        return ""
    told = sum(number for version, number in open_here.items() if version >= row.set_version)
    return f"{count(told)} of {plural(total, 'event stream')} over OFREP, of this replica, were told."


def _needs(kept: KeptSet, flag: Flag | None) -> tuple[NeedRow, ...]:
    there = kept.flags.definitions.flags
    return tuple(
        NeedRow(one.flag, flag_href(kept.name, one.flag), one.variant, one.flag in there)
        for one in (() if flag is None else needs_of(flag))
    )


async def _drill(ports: Ports, kept: KeptSet, row: FlagRow) -> DrillCard | None:
    standing = (await drill_standing(ports, kept.name)).get(row.key)
    if standing is None:
        return None
    now, every = ports.clock.now(), span(standing.every)
    due = standing.due_at
    words = f"No drill of it has ever passed. It is due every {every}."
    if due is not None:
        words = f"Due every {every}: {'since ' if standing.is_due else ''}{ahead(due, now).text}."
    found = await ports.certificates.of_flag(kept.name, row.key, CERTIFICATES)
    rows = tuple(
        CertificateRow(
            one.run_id,
            VERDICTS[one.verdict],
            moment(one.issued_at, now),
            f"/api/v1/runs/{one.run_id}/certificates/{flag_href(kept.name, row.key).removeprefix('/flags/')}",
        )
        for one in found
    )
    return DrillCard(drill_pill(standing), words, rows)


def _facts(facts: Mapping[str, float | None]) -> str:
    told = (
        f"{name} {'unknown' if value is None else f'{value:.3g}'}" for name, value in sorted(facts.items())
    )
    return ", ".join(told)

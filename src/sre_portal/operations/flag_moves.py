"""Whom a change of a flag moves, before it is made. Reads only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sre_portal.core.errors import InvalidInput, Problem, raise_if
from sre_portal.core.flag.definition import Flag
from sre_portal.core.flag.flag_set import FlagSet
from sre_portal.core.flag.parse import parse_one
from sre_portal.core.flag.prerequisite import broken_without, needed_by
from sre_portal.core.flag_change import FlagRow, edited, fields_of
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_moves.compare import Moves, moves
from sre_portal.core.flag_moves.people import Asked, Moved, moved
from sre_portal.core.flag_name import name_problems
from sre_portal.operations.flag_facts import facts_of
from sre_portal.operations.ports import Ports

MOST_PEOPLE = 100_000
"""People of one question."""
AT_ONCE = 200
"""People that are asked for on a thread before time is looked at."""
LONGEST = timedelta(seconds=20)

Person = str | Mapping[str, object]
"""A key, or a whole evaluation context."""


@dataclass(frozen=True, slots=True)
class People:
    """Who is asked for. Keys are put at `attribute` into `context`; contexts are taken as they are."""

    who: Sequence[Person] = ()
    attribute: str = "targetingKey"
    context: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FlagMoves:
    """What a change moves: shares, and of the people that were given exactly who.

    `needed_by` are flags that need this one: their people may move as well, and are not counted. `asked` is
    how many people were given, None where none were.
    """

    told: Moves
    needed_by: Sequence[str] = ()
    asked: int | None = None
    moved: Sequence[Moved] = ()


async def moves_of(
    ports: Ports,
    flag_set: str,
    key: str,
    proposed: Mapping[str, object] | None,
    people: People | None = None,
) -> FlagMoves:
    """What making a flag be this would move; None removes it.

    Raises `InvalidInput` with every problem, also where counting the people takes too long.
    """
    raise_if(name_problems(flag_set, [key]))
    kept = ports.flag_book.get(flag_set) or KeptSet(flag_set)
    flag, after = await asyncio.to_thread(_after, kept, key, proposed)
    around = kept.flags.definitions
    told = await asyncio.to_thread(moves, around.flags.get(key), flag, around)
    others = needed_by(key, around.flags)
    if people is None:
        return FlagMoves(told, others)
    found = await _count(ports, key, kept.flags, after, people)
    return FlagMoves(told, others, len(people.who), found)


def moves_made(before: KeptSet, row: FlagRow) -> Moves:
    """What a change has moved. `before` is the set as it was."""
    key, fields = row.key, fields_of(row)
    flag = None if fields is None else parse_one(key, fields, before.shared).flags[key]
    around = before.flags.definitions
    return moves(around.flags.get(key), flag, around)


def _after(kept: KeptSet, key: str, proposed: Mapping[str, object] | None) -> tuple[Flag | None, FlagSet]:
    before = kept.flags
    if proposed is None:
        raise_if(broken_without(key, before.definitions.flags))
        return None, before.without(key)
    flag = edited(kept.shared, before.definitions, key, proposed)
    return flag, before.with_flag(flag)


async def _count(ports: Ports, key: str, before: FlagSet, after: FlagSet, people: People) -> Sequence[Moved]:
    """One count at a time: it takes a thread, and the time of all others who evaluate."""
    if len(people.who) > MOST_PEOPLE:
        raise InvalidInput([Problem("keys", f"{len(people.who)} people", f"at most {MOST_PEOPLE} at once")])
    async with ports.watch.counting:
        begun = ports.clock.now()
        asked = Asked(people.attribute, people.context, facts_of(ports), int(begun.timestamp()))
        found: list[Moved] = []
        for start in range(0, len(people.who), AT_ONCE):
            if ports.clock.now() - begun > LONGEST:
                seen = f"{start} of {len(people.who)} people in {LONGEST.total_seconds():.0f} s"
                raise InvalidInput([Problem("keys", seen, "fewer people at once: the rule takes long")])
            some = people.who[start : start + AT_ONCE]
            found += await asyncio.to_thread(_moved, some, key, before, after, asked)
        return found


def _moved(
    some: Sequence[Person], key: str, before: FlagSet, after: FlagSet, asked: Asked
) -> Sequence[Moved]:
    return list(moved(some, key, before, after, asked))

"""Whom a change of a flag moves, before it is made. Reads only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from sre_portal.core.errors import InvalidInput, Problem, RateLimited, raise_if
from sre_portal.core.flag.definition import Flag
from sre_portal.core.flag.flag_set import FlagSet
from sre_portal.core.flag.parse import parse_one
from sre_portal.core.flag.prerequisite import broken_without, needed_by
from sre_portal.core.flag_change import FlagRow, edited, fields_of
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_moves.compare import Moves, moves
from sre_portal.core.flag_moves.people import Asked, Moved, moved
from sre_portal.core.flag_name import name_problems
from sre_portal.core.ports import Clock
from sre_portal.operations.flag_facts import facts_of
from sre_portal.operations.ports import Ports

MOST_PEOPLE = 100_000
"""People of one question."""
LONGEST = timedelta(seconds=20)
"""So long a count may take."""
TURN = timedelta(seconds=0.25)
"""So long it goes on before others have a turn."""
PATIENCE_SECONDS = 5.0
"""So long it waits for another count."""

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

    Raises `InvalidInput` with every problem, also where counting the people takes too long, and `RateLimited`
    where others take too long.
    """
    raise_if(name_problems(flag_set, [key]))
    kept = ports.flag_book.get(flag_set) or KeptSet(flag_set)
    told, after = await ports.aside.do(partial(_compared, kept, key, proposed))
    others = needed_by(key, kept.flags.definitions.flags)
    if people is None:
        return FlagMoves(told, others)
    found = await _count(ports, _Change(key, kept.flags, after), people)
    return FlagMoves(told, others, len(people.who), found)


def moves_made(before: KeptSet, row: FlagRow) -> Moves:
    """What a change has moved. `before` is the set as it was."""
    key, fields = row.key, fields_of(row)
    flag = None if fields is None else parse_one(key, fields, before.shared).flags[key]
    around = before.flags.definitions
    return moves(around.flags.get(key), flag, around)


def _compared(kept: KeptSet, key: str, proposed: Mapping[str, object] | None) -> tuple[Moves, FlagSet]:
    """What making a flag be this moves, and the set after it."""
    flag, after = _after(kept, key, proposed)
    around = kept.flags.definitions
    return moves(around.flags.get(key), flag, around), after


def _after(kept: KeptSet, key: str, proposed: Mapping[str, object] | None) -> tuple[Flag | None, FlagSet]:
    before = kept.flags
    if proposed is None:
        raise_if(broken_without(key, before.definitions.flags))
        return None, before.without(key)
    flag = edited(kept.shared, before.definitions, key, proposed)
    return flag, before.with_flag(flag)


@dataclass(frozen=True, slots=True)
class _Change:
    """A flag, and its set without and with the change."""

    key: str
    before: FlagSet
    after: FlagSet


async def _count(ports: Ports, change: _Change, people: People) -> Sequence[Moved]:
    """One count at a time: it takes a thread, and the time of all others who evaluate."""
    if len(people.who) > MOST_PEOPLE:
        raise InvalidInput([Problem("keys", f"{len(people.who)} people", f"at most {MOST_PEOPLE} at once")])
    async with _alone(ports.watch.counting):
        begun = ports.clock.now()
        asked = Asked(people.attribute, people.context, facts_of(ports), int(begun.timestamp()))
        found: list[Moved] = []
        left = people.who
        while left:
            now = ports.clock.now()
            if now - begun >= LONGEST:
                seen = f"{len(people.who) - len(left)} of {len(people.who)} people in {LONGEST.seconds} s"
                raise InvalidInput([Problem("keys", seen, "fewer people at once: the rule takes long")])
            until = min(now + TURN, begun + LONGEST)
            some, count = await ports.aside.do(partial(_moved, ports.clock, until, left, change, asked))
            found += some
            left = left[count:]
        return found


@asynccontextmanager
async def _alone(lock: asyncio.Lock) -> AsyncIterator[None]:
    """Holds a lock. Raises `RateLimited` where others hold it for long."""
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await lock.acquire()
    except TimeoutError:
        raise RateLimited(LONGEST.total_seconds()) from None
    try:
        yield
    finally:
        lock.release()


def _moved(
    clock: Clock, until: datetime, who: Sequence[Person], change: _Change, asked: Asked
) -> tuple[Sequence[Moved], int]:
    """Those who move among the first people, and how many were asked for until then: one at least."""
    found: list[Moved] = []
    for count, one in enumerate(who, 1):
        found += moved([one], change.key, change.before, change.after, asked)
        if clock.now() >= until:
            return found, count
    return found, len(who)

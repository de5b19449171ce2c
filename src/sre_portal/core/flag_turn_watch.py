"""How the conditions of every flag stand, and what turned. In memory; asks no database and no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sre_portal.core.flag.definition import Flag
from sre_portal.core.flag.lookup import SLO, Facts
from sre_portal.core.flag_change import SHARED
from sre_portal.core.flag_conditions import Conditions, State, conditions_of
from sre_portal.core.flag_kept import KeptSet, SetAndKey
from sre_portal.core.flag_turn import FlagTurn, TurnedCondition

QUIET = timedelta(seconds=10)
"""A flag turns at most so often: a budget that lies on a threshold must not fill the log."""
MOST_WAITING = 1000
"""Turns that wait to be written. With so many, flags turn no more until some are."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A flag whose rule has conditions."""

    flag: Flag
    evaluators: Mapping[str, object]
    conditions: Conditions

    @property
    def named(self) -> tuple[tuple[str, str], ...]:
        """What tells its conditions from others."""
        return tuple((one.path, one.words) for one in self.conditions.found)


@dataclass(frozen=True, slots=True)
class Stood:
    """How the conditions of a flag stood when it last turned, or was looked at for the first time."""

    named: tuple[tuple[str, str], ...]
    states: tuple[State, ...]
    facts: Mapping[str, float | None]
    turned_at: datetime | None = None


@dataclass(slots=True)
class WaitingTurn:
    """A turn that is to be written down. `facts_before` are those of the turn before it."""

    turn: FlagTurn
    facts_before: Mapping[str, float | None]
    is_told: bool = False
    """Whether the audit log has it already."""


@dataclass(slots=True)
class TurnWatch:
    term: int = 0
    """The term of driving for which all of this is known."""
    waiting: deque[WaitingTurn] = field(default_factory=deque)
    _sets: dict[str, KeptSet] = field(default_factory=dict)
    _watched: dict[SetAndKey, Watched] = field(default_factory=dict)
    _stood: dict[SetAndKey, Stood] = field(default_factory=dict)
    _facts: Facts | None = None
    _held: set[SetAndKey] = field(default_factory=set)
    """Flags that turned again too soon."""

    def begin(self, term: int, last: Iterable[FlagTurn]) -> None:
        """Starts from the newest turn of each flag that was written."""
        self.waiting.clear()
        self._sets.clear()
        self._watched.clear()
        self._held.clear()
        self._facts = None
        self._stood = {
            (one.flag_set, one.key): Stood(
                tuple((condition.path, condition.words) for condition in one.conditions),
                tuple(condition.after for condition in one.conditions),
                one.facts,
                one.at,
            )
            for one in last
        }
        self.term = term

    def look(self, sets: Sequence[KeptSet], facts: Facts, now: datetime) -> None:
        """Finds what turned. Costs nothing where neither facts nor flags changed."""
        changed = [kept for kept in sets if self._sets.get(kept.name) is not kept]
        for kept in changed:
            self._follow(kept)
        if not changed and facts is self._facts and not self._held:
            return
        self._facts = facts
        for place, watched in self._watched.items():
            self._judge(place, watched, facts, now)

    def _follow(self, kept: KeptSet) -> None:
        """Another version of a set is in force. Only what changed is looked at, where that is known."""
        changed = kept.changed_since(self._sets.get(kept.name))
        keys = list(kept.rows) if changed is None else changed
        self._sets[kept.name] = kept
        found = {(kept.name, key): self._watch_one(kept, key) for key in _may_read_facts(kept, keys)}
        for key in keys:
            place = (kept.name, key)
            watched = found.get(place)
            if watched is not None and watched.conditions.found:
                self._watched[place] = watched
            elif self._watched.pop(place, None) is not None:
                self._stood.pop(place, None)
                self._held.discard(place)

    def _watch_one(self, kept: KeptSet, key: str) -> Watched:
        definitions, known = kept.flags.definitions, self._watched.get((kept.name, key))
        flag, evaluators = definitions.flags[key], definitions.evaluators
        if known is not None and known.flag == flag and known.evaluators == evaluators:
            return known
        return Watched(flag, evaluators, conditions_of(flag, evaluators))

    def _judge(self, place: SetAndKey, watched: Watched, facts: Facts, now: datetime) -> None:
        states, before = watched.conditions.states(facts), self._stood.get(place)
        if before is None or before.named != watched.named:  # another rule: that it was changed is known
            self._stood[place] = Stood(watched.named, states, watched.conditions.known(facts))
            self._held.discard(place)
        elif before.states == states:
            self._held.discard(place)
        elif self._is_too_soon(before, now):
            self._held.add(place)
        else:
            self._held.discard(place)
            self._turn(place, before, Stood(before.named, states, watched.conditions.known(facts), now))

    def _is_too_soon(self, before: Stood, now: datetime) -> bool:
        at = before.turned_at
        return (at is not None and timedelta() <= now - at < QUIET) or len(self.waiting) >= MOST_WAITING

    def _turn(self, place: SetAndKey, before: Stood, after: Stood) -> None:
        conditions = tuple(
            TurnedCondition(*named, *states)
            for named, *states in zip(after.named, before.states, after.states, strict=True)
        )
        if after.turned_at is not None:
            turn = FlagTurn(*place, after.turned_at, conditions, after.facts)
            self.waiting.append(WaitingTurn(turn, before.facts))
        self._stood[place] = after


def _may_read_facts(kept: KeptSet, keys: Iterable[str]) -> Iterator[str]:
    """Flags in force whose text names facts, or a shared rule where one of those does. A quick look."""
    marks = [f'"{SLO}']
    shared = kept.rows.get(SHARED)
    if shared is not None and marks[0] in (shared.definition or ""):
        marks.append('"$ref"')
    for key in keys:
        if key in kept.flags:
            text = "" if key in kept.unsound else kept.rows[key].definition or ""
            if not text or any(mark in text for mark in marks):
                yield key

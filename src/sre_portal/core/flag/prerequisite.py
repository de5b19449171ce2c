"""Flags that need others: what the metadata says of it, and whether that makes sense in a whole set."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from sre_portal.core.errors import Problem
from sre_portal.core.flag.check import in_cycles, peel
from sre_portal.core.flag.definition import NEEDS, Flag
from sre_portal.core.flag.shared import Findings

MAX_NEEDED = 20
"""Prerequisites of one flag."""
MAX_CHAIN = 10
"""Flags that need each other in a row, without the last one, which needs none."""
MAX_TEXT = 10_000
"""Characters of the text."""
_FORM = 'pairs of a flag and its variant, such as "checkout=on, layout=wide"'


class Prerequisite(NamedTuple):
    """Another flag of the same set, and the variant that it has to give."""

    flag: str
    variant: str

    def __str__(self) -> str:
        return f"{self.flag}={self.variant}"


class Malformed(ValueError):
    """A text that is no list of prerequisites: what was seen in it, and what is expected."""

    def __init__(self, seen: str, expected: str) -> None:
        super().__init__(f"{seen}; expected {expected}")
        self.seen = seen
        self.expected = expected


def parse_prerequisites(said: object) -> tuple[Prerequisite, ...]:
    """What a text in the metadata says, in its order. Each part is cut at its first `=`.

    Raises:
        Malformed: it is no such text, says a flag twice, or has too many.
    """
    if not isinstance(said, str):
        raise Malformed(repr(said), _FORM)
    if len(said) > MAX_TEXT:
        raise Malformed(f"{len(said)} characters", f"at most {MAX_TEXT}")
    return _parsed(said)


@lru_cache(maxsize=1024)
def _parsed(said: str) -> tuple[Prerequisite, ...]:
    """Kept, because an edit of one flag looks at those of its whole set."""
    found: dict[str, Prerequisite] = {}
    for part in said.split(","):
        flag, equals, variant = (piece.strip() for piece in part.partition("="))
        if not (flag and equals and variant):
            raise Malformed(repr(part.strip()[:80]), _FORM)
        if flag in found:
            raise Malformed(f"the flag {flag!r:.80} twice", "each flag once")
        found[flag] = Prerequisite(flag, variant)
    if len(found) > MAX_NEEDED:
        raise Malformed(f"{len(found)} prerequisites", f"at most {MAX_NEEDED}")
    return tuple(found.values())


def needs_of(flag: Flag) -> tuple[Prerequisite, ...]:
    """The prerequisites of a flag that was parsed."""
    return parse_prerequisites(flag.metadata[NEEDS]) if NEEDS in flag.metadata else ()


def path_of(key: str) -> str:
    """Where the prerequisites of a flag stand in a document."""
    return f"flags.{key}.metadata.{NEEDS}"


class Outline(NamedTuple):
    """What is looked at of a set: the flags with prerequisites, and the variants of every flag.

    The variants are None where they are not known because they have problems of their own.
    """

    needs: Mapping[str, Sequence[Prerequisite]]
    variants: Mapping[str, Collection[str] | None]


def outline(flags: Mapping[str, Flag]) -> Outline:
    """Of flags that were parsed, by themselves or as a set."""
    needs = {key: needs_of(flag) for key, flag in flags.items() if NEEDS in flag.metadata}
    return Outline(needs, {key: flag.variants for key, flag in flags.items()})


class Flaw(NamedTuple):
    """What a report takes."""

    path: str
    seen: str
    expected: str
    name: str = ""
    known: Iterable[str] = ()


def flaws(told: Outline) -> Iterator[Flaw]:
    """Prerequisites that nothing can meet, cycles, and chains that are too long."""
    for key, wanted in told.needs.items():
        for one in wanted:
            yield from _flaws_of(key, one, told.variants)
    if told.needs:
        yield from _flaws_of_chains({key: [one.flag for one in wanted] for key, wanted in told.needs.items()})


def new_flaws(before: Outline, after: Outline) -> Iterator[Flaw]:
    """What a change of some flags breaks, also in those that need them, and was not broken before."""
    was = {(one.path, one.seen) for one in flaws(before)}
    return (one for one in flaws(after) if (one.path, one.seen) not in was)


def broken_without(key: str, flags: Mapping[str, Flag]) -> list[Problem]:
    """What taking a flag away breaks: every flag that needs it."""
    left = {name: flag for name, flag in flags.items() if name != key}
    findings = Findings("")
    for one in new_flaws(outline(flags), outline(left)):
        findings.report(*one)
    return findings.told()


def _flaws_of(key: str, one: Prerequisite, variants: Mapping[str, Collection[str] | None]) -> Iterator[Flaw]:
    known = variants.get(one.flag)
    if one.flag not in variants:
        others = (other for other in variants if other != key)
        yield Flaw(path_of(key), f"the flag {one.flag!r}", "a flag of this set", one.flag, others)
    elif known is not None and one.variant not in known:
        seen = f"the variant {one.variant!r} of {one.flag!r}"
        yield Flaw(path_of(key), seen, f"a variant of {one.flag!r}", one.variant, known)


def _flaws_of_chains(needs: Mapping[str, Sequence[str]]) -> Iterator[Flaw]:
    order, left = peel(needs)
    for cycle in _cycles({key: sorted(left[key]) for key in sorted(in_cycles(left))}):
        yield Flaw(path_of(cycle[0]), " needs ".join(map(repr, cycle)), "flags that do not need themselves")
    length: dict[str, int] = {}
    for key in order:
        length[key] = 1 + max(length.get(other, 0) for other in needs[key])
        if length[key] == MAX_CHAIN + 1:  # what needs this one is too long for the same reason
            yield Flaw(path_of(key), f"a chain of {MAX_CHAIN + 1} flags", f"at most {MAX_CHAIN}")


def _cycles(needs: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """Cycles, so many that every one shares a flag with one of these; each ends with its first flag again."""
    seen: set[str] = set()
    for start in needs:
        way: list[str] = []
        key = start
        while key not in seen:
            seen.add(key)
            way.append(key)
            key = next(other for other in needs[key] if other in needs)
        if key in way:
            cycle = way[way.index(key) :]
            first = cycle.index(min(cycle))
            turned = [*cycle[first:], *cycle[:first]]
            yield [*turned, turned[0]]


def needed_by(key: str, flags: Mapping[str, Flag]) -> list[str]:
    """The flags that need a flag, themselves or through others, sorted."""
    users: dict[str, list[str]] = {}
    for name, flag in flags.items():
        for one in needs_of(flag):
            users.setdefault(one.flag, []).append(name)
    found: dict[str, None] = {}
    waiting = [key]
    for name in waiting:  # grows as it goes
        for user in users.get(name, ()):
            if user not in found:
                found[user] = None
                waiting.append(user)
    return sorted(found)

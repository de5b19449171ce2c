"""What differs between two versions of a definition, line by line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial
from itertools import takewhile
from typing import Literal

from sre_portal.operations.flag_draft import readable_definition
from sre_portal.operations.ports import Ports
from sre_portal.web.pages.figures import plural

Part = tuple[Literal["replace", "delete", "insert", "equal"], int, int, int, int]
"""What became of lines: from and to in the old text, from and to in the new one."""
AROUND = 3
"""Lines that stay and are shown beside those that change."""
MOST_COMPARED = 8_000_000
"""Pairs of lines that are compared at most, 0.2 s; what would take more is told as a whole."""


@dataclass(frozen=True, slots=True)
class Line:
    kind: str
    """`gone`, `new`, `same`, or `left` for lines that are left out."""
    text: str

    @property
    def mark(self) -> str:
        return {"gone": "-", "new": "+"}.get(self.kind, "")


@dataclass(frozen=True, slots=True)
class Diff:
    lines: tuple[Line, ...]
    gone: int
    new: int

    @classmethod
    def of(cls, before: str | None, after: str | None) -> Diff:
        """Of two kept definitions; None where there is no flag."""
        lines = tuple(_lines(_split(before), _split(after)))
        kinds = [one.kind for one in lines]
        return cls(lines, kinds.count("gone"), kinds.count("new"))

    @property
    def words(self) -> str:
        return f"{plural(self.new, 'line')} new, {self.gone} gone" if self.lines else "nothing differs"


async def diff_of(ports: Ports, before: str | None, after: str | None) -> Diff:
    """The same, worked out aside. Raises `RateLimited`."""
    return await ports.aside.do(partial(Diff.of, before, after))


def _split(text: str | None) -> list[str]:
    return [] if text is None else readable_definition(text).splitlines()


def _lines(before: list[str], after: list[str]) -> Iterator[Line]:
    at = 0
    for group in _Between(before, after).get_grouped_opcodes(AROUND):
        if group[0][1] > at:
            yield _left(group[0][1] - at)
        for tag, old, old_end, new, new_end in group:
            if tag == "equal":
                yield from (Line("same", text) for text in before[old:old_end])
            else:
                yield from (Line("gone", text) for text in before[old:old_end])
                yield from (Line("new", text) for text in after[new:new_end])
        at = group[-1][2]
    if 0 < at < len(before):
        yield _left(len(before) - at)


class _Between(SequenceMatcher[str]):
    """Compares what is between the lines that begin and end both."""

    def __init__(self, before: Sequence[str], after: Sequence[str]) -> None:
        super().__init__(None, before, after, autojunk=False)
        self._before = before
        self._after = after

    def get_opcodes(self) -> list[Part]:
        before, after = self._before, self._after
        head = _alike(before, after)
        tail = _alike(before[head:][::-1], after[head:][::-1])
        old_end, new_end = len(before) - tail, len(after) - tail
        parts = list[Part]([("equal", 0, head, 0, head)] if head else [])
        parts += _parts(before[head:old_end], after[head:new_end], head)
        if tail:
            parts.append(("equal", old_end, len(before), new_end, len(after)))
        return parts


def _parts(before: Sequence[str], after: Sequence[str], offset: int) -> Iterator[Part]:
    old, new = len(before), len(after)
    if old * new * min(old, new) > MOST_COMPARED:  # each line of the shorter one may be looked for anew
        yield "replace", offset, offset + old, offset, offset + new
        return
    for tag, *places in SequenceMatcher(None, before, after, autojunk=False).get_opcodes():
        start, end, new_start, new_end = (place + offset for place in places)
        yield tag, start, end, new_start, new_end


def _alike(before: Sequence[str], after: Sequence[str]) -> int:
    """How many lines are the same from the beginning."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(before, after, strict=False)))


def _left(count: int) -> Line:
    return Line("left", f"{plural(count, 'line')} as before")

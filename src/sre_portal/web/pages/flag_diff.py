"""What differs between two versions of a definition, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher

from sre_portal.operations.flag_draft import readable_definition
from sre_portal.web.pages.figures import plural

AROUND = 3
"""Lines that stay and are shown beside those that change."""
MOST_COMPARED = 4000
"""Lines; longer definitions are told as a whole."""


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


def _split(text: str | None) -> list[str]:
    return [] if text is None else readable_definition(text).splitlines()


def _lines(before: list[str], after: list[str]) -> Iterator[Line]:
    if len(before) + len(after) > MOST_COMPARED:
        yield from (Line("gone", text) for text in before)
        yield from (Line("new", text) for text in after)
        return
    groups = SequenceMatcher(None, before, after, autojunk=False).get_grouped_opcodes(AROUND)
    at = 0
    for group in groups:
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


def _left(count: int) -> Line:
    return Line("left", f"{plural(count, 'line')} as before")

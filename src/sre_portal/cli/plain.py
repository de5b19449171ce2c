"""What others say, made safe to print: a terminal obeys some characters, and some turn a line around."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TextIO

REPLACEMENT = "?"
"""In ASCII, so that every terminal has it."""

_SPACES = (*range(0x09, 0x0E), 0x85, 0x2028, 0x2029)
"""They end or move a line, and a line of a table is one thing."""

_OBEYED = (
    *range(0x20),
    *range(0x7F, 0xA0),
    0x061C,
    *range(0x200B, 0x2010),
    *range(0x202A, 0x202F),
    *range(0x2060, 0x2070),
    0xFEFF,
    *range(0xD800, 0xE000),
)
"""C0, DEL, C1, directions of writing, characters that do not show, and halves that cannot be encoded."""

_TABLE = dict.fromkeys(_OBEYED, REPLACEMENT) | dict.fromkeys(_SPACES, " ")


def plain(text: str) -> str:
    """A text on one line that a terminal only shows. As long as it was."""
    return text.translate(_TABLE)


def say(lines: Iterable[str], to: TextIO | None = None) -> None:
    """Prints each line, plain; on the standard output where nothing else is said."""
    print("\n".join(map(plain, lines)), file=sys.stdout if to is None else to, flush=True)

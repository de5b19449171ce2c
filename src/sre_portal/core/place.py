"""Places in a document: how they are written, and what is there."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

Path = tuple[str | int, ...]
"""Where in a document: keys and list positions from the top."""

_PART = re.compile(r"([^.\[\]]+)|\[([0-9]+)\]")

DEEPEST = 32
"""Levels of lists and mappings inside each other."""


def document_path(path: Path) -> str:
    """`spec.faults[0].delay`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def parse_path(text: str) -> Path:
    """The path that `document_path` writes so."""
    return tuple(int(index) if index else key for key, index in _PART.findall(text))


def line_of(path: Path, lines: Mapping[Path, int]) -> int:
    """The line of a path, or of what it would be in; 0 where none is known."""
    return next((lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in lines), 0)


def select(document: object, pattern: str) -> Iterator[tuple[Path, object]]:
    """The values at a pattern such as `spec.faults[*].delay`, each with its path."""
    found: list[tuple[Path, object]] = [((), document)]
    for part in pattern.replace("[*]", ".[*]").split("."):
        found = [inner for path, value in found for inner in _inside(path, value, part)]
    yield from found


def at(value: object, path: Path) -> object:
    """The value at a path. None where there is none."""
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(part)
        else:
            value = value[part] if isinstance(value, Sequence) and isinstance(part, int) else None
    return value


def _inside(path: Path, value: object, part: str) -> Iterator[tuple[Path, object]]:
    if part == "[*]" and isinstance(value, Sequence) and not isinstance(value, str):
        yield from (((*path, index), one) for index, one in enumerate(value))
    elif isinstance(value, Mapping) and part in value:
        yield (*path, part), value[part]


def walk(value: object) -> Iterator[tuple[Path, object]]:
    """Every value inside a value, with its path. Does not go deeper than `DEEPEST` + 1 levels."""
    todo: list[tuple[Path, object]] = [((), value)]
    while todo:
        path, one = todo.pop()
        yield path, one
        if len(path) > DEEPEST:
            continue
        if isinstance(one, dict):
            todo += [((*path, str(key)), inner) for key, inner in reversed(one.items())]
        elif isinstance(one, list | tuple):
            todo += [((*path, index), one[index]) for index in range(len(one) - 1, -1, -1)]

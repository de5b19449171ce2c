"""JSON from outside, into plain values within bounds."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from sre_portal.core.errors import Problem

MAX_DEPTH = 99
"""Levels of lists and objects in one flag or shared rule."""
TOO_DEEP = "lists and objects in each other, hundreds of levels deep"
MAX_RULE = 256 * 1024
"""Characters of one rule, about."""
LONGEST_NAME = 1000
"""Characters of the key of a flag and of the name of a shared rule: they are in the path of every part."""
LONGEST_PATH = 2000
"""Characters of the path of a problem."""
MOST_FLAGS = 20_000
"""Of one set."""
MAX_DOCUMENT = 64 * 1024 * 1024
"""Characters of a document."""


class Doubled(dict[str, object]):
    """An object of a text that said a key twice; `keys_said_twice` names them."""

    keys_said_twice: tuple[str, ...] = ()


class Unsound(ValueError):
    """A value that is no JSON, or lies too deep."""


def from_pairs(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    """The object of its keys and values, as a text says them."""
    made = dict(pairs)
    if len(made) == len(pairs):
        return made
    times = Counter(name for name, _ in pairs)
    doubled = Doubled(made)
    doubled.keys_said_twice = tuple(sorted(name for name, count in times.items() if count > 1))
    return doubled


def read(document: str | bytes | Mapping[str, object], source: str) -> object | Problem:
    """The value of a text, or the problem that leaves nothing to look at."""
    if isinstance(document, Mapping):
        return document
    try:
        text = document if isinstance(document, str) else document.decode("utf-8-sig")
        if len(text) > MAX_DOCUMENT:
            return Problem("", f"{len(text)} characters", f"at most {MAX_DOCUMENT}", source)
        value: object = json.loads(text, object_pairs_hook=from_pairs)
    except (ValueError, RecursionError) as wrong:
        return unreadable(wrong, "", source)
    return value


def unreadable(wrong: ValueError | RecursionError, path: str, source: str = "") -> Problem:
    """Why a text could not be read at all, by what reading it raised."""
    match wrong:
        case json.JSONDecodeError():
            return Problem(path, wrong.msg, "JSON", source, wrong.lineno)
        case UnicodeDecodeError():
            return Problem(path, "bytes that are no text", "JSON in UTF-8", source)
        case RecursionError():
            return Problem(path, TOO_DEEP, f"at most {MAX_DEPTH}", source)
        case _:  # whole numbers of thousands of digits
            return Problem(path, str(wrong), "numbers that fit a double", source)


def weigh(value: object, depth: int = 0) -> int:
    """About how many characters a value is written with.

    Raises:
        Unsound: something in it is no JSON; `faults` says what and where.
    """
    if isinstance(value, str):
        if not value.isascii():
            _encodable(value)
        return len(value) + 2
    if isinstance(value, dict):
        if depth >= MAX_DEPTH or isinstance(value, Doubled):
            raise Unsound
        total = 2
        for name, item in value.items():
            if not isinstance(name, str):
                raise Unsound
            if not name.isascii():
                _encodable(name)
            total += len(name) + 4
            if isinstance(item, str) and item.isascii():  # most values are, and a call for each costs time
                total += len(item) + 2
            else:
                total += weigh(item, depth + 1)
        return total
    if isinstance(value, list):
        if depth >= MAX_DEPTH:
            raise Unsound
        return 2 + sum([1 + weigh(item, depth + 1) for item in value])
    if value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value)):
        return 5
    raise Unsound


def _encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Unsound from None


def faults(value: object, path: str, depth: int = 0) -> Iterator[tuple[str, str, str]]:
    """Path, what was seen and what is expected, of everything in a value that is no JSON."""
    if isinstance(value, Doubled):
        for name in value.keys_said_twice:
            yield path, f"the key {name!r} twice", "each key once"
    if isinstance(value, (dict, list)):
        if depth >= MAX_DEPTH:
            yield path[:200], f"more than {MAX_DEPTH} levels of lists and objects", f"at most {MAX_DEPTH}"
        elif isinstance(value, dict):
            for name, item in value.items():
                if not isinstance(name, str):
                    yield path, f"the key {name!r}", "keys that are texts"
                    continue
                yield from _text_faults(name, path)
                below = f"{path}.{name}" if path else name
                yield from faults(item, below[:LONGEST_PATH], depth + 1)
        else:
            for index, item in enumerate(value):
                yield from faults(item, f"{path}[{index}]", depth + 1)
    elif isinstance(value, str):
        yield from _text_faults(value, path)
    elif isinstance(value, float) and not math.isfinite(value):
        yield path, str(value), "a number that JSON can hold"
    elif value is not None and not isinstance(value, (bool, int, float)):
        yield path, type(value).__name__, "a JSON value"


def _text_faults(text: str, path: str) -> Iterator[tuple[str, str, str]]:
    try:
        text.encode()
    except UnicodeEncodeError:
        yield path, "half of a surrogate pair", "text that UTF-8 can hold"

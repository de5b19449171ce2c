"""An evaluation context as people type it: JSON, or a line for each attribute."""

from __future__ import annotations

import json
import re

from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.core.flag.reading import read

LONGEST_CONTEXT = 64 * 1024
"""Characters."""
_LINE = re.compile(r"([^\s=:]+)\s*[=:]\s*(.*)")


def parse_context(text: str) -> dict[str, object]:
    """The context in a text.

    JSON where it begins with a brace. Otherwise each line is `name = value`, and a line that is no such pair
    is the targeting key. A value is JSON where it can be read as that, else text: `plan = gold`, `age = 30`.

    Raises:
        InvalidInput: with every problem.
    """
    if len(text) > LONGEST_CONTEXT:
        raise InvalidInput([Problem("context", f"{len(text)} characters", f"at most {LONGEST_CONTEXT}")])
    if text.lstrip().startswith("{"):
        return _from_json(text)
    return _from_lines(text)


def _from_json(text: str) -> dict[str, object]:
    tree = read(text, "")
    if isinstance(tree, Problem):
        raise InvalidInput([Problem("context", tree.seen, tree.expected, line=tree.line)])
    if not isinstance(tree, dict):
        raise InvalidInput([Problem("context", "no object", "an object of attributes")])
    return tree


def _from_lines(text: str) -> dict[str, object]:
    found: dict[str, object] = {}
    wrong: list[Problem] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not (told := line.strip()):
            continue
        pair = _LINE.fullmatch(told)
        name, value = ("targetingKey", told) if pair is None else (pair[1], _value(pair[2]))
        if name in found:
            wrong.append(Problem("context", f"{name[:60]} again", "each attribute once", line=number))
        found[name] = value
    if wrong:
        raise InvalidInput(wrong)
    return found


def _value(text: str) -> object:
    try:
        value: object = json.loads(text, parse_constant=str)
    except (ValueError, RecursionError):
        return text
    return value

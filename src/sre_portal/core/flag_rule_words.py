"""A rule in words: `email ends with "@shop.example"`. What has no words is shown as its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

BETWEEN: Mapping[str, str] = {
    "==": "is",
    "===": "is",
    "!=": "is not",
    "!==": "is not",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
    "in": "is in",
    "starts_with": "begins with",
    "ends_with": "ends with",
    "and": "and",
    "or": "or",
    "+": "+",
    "-": "-",
    "*": "times",
    "/": "divided by",
    "%": "modulo",
}
AS_JSON = frozenset({
    "missing", "missing_some", "map", "filter", "reduce", "all", "none", "some", "merge", "cat", "substr",
    "min", "max", "log",
})  # fmt: skip
"""Operators that are told as their JSON: no sentence says more than it."""
DEEPEST = 6
"""Levels of a rule that are told; what lies deeper is JSON."""


def rule_words(rule: object, depth: int = 0) -> str:
    """One part of a rule as a sentence without an end."""
    if not (isinstance(rule, dict) and len(rule) == 1) or depth > DEEPEST:
        return json.dumps(rule, ensure_ascii=False)
    [(operator, values)] = rule.items()
    told = values if isinstance(values, list) else [values]
    if operator in BETWEEN and len(told) > 1:
        inner = [_inside(one, depth + 1) for one in told]
        return f" {BETWEEN[operator]} ".join(inner)
    match operator, told:
        case "var", [str(name), *_]:
            return name
        case "$ref", [str(name)]:
            return f"the shared rule {name}"
        case "!", [one]:
            return f"not {_inside(one, depth + 1)}"
        case "!!", [one]:
            return f"{_inside(one, depth + 1)} is there"
        case "if" | "?:", [_, *_]:
            return _branches(told, depth)
        case "fractional", [_, *_]:
            return _split(told, depth)
        case "sem_ver", [version, str(comparison), than]:
            return f"version {rule_words(version, depth + 1)} {comparison} {rule_words(than, depth + 1)}"
        case _:
            return json.dumps(rule, ensure_ascii=False)


def rule_text_words(text: str) -> str:
    """The same for the beginning of a rule's JSON, which may be cut off."""
    try:
        return rule_words(json.loads(text))
    except (ValueError, RecursionError):
        return text


def _inside(rule: object, depth: int) -> str:
    words = rule_words(rule, depth)
    joins = isinstance(rule, dict) and set(rule) & {"and", "or", "if", "?:"}
    return f"({words})" if joins else words


def _branches(values: Sequence[object], depth: int) -> str:
    pairs = zip(values[::2], values[1::2], strict=False)
    told = [f"if {_inside(one, depth + 1)} then {rule_words(then, depth + 1)}" for one, then in pairs]
    rest = [rule_words(values[-1], depth + 1)] if len(values) % 2 else []
    return ", else ".join([*told, *rest])


def _split(values: Sequence[object], depth: int) -> str:
    by = [] if isinstance(values[0], list) else [rule_words(values[0], depth + 1)]
    buckets = [one for one in values if isinstance(one, list) and one]
    told = [f"{rule_words(one[0], depth + 1)} {one[1] if len(one) > 1 else 1}" for one in buckets]
    return f"split{' by ' + by[0] if by else ''}: {', '.join(told)}"

"""The operators of JSONLogic and flagd: how many values each takes, and those that only need their values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sre_portal.core.flag import arithmetic
from sre_portal.core.flag.effort import COMPARED, LONG, Effort, TooMuch, spend
from sre_portal.core.flag.value import (
    MAX_TEXT,
    before,
    joined,
    loosely_equal,
    not_after,
    strictly_equal,
    to_text,
    truthy,
)
from sre_portal.core.flag.version import COMPARISONS, parse_version

MANY = 10_000
"""No operator takes more values."""


class Arity(NamedTuple):
    """How many values an operator takes."""

    least: int
    most: int = MANY

    def __str__(self) -> str:
        if self.most == MANY:
            return f"at least {self.least}" if self.least else "any number of"
        return str(self.least) if self.least == self.most else f"{self.least} to {self.most}"


_UNARY, _BINARY = Arity(1, 1), Arity(2, 2)

ARITIES: Mapping[str, Arity] = {
    "var": Arity(0, 2), "missing": Arity(0), "missing_some": _BINARY,
    "if": Arity(0), "?:": Arity(0), "and": Arity(1), "or": Arity(1), "!": _UNARY, "!!": _UNARY,
    "==": _BINARY, "===": _BINARY, "!=": _BINARY, "!==": _BINARY,
    ">": _BINARY, ">=": _BINARY, "<": Arity(2, 3), "<=": Arity(2, 3),
    "+": Arity(1), "-": Arity(1, 2), "*": Arity(1), "/": _BINARY, "%": _BINARY,
    "min": Arity(1), "max": Arity(1),
    "map": _BINARY, "filter": _BINARY, "reduce": Arity(2, 3),
    "all": _BINARY, "none": _BINARY, "some": _BINARY,
    "merge": Arity(0), "in": _BINARY, "cat": Arity(1), "substr": Arity(2, 3), "log": _UNARY,
    "fractional": Arity(1), "sem_ver": Arity(3, 3), "starts_with": _BINARY, "ends_with": _BINARY,
}  # fmt: skip
"""Every operator there is."""

LOOPS = frozenset({"map", "filter", "reduce", "all", "none", "some"})
"""Their second value is evaluated with each element of the first one instead of the context."""
READERS = frozenset({"var", "missing", "missing_some", "fractional"})
"""Operators that look at the context or at facts by themselves. All others see their values alone."""
GIVES_TRUTH = frozenset({
    "==", "===", "!=", "!==", "<", "<=", ">", ">=", "!", "!!", "in", "all", "none", "some",
})  # fmt: skip
"""Operators that give true or false, and nothing else."""
GIVES_TRUTH_OR_NULL = frozenset({"sem_ver", "starts_with", "ends_with"})


Apply = Callable[[list[object], Effort], object]
"""What an operator makes of its values, and what it may take for that."""


def merge(values: list[object], effort: Effort) -> object:
    merged: list[object] = []
    for value in values:
        if isinstance(value, list):
            spend(effort, len(value) >> 3)
            merged += value
        else:
            merged.append(value)
    if len(merged) > MAX_TEXT:
        raise TooMuch(f"a rule makes a list of more than {MAX_TEXT} items")
    return merged


def contains(values: list[object], effort: Effort) -> object:
    needle, hay = values
    if isinstance(hay, str):
        return hay != "" and _within(to_text(needle, effort), hay, effort)  # nothing is in nothing
    if not isinstance(hay, list):
        return False
    spend(effort, len(hay) * (COMPARED + (len(needle) >> 10 if isinstance(needle, str) else 0)))
    return any(strictly_equal(needle, item) for item in hay)


def _within(needle: str, hay: str, effort: Effort) -> bool:
    """In the worst case much of the one is held against each place of the other, unless both are long."""
    if len(hay) > LONG:
        spend(effort, min(len(needle) * len(hay) >> 9, len(needle) + len(hay)))
    return needle in hay


def sem_ver(values: list[object], _effort: Effort) -> object:
    """Null where a version or the comparison is none."""
    left, comparison, right = parse_version(values[0]), values[1], parse_version(values[2])
    compare = COMPARISONS.get(comparison) if isinstance(comparison, str) else None
    return None if left is None or right is None or compare is None else compare(left, right)


def starts_with(values: list[object], _effort: Effort) -> object:
    text, head = values
    return text.startswith(head) if isinstance(text, str) and isinstance(head, str) else None


def ends_with(values: list[object], _effort: Effort) -> object:
    text, tail = values
    return text.endswith(tail) if isinstance(text, str) and isinstance(tail, str) else None


def ordered(compare: Callable[[object, object, Effort], bool]) -> Apply:
    """Between, where there are three values."""
    return lambda values, effort: (
        compare(values[0], values[1], effort) and (len(values) < 3 or compare(values[1], values[2], effort))
    )


EAGER: Mapping[str, Apply] = {
    "==": lambda values, effort: loosely_equal(values[0], values[1], effort),
    "!=": lambda values, effort: not loosely_equal(values[0], values[1], effort),
    "===": lambda values, _: strictly_equal(values[0], values[1]),
    "!==": lambda values, _: not strictly_equal(values[0], values[1]),
    "<": ordered(before),
    "<=": ordered(not_after),
    ">": lambda values, effort: before(values[1], values[0], effort),
    ">=": lambda values, effort: not_after(values[1], values[0], effort),
    "!": lambda values, _: not truthy(values[0]),
    "!!": lambda values, _: truthy(values[0]),
    "+": arithmetic.add,
    "-": arithmetic.subtract,
    "*": arithmetic.multiply,
    "/": arithmetic.divide,
    "%": arithmetic.modulo,
    "min": arithmetic.least,
    "max": arithmetic.greatest,
    "merge": merge,
    "in": contains,
    "cat": lambda values, effort: joined(values, "", effort),
    "substr": arithmetic.part,
    "log": lambda values, _: values[0],  # a pure core has nowhere to write to
    "sem_ver": sem_ver,
    "starts_with": starts_with,
    "ends_with": ends_with,
}
"""Operators that get all their values, and nothing else."""

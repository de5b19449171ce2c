"""Shortcuts for the shapes most rules have: one attribute, compared with something written down.

Each gives what the general way gives; a property test holds them to it.
"""

from __future__ import annotations

from collections.abc import Callable

from sre_portal.core.flag.lookup import Ask, Step, at_path
from sre_portal.core.flag.operators import contains
from sre_portal.core.flag.value import loosely_equal, strictly_equal
from sre_portal.core.flag.version import COMPARISONS, parse_version


def quick(flag_key: str, operator: str, values: list[object], *, nested: bool) -> Step | None:
    """None where there is no shortcut."""
    make = _MAKERS.get(operator)
    if make is None or len(values) != (3 if operator == "sem_ver" else 2):
        return None
    first, last = values[0], values[-1]
    if operator in _EQUALITIES and isinstance(last, dict):
        first, last = last, first
    read = _attribute(flag_key, first, nested=nested)
    if read is None or not _written(last):
        return None
    return make(read, [*values[1:-1], last])


def _attribute(flag_key: str, rule: object, *, nested: bool) -> Step | None:
    """The step of `{"var": "name"}`."""
    if isinstance(rule, dict) and len(rule) == 1 and "var" in rule:
        path = rule["var"]
        if isinstance(path, list) and len(path) == 1:
            path = path[0]
        if isinstance(path, str):
            return at_path(flag_key, path, nested=nested)
    return None


def _written(rule: object) -> bool:
    """Whether a rule is a text, or a list of texts."""
    return isinstance(rule, str) or (isinstance(rule, list) and all(isinstance(item, str) for item in rule))


def _equal(read: Step, rest: list[object]) -> Step | None:
    [other] = rest
    if not isinstance(other, str):
        return None

    def equal(data: object, ask: Ask) -> object:
        value = read(data, ask)
        return value == other if isinstance(value, str) else loosely_equal(value, other, ask[2])

    return equal


def _unequal(read: Step, rest: list[object]) -> Step | None:
    equal = _equal(read, rest)
    return None if equal is None else lambda data, ask: not equal(data, ask)


def _same(read: Step, rest: list[object]) -> Step | None:
    [other] = rest
    return None if isinstance(other, list) else lambda data, ask: strictly_equal(read(data, ask), other)


def _other(read: Step, rest: list[object]) -> Step | None:
    [other] = rest
    return None if isinstance(other, list) else lambda data, ask: not strictly_equal(read(data, ask), other)


def _in(read: Step, rest: list[object]) -> Step | None:
    [hay] = rest
    if isinstance(hay, str) and hay:

        def within(data: object, ask: Ask) -> object:
            value = read(data, ask)
            if isinstance(value, str) and len(value) <= _SHORT:
                return value in hay
            return contains([value, hay], ask[2])

        return within
    texts = frozenset(hay) if isinstance(hay, list) else frozenset()  # nothing is in an empty text

    def among(data: object, ask: Ask) -> object:
        value = read(data, ask)
        return isinstance(value, str) and value in texts

    return among


def _starts_with(read: Step, rest: list[object]) -> Step | None:
    [head] = rest
    if not isinstance(head, str):
        return None

    def starts(data: object, ask: Ask) -> object:
        value = read(data, ask)
        return value.startswith(head) if isinstance(value, str) else None

    return starts


def _ends_with(read: Step, rest: list[object]) -> Step | None:
    [tail] = rest
    if not isinstance(tail, str):
        return None

    def ends(data: object, ask: Ask) -> object:
        value = read(data, ask)
        return value.endswith(tail) if isinstance(value, str) else None

    return ends


def _sem_ver(read: Step, rest: list[object]) -> Step | None:
    """The version that is written down is read once."""
    comparison, text = rest
    right = parse_version(text)
    compare = COMPARISONS.get(comparison) if isinstance(comparison, str) else None
    if right is None or compare is None:
        return None

    def compared(data: object, ask: Ask) -> object:
        left = parse_version(read(data, ask))
        return None if left is None else compare(left, right)

    return compared


_SHORT = 64
"""Characters that are looked for without counting."""
_EQUALITIES = ("==", "!=", "===", "!==")
_MAKERS: dict[str, Callable[[Step, list[object]], Step | None]] = {
    "==": _equal,
    "!=": _unequal,
    "===": _same,
    "!==": _other,
    "in": _in,
    "starts_with": _starts_with,
    "ends_with": _ends_with,
    "sem_ver": _sem_ver,
}

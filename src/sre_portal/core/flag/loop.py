"""Operators that go through a list: `map`, `filter`, `reduce`, `all`, `none` and `some`."""

from __future__ import annotations

from sre_portal.core.flag.effort import spend
from sre_portal.core.flag.lookup import Ask, Step
from sre_portal.core.flag.value import truthy


def loop(operator: str, outer: list[Step], inner: Step, each: int) -> Step:
    """`outer` gives the list, and for `reduce` the start; `inner` is evaluated with each element as data.

    `each` is the effort of `inner`.
    """
    items = _Items(outer[0], each)
    match operator:
        case "map":
            return lambda data, ask: [inner(item, ask) for item in items(data, ask) or ()]
        case "filter":
            return lambda data, ask: [item for item in items(data, ask) or () if truthy(inner(item, ask))]
        case "reduce":
            return _reduce(items, inner, outer[1] if len(outer) > 1 else None)
        case "all":  # of nothing is false
            return lambda data, ask: _every(items(data, ask), inner, ask)
        case "none":
            return lambda data, ask: not any(truthy(inner(item, ask)) for item in items(data, ask) or ())
        case _:
            return lambda data, ask: any(truthy(inner(item, ask)) for item in items(data, ask) or ())


def _every(items: list[object] | None, inner: Step, ask: Ask) -> bool:
    return bool(items) and all(truthy(inner(item, ask)) for item in items or ())


class _Items:
    """The list to go through, or None where it is no list."""

    __slots__ = ("_each", "_step")

    def __init__(self, step: Step, each: int) -> None:
        self._step = step
        self._each = each

    def __call__(self, data: object, ask: Ask) -> list[object] | None:
        found = self._step(data, ask)
        if not isinstance(found, list):
            return None
        spend(ask[2], len(found) * self._each)
        return found


def _reduce(items: _Items, inner: Step, start: Step | None) -> Step:
    def reduced(data: object, ask: Ask) -> object:
        accumulator = None if start is None else start(data, ask)
        for item in items(data, ask) or ():
            accumulator = inner({"current": item, "accumulator": accumulator}, ask)
        return accumulator

    return reduced

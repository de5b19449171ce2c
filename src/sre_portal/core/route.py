"""Route patterns: whether one is well formed, and whether two can mean the same request.

The language is that of `contract.match`: `{name}` stands for one segment, a trailing `*` for any rest.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from sre_portal.contract.match import is_plain

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT")
PATTERN = "a path such as /cart, /products/{id} or /static/*"

_SHAPE = re.compile(r"/(?:[^\s{}*?#]|\{[A-Za-z_][A-Za-z0-9_]*\})*\*?")
_LONGEST = 256


def route_fault(route: str) -> str | None:
    """What would be right instead of this route pattern. None where it is well formed."""
    if not route.startswith("/"):
        return f"{PATTERN}: a route begins with /"
    if len(route) > _LONGEST:
        return f"{PATTERN}, at most {_LONGEST} characters"
    if _SHAPE.fullmatch(route) is None:
        return f"{PATTERN}: {{name}} for one segment, * only at the end, no space, ? or #"
    if not is_plain(route):
        return f"{PATTERN}: one {{name}} a segment"
    return None


def methods_overlap(one: Collection[str], other: Collection[str]) -> bool:
    """Whether a method is in both. An empty collection means every method."""
    return not one or not other or bool({m.upper() for m in one} & {m.upper() for m in other})


def routes_overlap(one: str | None, other: str | None) -> bool:
    """Whether a path exists that both patterns match. None matches every path.

    Both patterns are read as automata of characters; the paths of their product are walked until both end.
    """
    if one is None or other is None:
        return True
    left, right = _steps(one), _steps(other)
    todo, seen = [(0, 0)], {(0, 0)}
    while todo:
        at, there = todo.pop()
        if at == len(left) and there == len(right):
            return True
        for position in _next(left, right, at, there):
            if position not in seen:
                seen.add(position)
                todo.append(position)
    return False


_SEGMENT, _ANY = "segment", "any"


def _steps(route: str) -> tuple[tuple[str, bool], ...]:
    """Each step takes one character (its class) or, where it repeats, any number of them."""
    body = route.removesuffix("*")
    steps: list[tuple[str, bool]] = []
    for part in re.split(r"(\{[^/{}]*\})", body):
        hole = part.startswith("{") and part.endswith("}")
        steps += [(_SEGMENT, False), (_SEGMENT, True)] if hole else [(char, False) for char in part]
    return (*steps, (_ANY, True)) if body != route else tuple(steps)


def _next(
    left: tuple[tuple[str, bool], ...], right: tuple[tuple[str, bool], ...], at: int, there: int
) -> list[tuple[int, int]]:
    found = []
    if at < len(left) and left[at][1]:
        found.append((at + 1, there))  # a repeat may be left without taking anything
    if there < len(right) and right[there][1]:
        found.append((at, there + 1))
    if at < len(left) and there < len(right) and _share_a_character(left[at][0], right[there][0]):
        found.append((at if left[at][1] else at + 1, there if right[there][1] else there + 1))
    return found


def _share_a_character(one: str, other: str) -> bool:
    if _ANY in (one, other):
        return True
    if _SEGMENT in (one, other):
        return one != "/" and other != "/"
    return one == other

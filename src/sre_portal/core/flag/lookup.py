"""Reading values by their path: `var`, `missing`, and the facts that stand beside the caller's context."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from sre_portal.core.flag.effort import ASKED, Effort, full, spend, spend_on_text
from sre_portal.core.flag.value import to_text

Facts = Mapping[str, Mapping[str, object]]
"""`$slo`: facts by SLO and name. Asked only for the names a rule reads, so it may compute them."""
NO_FACTS: Facts = MappingProxyType({})

Ask = tuple[float, Facts, Effort]
"""What an evaluation is given beside the context: seconds since 1970, facts, what is left of its effort."""
Step = Callable[[object, Ask], object]
"""A compiled rule: the value it has for the given data. Data is the context, or inside `map` one element."""

FLAGD = "$flagd"
SLO = "$slo"
RESERVED = (FLAGD, SLO)
"""A context cannot set these: a rule on an error budget believes the portal, never the caller."""


def descend(found: object, names: tuple[str, ...], fallback: object) -> object:
    """The value at a path. Null at the end of a path is a value, and null before is not."""
    for name in names:
        if isinstance(found, (dict, MappingProxyType)):
            if name not in found:
                return fallback
            found = found[name]
        elif isinstance(found, (list, str)):
            if name == "length":
                found = len(found)
            elif name.isdecimal() and len(name) < 16 and str(int(name)) == name and int(name) < len(found):
                found = found[int(name)]
            else:
                return fallback
        elif isinstance(found, Mapping):
            found = found.get(name, _ABSENT)
            if found is _ABSENT:
                return fallback
        else:
            return fallback
    return found


_ABSENT = object()


def reserved(flag_key: str, names: tuple[str, ...], fallback: object) -> Step:
    """A value below `$flagd` or `$slo`."""
    if names[0] == SLO:
        inner = names[1:]
        return lambda _, ask: descend(ask[1], inner, fallback)
    if names == (FLAGD, "timestamp"):
        return lambda _, ask: ask[0]
    if names == (FLAGD, "flagKey"):
        return lambda _data, _ask: flag_key
    inner = names[1:]
    return lambda _, ask: descend({"flagKey": flag_key, "timestamp": ask[0]}, inner, fallback)


def at_path(flag_key: str, path: object, *, nested: bool, fallback: object = None) -> Step:
    """The value at a path that is known beforehand."""
    if path is None or path == "":
        return (lambda data, _: data) if nested else (lambda data, ask: whole(flag_key, data, ask))
    names = tuple(to_text(path, full()).split("."))
    step = _down(flag_key, names, nested=nested, fallback=fallback)
    if len(names) <= _FEW:
        return step

    def far(data: object, ask: Ask) -> object:
        spend(ask[2], len(names) * _NAME)
        return step(data, ask)

    return far


_FEW = 8
"""Names of a path that are free."""
_NAME = 4
"""The effort of each, where they are more."""


def _down(flag_key: str, names: tuple[str, ...], *, nested: bool, fallback: object) -> Step:
    if not nested and names[0] in RESERVED:
        return reserved(flag_key, names, fallback)
    if len(names) == 1 and not nested:
        name = names[0]
        return lambda data, _: (
            data.get(name, fallback) if type(data) is dict else descend(data, names, fallback)
        )
    return lambda data, _: descend(data, names, fallback)


def read_at(
    flag_key: str, path: object, data: object, ask: Ask, *, nested: bool, fallback: object = None
) -> object:
    """The value at a path that a rule computes."""
    text = path if path is None else to_text(path, ask[2])
    if text is not None:
        spend_on_text(ask[2], text)
    return at_path(flag_key, text, nested=nested, fallback=fallback)(data, ask)


def whole(flag_key: str, data: object, ask: Ask) -> object:
    """The context as `{"var": ""}` sees it."""
    if not isinstance(data, Mapping):
        return data
    spend(ask[2], 1 + (len(data) >> 2))
    return {**data, FLAGD: {"flagKey": flag_key, "timestamp": ask[0]}, SLO: ask[1]}


def missing(flag_key: str, keys: list[object], data: object, ask: Ask, *, nested: bool) -> list[object]:
    """Those of the keys that have no value. An empty text is none."""
    spend(ask[2], len(keys) * ASKED)
    found = []
    for key in keys:
        value = read_at(flag_key, key, data, ask, nested=nested)
        if value is None or value == "":
            found.append(key)
    return found

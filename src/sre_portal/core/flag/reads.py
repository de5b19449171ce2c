"""What rules read, without evaluating them: which facts, and whether the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sre_portal.core.flag.definition import Definitions, Flag
from sre_portal.core.flag.lookup import FLAGD, SLO
from sre_portal.core.flag.prerequisite import needs_of


@dataclass(frozen=True, slots=True)
class Reads:
    """What an answer depends on beside the flag. `anything` where a rule computes what it reads."""

    attributes: frozenset[str]
    slos: frozenset[str]
    time: bool
    anything: bool


def reads(key: str, definitions: Definitions) -> Reads:
    """What a flag reads, and the flags it needs. Every split reads the attribute `targetingKey`.

    Attributes are told by their first name, SLOs by theirs.
    """
    seen: set[str] = set()
    paths = [
        path
        for flag in _with_needed(key, definitions)
        for path in _paths(flag.targeting, definitions.evaluators, seen)
    ]
    named = [path.split(".") for path in paths if path]
    return Reads(
        attributes=frozenset(path[0] for path in named if path[0] not in {FLAGD, SLO}),
        slos=frozenset(path[1] for path in named if path[0] == SLO and len(path) > 1),
        time=any(path[0] == FLAGD and path[1:] != ["flagKey"] for path in named) or "" in paths,
        anything="" in paths,
    )


def _with_needed(key: str, definitions: Definitions) -> Iterator[Flag]:
    """A flag and those it needs, each once."""
    keys = {key: None}
    waiting = [key]
    for name in waiting:  # grows as it goes
        flag = definitions.flags.get(name)
        if flag is None:
            continue
        yield flag
        for one in needs_of(flag):
            if one.flag not in keys:
                keys[one.flag] = None
                waiting.append(one.flag)


def _paths(rule: object, evaluators: Mapping[str, object], seen: set[str]) -> Iterator[str]:
    """Paths that are read; the empty one for everything."""
    if isinstance(rule, list):
        for item in rule:
            yield from _paths(item, evaluators, seen)
    elif isinstance(rule, dict) and len(rule) == 1:
        [(operator, values)] = rule.items()
        arguments = values if isinstance(values, list) else [values]
        if operator == "$ref":
            if str(values) not in seen:
                seen.add(str(values))
                yield from _paths(evaluators.get(str(values)), evaluators, seen)
            return
        yield from _named(operator, arguments)
        yield from _paths(arguments, evaluators, seen)


def _named(operator: str, arguments: list[object]) -> Iterator[str]:
    match operator:
        case "var":
            first = arguments[0] if arguments else ""
            yield "" if isinstance(first, (dict, list)) or first is None else str(first)
        case "missing":
            yield from ("" if isinstance(one, (dict, list)) else str(one) for one in arguments)
        case "missing_some":
            options = arguments[1]
            yield from (str(one) for one in options) if isinstance(options, list) else ("",)
        case "fractional":
            yield "targetingKey"
        case _:
            pass

"""What rules read, without evaluating them: which facts, and whether the time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sre_portal.core.flag.definition import Flag
from sre_portal.core.flag.lookup import FLAGD, SLO


@dataclass(frozen=True, slots=True)
class Reads:
    """What an answer depends on beside the flag. `anything` where a rule computes what it reads."""

    attributes: frozenset[str]
    slos: frozenset[str]
    time: bool
    anything: bool


def reads(flag: Flag, evaluators: Mapping[str, object]) -> Reads:
    """Attributes by their first name, SLOs by theirs. Every split reads the attribute `targetingKey`."""
    paths = list(_paths(flag.targeting, evaluators, set()))
    named = [path.split(".") for path in paths if path]
    return Reads(
        attributes=frozenset(path[0] for path in named if path[0] not in {FLAGD, SLO}),
        slos=frozenset(path[1] for path in named if path[0] == SLO and len(path) > 1),
        time=any(path[0] == FLAGD and path[1:] != ["flagKey"] for path in named) or "" in paths,
        anything="" in paths,
    )


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

"""What a rule can give, without evaluating it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from sre_portal.core.flag.effort import full
from sre_portal.core.flag.operators import GIVES_TRUTH, GIVES_TRUTH_OR_NULL
from sre_portal.core.flag.value import to_text


class Outcome(NamedTuple):
    """One thing a rule can give, and where. `variant` is None for the default variant.

    `written` tells a value that stands in the rule from one that is computed; a computed one is known only
    where it is a boolean.
    """

    path: str
    variant: str | None
    known: bool = True
    written: bool = True


def outcomes(rule: object, path: str, evaluators: Mapping[str, object]) -> Iterator[Outcome]:
    """Everything a checked rule can give. What an evaluator gives has the path of the place that names it."""
    if not isinstance(rule, (dict, list)):
        yield Outcome(path, variant_name(rule))
    elif isinstance(rule, list) or len(rule) != 1:
        yield Outcome(path, None, known=False)
    else:
        [(operator, values)] = rule.items()
        below = f"{path}.{operator}"
        if operator == "$ref":
            for found in outcomes(evaluators.get(str(values)), below, evaluators):
                yield found._replace(path=below)
        elif inner := inside(operator, values, below):
            for place, value in inner:
                yield from outcomes(value, place, evaluators)
        else:
            yield from _computed(operator, below)


def inside(operator: str, values: object, path: str) -> list[tuple[str, object]]:
    """The rules that an operator hands on the value of, with their paths. None where it makes its own."""
    arguments = values if isinstance(values, list) else [values]
    places = [f"{path}[{index}]" if values is arguments else path for index in range(len(arguments))]
    match operator:
        case "if" | "?:":
            last = len(arguments) - 1
            given = [
                (place, value)
                for index, (place, value) in enumerate(zip(places, arguments, strict=True))
                if index % 2 or index == last
            ]
            return given if len(arguments) % 2 else [*given, (path, None)]
        case "fractional":
            given = [
                (f"{place}[0]", value[0])
                if isinstance(value, list)
                else (place, [])  # a bucket that is a rule itself
                for place, value in zip(places, arguments, strict=True)
                if value is not arguments[0] or isinstance(value, list)
            ]
            return [*given, (path, None)]  # whoever has nothing to be split by
        case "log":
            return [(places[0], arguments[0])]
        case _:
            return []


def _computed(operator: str, path: str) -> Iterator[Outcome]:
    if operator in GIVES_TRUTH | GIVES_TRUTH_OR_NULL:
        yield from (Outcome(path, name, written=False) for name in ("true", "false"))
    else:
        yield Outcome(path, None, known=False, written=False)
    if operator in GIVES_TRUTH_OR_NULL:
        yield Outcome(path, None, written=False)


def variant_name(value: object) -> str | None:
    """The variant that a value names. None for the default variant."""
    return None if value is None else to_text(value, full())

"""Advice on definitions that are right and probably not meant."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sre_portal.core.flag.bucket import DEFAULT_EPOCH, KEY
from sre_portal.core.flag.compile import Compiler
from sre_portal.core.flag.definition import NEEDS, OFF, Definitions, Flag
from sre_portal.core.flag.effort import SHARED_EFFORT, Effort, TooMuch, full
from sre_portal.core.flag.fractional import weight_of
from sre_portal.core.flag.lookup import NO_FACTS
from sre_portal.core.flag.operators import READERS
from sre_portal.core.flag.outcome import outcomes
from sre_portal.core.flag.prerequisite import path_of
from sre_portal.core.flag.resolution import CODE_DEFAULT
from sre_portal.core.flag.value import truthy
from sre_portal.core.flag_pin import splits_people
from sre_portal.core.flag_rules_named import rules_named
from sre_portal.core.flag_said import meant


@dataclass(frozen=True, slots=True)
class Advice:
    """`path` is where, in the words of the document; `text` is a sentence."""

    path: str
    text: str

    def __str__(self) -> str:
        return f"{self.path}: {self.text}"


def lint_flags(definitions: Definitions) -> list[Advice]:
    """Everything worth a second look, in the order of the document."""
    found: list[Advice] = []
    named: set[str] = set()
    effort = [SHARED_EFFORT]
    for flag in definitions.flags.values():
        found += lint_flag(flag, definitions, effort)
        named.update(rules_named(flag.targeting))
    found += _slips(definitions.metadata, "metadata")
    for name, rule in definitions.evaluators.items():
        named.update(rules_named(rule))
        found += _rule(rule, f"$evaluators.{name}", definitions.evaluators, effort)
    found += [
        Advice(f"$evaluators.{name}", "No rule names this evaluator.")
        for name in definitions.evaluators
        if name not in named
    ]
    return found


def lint_flag(flag: Flag, definitions: Definitions, effort: Effort | None = None) -> Iterator[Advice]:
    """That of one flag, in a document. `effort` is for finding out which conditions always or never hold."""
    path = f"flags.{flag.key}"
    for name in flag.extra:
        yield Advice(f"{path}.{name}", "This key has no meaning here. It is kept.")
    yield from _slips(flag.metadata, f"{path}.metadata")
    yield from _prerequisites(flag, path)
    if flag.targeting is None:
        return
    yield from _rule(flag.targeting, f"{path}.targeting", definitions.evaluators, effort or full())
    yield from _variants(flag, path, definitions.evaluators)
    if flag.pinned(definitions.metadata) is None and splits_people(flag, definitions):
        text = f"No {KEY} in the metadata: people are split as by epoch {DEFAULT_EPOCH}, until that changes."
        yield Advice(f"{path}.metadata", text)


def _slips(metadata: Mapping[str, object], path: str) -> Iterator[Advice]:
    for name in metadata:
        if (known := meant(name)) is not None:
            yield Advice(f"{path}.{name}", f"This key has no meaning here; {known} has.")


def _prerequisites(flag: Flag, path: str) -> Iterator[Advice]:
    if NEEDS not in flag.metadata:
        if OFF in flag.metadata:
            yield Advice(f"{path}.metadata.{OFF}", f"Without {NEEDS} this has no effect.")
        return
    text = "Only this portal and its agents know prerequisites. Other evaluators give the flag without them."
    yield Advice(path_of(flag.key), text)
    if flag.targeting is None and flag.off == flag.default:
        text = f"This has no effect: everybody gets the default variant anyway. Say {OFF}, or a targeting."
        yield Advice(path_of(flag.key), text)


def _variants(flag: Flag, path: str, evaluators: Mapping[str, object]) -> Iterator[Advice]:
    """Variants nobody gets, a rule that gives everybody the same, and values that name no variant."""
    given = list(outcomes(flag.targeting, f"{path}.targeting", evaluators))
    for one in given:
        if one.known and one.variant is not None and one.variant not in flag.variants:
            yield Advice(
                one.path, f"This can give {one.variant}, which is no variant: an error for whoever asks."
            )
    if not all(one.known for one in given):
        return
    names = {flag.default if one.variant is None else one.variant for one in given}
    if len(names) == 1:
        what = f"the variant {names.pop()}" if flag.default or names != {None} else CODE_DEFAULT
        yield Advice(f"{path}.targeting", f"This gives everybody {what}.")
    yield from (
        Advice(f"{path}.variants.{name}", "Nobody gets this variant.")
        for name in flag.variants
        if name not in names and name != flag.default
    )


def _rule(rule: object, path: str, evaluators: Mapping[str, object], effort: Effort) -> Iterator[Advice]:
    if isinstance(rule, list):
        for index, item in enumerate(rule):
            yield from _rule(item, f"{path}[{index}]", evaluators, effort)
    elif isinstance(rule, dict) and len(rule) == 1:
        [(operator, values)] = rule.items()
        if operator in {"if", "?:"} and isinstance(values, list):
            yield from _conditions(values, f"{path}.{operator}", evaluators, effort)
        if operator == "fractional" and isinstance(values, list):
            yield from _buckets(values, f"{path}.fractional")
        yield from _rule(values, f"{path}.{operator}", evaluators, effort)


def _conditions(
    values: list[object], path: str, evaluators: Mapping[str, object], effort: Effort
) -> Iterator[Advice]:
    """Branches that nobody can come to."""
    seen: dict[str, int] = {}
    for index in range(0, len(values) - 1, 2):
        same = seen.setdefault(json.dumps(values[index], sort_keys=True), index)
        if same != index:
            yield Advice(f"{path}[{index + 1}]", f"Nobody comes here: the condition is that of [{same}].")
        held = constant(values[index], evaluators, effort)
        if held is False:
            yield Advice(f"{path}[{index + 1}]", "Nobody comes here: the condition never holds.")
        if held is True and index + 2 < len(values):
            yield Advice(f"{path}[{index + 2}]", f"Nobody comes here: the condition [{index}] always holds.")
            return


def constant(rule: object, evaluators: Mapping[str, object], effort: Effort) -> bool | None:
    """Whether a condition always or never holds. None where that depends on who asks, or takes too much."""
    if isinstance(rule, (dict, list)) and _depends(json.dumps(rule)):
        return None
    try:
        return truthy(Compiler("", evaluators=evaluators).whole(rule)({}, (0, NO_FACTS, effort)))
    except TooMuch:
        return None


def _depends(text: str) -> bool:
    return any(f'"{name}"' in text for name in READERS | {"$ref"})


def _buckets(values: list[object], path: str) -> Iterator[Advice]:
    buckets = [value for index, value in enumerate(values) if index or isinstance(value, list)]
    weights = [weight_of(bucket) for bucket in buckets]
    if None in weights:
        return
    if sum(weight is not None and weight > 0 for weight in weights) == 1:
        yield Advice(path, "One bucket has all the weight: this splits nobody.")
    elif not any(weights):
        yield Advice(path, "No bucket has a weight: this gives everybody the default variant.")

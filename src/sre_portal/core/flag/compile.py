"""A rule, turned into closures once. Evaluation walks no JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from sre_portal.core.flag.bucket import DEFAULT_EPOCH, Epoch
from sre_portal.core.flag.effort import FREE_EFFORT, parts_of, spend
from sre_portal.core.flag.fractional import fractional
from sre_portal.core.flag.lookup import Ask, Step, at_path, missing, read_at
from sre_portal.core.flag.loop import loop
from sre_portal.core.flag.operators import EAGER, LOOPS, Apply
from sre_portal.core.flag.quick import quick
from sre_portal.core.flag.value import to_number, truthy

Watch = Callable[[str, object, Step], Step]
"""Called with path, rule and step of each part of a rule; what it returns is evaluated instead."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """Compiles the rules of one flag. A rule is checked before it comes here.

    `evaluators` are the shared rules that `$ref` names. `watch` is for explaining: it sees every part.
    """

    flag_key: str
    epoch: Epoch = DEFAULT_EPOCH
    evaluators: Mapping[str, object] = field(default_factory=dict)
    watch: Watch | None = None
    shared: dict[tuple[str, bool], Step] = field(default_factory=dict)

    def whole(self, rule: object, path: str = "") -> Step:
        """The step of a rule with what its own size takes, which few have to be asked for."""
        step, parts = self.rule(rule, path), parts_of(rule, self.evaluators)
        if parts <= FREE_EFFORT:
            return step

        def large(data: object, ask: Ask) -> object:
            spend(ask[2], parts)
            return step(data, ask)

        return large

    def rule(self, rule: object, path: str = "", *, nested: bool = False) -> Step:
        """The step of a rule. `nested` says whether data is an element of a list, and not the context."""
        step = self._step(rule, path, nested=nested)
        return step if self.watch is None else self.watch(path, rule, step)

    def _step(self, rule: object, path: str, *, nested: bool) -> Step:
        if isinstance(rule, list):
            if not any(isinstance(item, (list, dict)) for item in rule):
                return lambda _data, _ask: rule.copy()
            parts = self.rules(rule, path, nested=nested)
            return lambda data, ask: [part(data, ask) for part in parts]
        if isinstance(rule, str) and len(rule) <= _SHORT_NAME:
            return same_text(rule)
        if not isinstance(rule, dict) or len(rule) != 1:
            return lambda _data, _ask: rule
        [(operator, values)] = rule.items()
        below = f"{path}.{operator}" if path else operator
        if operator == "$ref":
            return self._shared(str(values), nested=nested)
        arguments = values if isinstance(values, list) else [values]
        if self.watch is None and (step := quick(self.flag_key, operator, arguments, nested=nested)):
            return step
        places = [f"{below}[{index}]" for index in range(len(arguments))] if values is arguments else [below]
        if operator in LOOPS:
            outer = [self.rule(arguments[0], places[0], nested=nested)]
            outer += [
                self.rule(one, place, nested=nested)
                for one, place in zip(arguments[2:], places[2:], strict=True)
            ]
            inner = self.rule(arguments[1], places[1], nested=True)
            return loop(operator, outer, inner, parts_of(arguments[1], self.evaluators))
        if operator == "fractional":
            return fractional(self, arguments, places, nested=nested)
        if operator == "var" and not any(isinstance(one, (list, dict)) for one in arguments):
            return at_path(
                self.flag_key, *arguments[:1] or [None], nested=nested, fallback=(arguments[1:] or [None])[0]
            )
        parts = [self.rule(one, place, nested=nested) for one, place in zip(arguments, places, strict=True)]
        return self._operator(operator, parts, nested=nested)

    def rules(self, rules: Sequence[object], path: str, *, nested: bool) -> list[Step]:
        return [self.rule(one, f"{path}[{index}]", nested=nested) for index, one in enumerate(rules)]

    def _shared(self, name: str, *, nested: bool) -> Step:
        """One step for all places that name an evaluator: a rule grows no larger by naming it often."""
        if (name, nested) not in self.shared:
            self.shared[name, nested] = self.rule(self.evaluators[name], f"$evaluators.{name}", nested=nested)
        return self.shared[name, nested]

    def _operator(self, operator: str, parts: list[Step], *, nested: bool) -> Step:
        match operator:
            case "if" | "?:":
                return branches(parts)
            case "and" | "or":
                return junction(parts, ends_on=operator == "or")
            case "var":
                return self._var(parts, nested=nested)
            case "missing":
                return self._missing(parts, nested=nested)
            case "missing_some":
                return self._missing_some(*parts, nested=nested)
            case _:
                return eager(EAGER[operator], parts)

    def _var(self, parts: list[Step], *, nested: bool) -> Step:
        """The path, or the fallback, is a rule itself."""
        path, fallback = parts[0], parts[1] if len(parts) > 1 else None
        key = self.flag_key

        def read(data: object, ask: Ask) -> object:
            other = None if fallback is None else fallback(data, ask)
            return read_at(key, path(data, ask), data, ask, nested=nested, fallback=other)

        return read

    def _missing(self, parts: list[Step], *, nested: bool) -> Step:
        key = self.flag_key

        def absent(data: object, ask: Ask) -> object:
            keys = [part(data, ask) for part in parts]
            first = keys[0] if keys else None
            return missing(key, first if isinstance(first, list) else keys, data, ask, nested=nested)

        return absent

    def _missing_some(self, need: Step, options: Step, *, nested: bool) -> Step:
        key = self.flag_key

        def absent(data: object, ask: Ask) -> object:
            least, keys = to_number(need(data, ask), ask[2]), options(data, ask)
            if not isinstance(keys, list):
                return []
            found = missing(key, keys, data, ask, nested=nested)
            return [] if len(keys) - len(found) >= least else found

        return absent


@lru_cache(maxsize=1024)
def same_text(text: str) -> Step:
    """A text that is written down, as variants are. Thousands of flags share the steps of a few names."""
    return lambda _data, _ask: text


_SHORT_NAME = 64


def branches(parts: list[Step]) -> Step:
    """`if`: pairs of a condition and what it gives, and what is given where none holds."""
    pairs = list(zip(parts[::2], parts[1::2], strict=False))
    last: Step = parts[-1] if len(parts) % 2 else lambda _data, _ask: None
    if len(pairs) == 1:
        [(condition, then)] = pairs

        def either(data: object, ask: Ask) -> object:
            held = condition(data, ask)
            if held is True or (held is not False and truthy(held)):
                return then(data, ask)
            return last(data, ask)

        return either

    def first(data: object, ask: Ask) -> object:
        for condition, then in pairs:
            held = condition(data, ask)
            if held is True or (held is not False and truthy(held)):
                return then(data, ask)
        return last(data, ask)

    return first


def junction(parts: list[Step], *, ends_on: bool) -> Step:
    """`or` gives the first value that is truthy, `and` the first that is not; or the last."""
    head, last = parts[:-1], parts[-1]

    def joined(data: object, ask: Ask) -> object:
        for part in head:
            value = part(data, ask)
            if truthy(value) is ends_on:
                return value
        return last(data, ask)

    return joined


def eager(apply: Apply, parts: list[Step]) -> Step:
    if len(parts) == 1:
        [only] = parts
        return lambda data, ask: apply([only(data, ask)], ask[2])
    if len(parts) == 2:
        left, right = parts
        return lambda data, ask: apply([left(data, ask), right(data, ask)], ask[2])
    return lambda data, ask: apply([part(data, ask) for part in parts], ask[2])

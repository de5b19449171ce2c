"""What every part of a document is looked at for, and the rules that its flags share."""

from __future__ import annotations

from collections.abc import Mapping

from sre_portal.core.errors import Problem
from sre_portal.core.flag.check import (
    TOO_DEEP,
    TOO_LARGE,
    check_rule,
    depth_of,
    in_cycles,
    peel,
    size_of,
)
from sre_portal.core.flag.definition import NOTHING
from sre_portal.core.flag.reading import MAX_DEPTH, MAX_RULE, Unsound, faults, weigh
from sre_portal.core.flag.resolution import type_name


class Findings:
    """Collects problems. `source` names the document."""

    def __init__(self, source: str) -> None:
        self.source = source
        self.problems: list[Problem] = []

    def report(self, path: str, seen: str, expected: str) -> None:
        self.problems.append(Problem(path, seen, expected, self.source))

    def sound(self, value: object, path: str) -> int | None:
        """About how many characters the value has; None where it is no JSON, which is reported."""
        try:
            return weigh(value)
        except Unsound:
            for found in faults(value, path):
                self.report(*found)
            return None

    def mapping(self, value: object, path: str, expected: str) -> Mapping[str, object]:
        if isinstance(value, Mapping):
            for name in getattr(value, "keys_said_twice", ()):
                self.report(f"{path}.{name}" if path else name, "the same key twice", "each key once")
            return value
        self.report(path, type_name(value), expected)
        return NOTHING


class SharedRules(Findings):
    """The evaluators by name, and how deep and how large each is with those it names written in."""

    def __init__(self, source: str) -> None:
        super().__init__(source)
        self.evaluators: dict[str, object] = {}
        self.deep: dict[str, int] = {}
        self.sizes: dict[str, int] = {}

    def shared(self, value: object) -> None:
        """The shared rules: sound by themselves, in no cycle, and not too large together."""
        rules = self.mapping(value, "$evaluators", "rules by their names")
        named: dict[str, list[str]] = {}
        own: dict[str, int] = {}
        for name, rule in rules.items():
            path = f"$evaluators.{name}"
            size = self.sound(rule, path)
            if size is None or not isinstance(name, str):
                continue
            if not isinstance(rule, dict):
                self.report(path, type_name(rule), "a rule")
            self.evaluators[name], own[name] = rule, size
            named[name] = check_rule(rule, path, rules, self.report)
        order, left = peel(named)
        for name in sorted(in_cycles(left)):
            self.report(f"$evaluators.{name}", "an evaluator that needs itself", "rules that end")
        for name in order:
            self.deep[name] = depth_of(self.evaluators[name], self.deep)
            self.sizes[name] = size_of(own[name], named[name], self.sizes)
            self.within(self.deep[name], self.sizes[name], f"$evaluators.{name}")
        for name in left:
            del self.evaluators[name]

    def within(self, depth: int, size: int, path: str) -> bool:
        if depth > MAX_DEPTH:
            self.report(path, f"{depth} levels", TOO_DEEP)
        if size > MAX_RULE:
            self.report(path, f"about {size} characters", TOO_LARGE)
        return depth <= MAX_DEPTH and size <= MAX_RULE

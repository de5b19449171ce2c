"""Whether a rule makes sense, before it is compiled: every problem at once, each with its path."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Protocol

from sre_portal.core.flag.bucket import MAX_WEIGHTS
from sre_portal.core.flag.fractional import weight_of
from sre_portal.core.flag.operators import ARITIES, LOOPS
from sre_portal.core.flag.reading import MAX_DEPTH, MAX_RULE
from sre_portal.core.flag.resolution import type_name
from sre_portal.core.flag.version import COMPARISONS, parse_version


class Report(Protocol):
    """Takes the path, what was seen there, and what was expected.

    Where `name` was said and one of `known` was expected, the one that comes close is suggested.
    """

    def __call__(
        self, path: str, seen: str, expected: str, name: str = "", known: Iterable[str] = ()
    ) -> None: ...


MAX_LOOPS = 3
"""Loops in each other."""


def check_rule(rule: object, path: str, evaluators: Iterable[str], report: Report) -> list[str]:
    """Reports what is wrong with a rule of bounded depth.

    Returns:
        The evaluators it names, as often as it does.
    """
    check = _Check(frozenset(evaluators), report)
    check.rule(rule, path, 0)
    return check.named


class _Check:
    def __init__(self, evaluators: frozenset[str], report: Report) -> None:
        self.evaluators = evaluators
        self.report = report
        self.named: list[str] = []

    def rule(self, rule: object, path: str, loops: int) -> None:
        if isinstance(rule, list):
            for index, item in enumerate(rule):
                if isinstance(item, (dict, list)):
                    self.rule(item, f"{path}[{index}]", loops)
        elif isinstance(rule, dict):
            if len(rule) == 1:
                [(operator, values)] = rule.items()
                self.operation(operator, values, f"{path}.{operator}", loops)
            else:
                seen = f"an object of {', '.join(rule)}" if rule else "an empty object"
                self.report(path, seen, "an object with one operator")

    def operation(self, operator: str, values: object, path: str, loops: int) -> None:
        if operator == "$ref":
            self.reference(values, path)
            return
        arity = ARITIES.get(operator)
        if arity is None:
            expected = "an operator of JSONLogic or flagd"
            self.report(path, f"the operator {operator!r}", expected, operator, ARITIES)
            return
        arguments = values if isinstance(values, list) else [values]
        if not arity.least <= len(arguments) <= arity.most:
            self.report(path, f"{len(arguments)} values", f"{arity} values for {operator!r}")
        loops += operator in LOOPS
        if loops > MAX_LOOPS:
            self.report(path, f"{loops} loops in each other", f"at most {MAX_LOOPS}")
            return
        if operator in _CHECKS:
            _CHECKS[operator](self, arguments, path)
        for index, one in enumerate(arguments):
            if isinstance(one, (dict, list)):
                self.rule(one, f"{path}[{index}]" if values is arguments else path, loops)

    def reference(self, name: object, path: str) -> None:
        if not isinstance(name, str):
            self.report(path, type_name(name), "the name of an evaluator")
        elif name not in self.evaluators:
            self.report(path, f"the evaluator {name!r}", "a name in $evaluators", name, self.evaluators)
        else:
            self.named.append(name)

    def fractional(self, values: list[object], path: str) -> None:
        first = 0 if values and isinstance(values[0], list) else 1
        if len(values) <= first:
            self.report(path, "no bucket", "at least one bucket: a variant and its weight")
        total = 0
        for index, bucket in enumerate(values[first:], first):
            if isinstance(bucket, list):
                total += self.bucket(bucket, f"{path}[{index}]")
            elif not isinstance(bucket, dict):
                self.report(f"{path}[{index}]", type_name(bucket), "a bucket: a variant and its weight")
        if total > MAX_WEIGHTS:
            self.report(path, f"weights of {total} together", f"at most {MAX_WEIGHTS}")

    def bucket(self, bucket: list[object], path: str) -> int:
        """The weight, 0 where it is a rule."""
        if not 1 <= len(bucket) <= 2:
            self.report(path, f"{len(bucket)} values", "a variant and its weight")
            return 0
        if isinstance(bucket[0], list):
            self.report(f"{path}[0]", "a list", "the name of a variant, or a rule that gives one")
        if len(bucket) == 1 or isinstance(bucket[1], dict):
            return len(bucket) % 2
        said, known = bucket[1], weight_of(bucket)
        if known is None or (isinstance(said, (int, float)) and said < 0):
            seen = (
                str(said)
                if isinstance(said, (int, float)) and not isinstance(said, bool)
                else type_name(said)
            )
            self.report(f"{path}[1]", seen, f"a whole number from 0 to {MAX_WEIGHTS}")
            return 0
        return known

    def sem_ver(self, values: list[object], path: str) -> None:
        for index, value in enumerate(values):
            if isinstance(value, dict):
                continue
            if index == 1 and value not in tuple(COMPARISONS):
                self.report(f"{path}[1]", repr(value), f"one of {', '.join(COMPARISONS)}")
            elif index != 1 and parse_version(value) is None:
                self.report(f"{path}[{index}]", repr(value), "a semantic version, 1.2.3")

    def texts(self, values: list[object], path: str) -> None:
        for index, value in enumerate(values):
            if not isinstance(value, (str, dict)):
                self.report(f"{path}[{index}]", type_name(value), "a string, or a rule that gives one")

    def var(self, values: list[object], path: str) -> None:
        if values and not isinstance(values[0], (str, int, dict, type(None))):
            self.report(path, type_name(values[0]), "the name of an attribute")


_CHECKS: Mapping[str, Callable[[_Check, list[object], str], None]] = {
    "fractional": _Check.fractional,
    "sem_ver": _Check.sem_ver,
    "starts_with": _Check.texts,
    "ends_with": _Check.texts,
    "var": _Check.var,
}


def peel(needs: Mapping[str, Iterable[str]]) -> tuple[list[str], dict[str, set[str]]]:
    """Evaluators, each after those it needs; and those left over, which need a cycle."""
    left = {name: set(others) & needs.keys() for name, others in needs.items()}
    users = reverse(left)
    waiting = {name: len(others) for name, others in left.items()}
    order = [name for name, count in waiting.items() if not count]
    for name in order:  # grows as it goes
        for user in users[name]:
            waiting[user] -= 1
            if not waiting[user]:
                order.append(user)
    done = set(order)
    return order, {name: others - done for name, others in left.items() if name not in done}


def reverse(needs: Mapping[str, set[str]]) -> dict[str, set[str]]:
    users: dict[str, set[str]] = {name: set() for name in needs}
    for name, others in needs.items():
        for other in others:
            users[other].add(name)
    return users


def in_cycles(left: Mapping[str, set[str]]) -> set[str]:
    """Of those that need a cycle, those that are part of one, or lie between two."""
    return set(peel(reverse(left))[1])


def depth_of(rule: object, deep: Mapping[str, int]) -> int:
    """Levels of a rule, with those of the evaluators it names."""
    if isinstance(rule, dict):
        if len(rule) == 1 and "$ref" in rule:
            return deep.get(str(rule["$ref"]), 0)
        return 1 + max((depth_of(item, deep) for item in rule.values()), default=0)
    if isinstance(rule, list):
        return 1 + max((depth_of(item, deep) for item in rule), default=0)
    return 0


def size_of(own: int, named: Sequence[str], sizes: Mapping[str, int]) -> int:
    """Characters of a rule with the evaluators written in. Each place that names one counts."""
    return own + sum(sizes.get(name, 0) for name in named)


TOO_DEEP = f"at most {MAX_DEPTH} levels, with the evaluators it names"
TOO_LARGE = f"at most {MAX_RULE} characters, with the evaluators it names"

"""What every part of a document is looked at for, and the rules that its flags share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from itertools import islice

from sre_portal.core.errors import InvalidInput, Problem
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
from sre_portal.core.flag.reading import (
    LONGEST_NAME,
    LONGEST_PATH,
    MAX_DEPTH,
    MAX_RULE,
    Unsound,
    faults,
    weigh,
)
from sre_portal.core.flag.resolution import type_name

MOST_TOLD = 100
"""Problems of one document. Of the others it is told how many they are."""
MOST_SUGGESTED = 10
_LONGEST_TOLD = 300
"""Characters of what was seen and of what is expected."""
_LONGEST_CLOSE = 60
"""Characters of names that are compared letter by letter."""
_MOST_CLOSE = 1000
"""Names that one is compared with."""


class Findings:
    """Collects problems. `source` names the document.

    `most` is how many are told, and `suggested` for how many of them what comes close is looked for.
    """

    def __init__(self, source: str, most: int = MOST_TOLD, suggested: int = MOST_SUGGESTED) -> None:
        self.source = source
        self.count = 0
        self._most = most
        self._suggested = suggested
        self._problems: list[Problem] = []

    def report(self, path: str, seen: str, expected: str, name: str = "", known: Iterable[str] = ()) -> None:
        """`check.Report`."""
        self.count += 1
        if self.count > self._most:
            return
        if name and self.count <= self._suggested:
            expected = suggestion(name, known, expected)
        told = Problem(path[:LONGEST_PATH], _short(seen), _short(expected), self.source)
        self._problems.append(told)

    def told(self) -> list[Problem]:
        """The first problems, and how many more there are."""
        more = self.count - len(self._problems)
        if not more:
            return self._problems
        expected = f"none; the first {self._most} are told"
        return [*self._problems, Problem("", f"{more} more problems", expected, self.source)]

    def refuse(self) -> None:
        """Raises `InvalidInput` if there is a problem."""
        if self.count:
            raise InvalidInput(self.told())

    def forget(self) -> None:
        """Begins anew, with something else."""
        self.count = 0
        self._problems = []

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


def suggestion(name: str, known: Iterable[str], otherwise: str) -> str:
    """What is expected, with the known name that comes close, where there is one."""
    if len(name) > _LONGEST_CLOSE:
        return otherwise
    short = (one for one in known if len(one) <= _LONGEST_CLOSE)
    close = get_close_matches(name, list(islice(short, _MOST_CLOSE)), 1)
    return f"{otherwise}; {close[0]!r} comes close" if close else otherwise


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TOLD else f"{text[:_LONGEST_TOLD]}..."


class SharedRules(Findings):
    """The evaluators by name, and how deep and how large each is with those it names written in."""

    def __init__(self, source: str, most: int = MOST_TOLD, suggested: int = MOST_SUGGESTED) -> None:
        super().__init__(source, most, suggested)
        self.evaluators: dict[str, object] = {}
        self.declared: Collection[str] = ()
        """The names of all, also of those that do not end: whoever names one of them is not wrong."""
        self.deep: dict[str, int] = {}
        self.sizes: dict[str, int] = {}

    def shared(self, value: object) -> None:
        """The shared rules: sound by themselves, in no cycle, and not too large together."""
        rules = self.mapping(value, "$evaluators", "rules by their names")
        self.declared = rules.keys()
        named: dict[str, list[str]] = {}
        own: dict[str, int] = {}
        for name, rule in rules.items():
            path = f"$evaluators.{name}"
            size = self.sound(rule, path)
            if size is None or not isinstance(name, str):
                continue
            if not self.bounded(name, "$evaluators"):
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

    def bounded(self, name: str, path: str) -> bool:
        if len(name) > LONGEST_NAME:
            self.report(path, f"a name of {len(name)} characters", f"at most {LONGEST_NAME}")
        return len(name) <= LONGEST_NAME

    def within(self, depth: int, size: int, path: str) -> bool:
        if depth > MAX_DEPTH:
            self.report(path, f"{depth} levels", TOO_DEEP)
        if size > MAX_RULE:
            self.report(path, f"about {size} characters", TOO_LARGE)
        return depth <= MAX_DEPTH and size <= MAX_RULE

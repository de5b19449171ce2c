"""The parts of a rule that only error budgets decide: while none of them turns, everybody gets the same."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from sre_portal.core.flag.compile import Compiler
from sre_portal.core.flag.definition import Flag
from sre_portal.core.flag.effort import Effort, full
from sre_portal.core.flag.lookup import Facts, Step, descend
from sre_portal.core.flag.operators import GIVES_TRUTH, GIVES_TRUTH_OR_NULL, LOOPS
from sre_portal.core.flag.outcome import variant_name
from sre_portal.core.flag.value import truthy
from sre_portal.core.flag_reads import Else, RuleReader, read_by
from sre_portal.core.flag_rule_words import rule_words

State = str | bool | None
"""What a condition gives, as far as it steers."""
FAILED = "<failed>"
"""The state of a condition that cannot be evaluated: whoever comes to it gets an error."""
UNFIT = ("<nothing>", "<no variant>")
"""The states of one that gives neither a variant nor true or false: by whether it is falsy or truthy."""
LONGEST_WORDS = 300

_FAILURES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)


class Purpose(Enum):
    """What becomes of the value of a part."""

    OUTCOME = auto()
    """It names the variant."""
    TRUTH = auto()
    """Only whether it is true matters."""
    OPERAND = auto()
    """Something is made of it."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A part of a rule that reads only facts and constants. `path` is its place, `words` is what it says."""

    path: str
    words: str
    purpose: Purpose
    step: Step

    def state(self, variants: Mapping[str, object], facts: Facts, effort: Effort) -> State:
        """What it gives, as far as it steers. As an outcome: the variant, or None for the default one."""
        try:
            value = self.step({}, (0, facts, effort))
            if self.purpose is Purpose.TRUTH:
                return truthy(value)
            if value is None or isinstance(value, bool):
                return value
            name = variant_name(value)
            return name if name in variants else UNFIT[truthy(value)]
        except _FAILURES:
            return FAILED


@dataclass(frozen=True, slots=True)
class Conditions:
    """Those of one flag, and the facts they read, as paths below `$slo`.

    `whole` is False where the rule reads a fact elsewhere too, to make something of it or to compare it with
    the context: then people may get something else though no condition turned.
    """

    found: tuple[Condition, ...] = ()
    reads: tuple[str, ...] = ()
    whole: bool = True
    variants: Mapping[str, object] = field(default_factory=dict)

    def states(self, facts: Facts) -> tuple[State, ...]:
        effort = full()  # they are parts of one rule
        return tuple(one.state(self.variants, facts, effort) for one in self.found)

    def known(self, facts: Facts) -> dict[str, float | None]:
        """The facts that are read; None for one that is not known."""
        found = {path: descend(facts, tuple(path.split(".")), None) for path in self.reads}
        return {path: value if isinstance(value, (int, float)) else None for path, value in found.items()}


def conditions_of(flag: Flag, evaluators: Mapping[str, object]) -> Conditions:
    """The conditions of a flag in force. A disabled one has none."""
    if not flag.enabled or flag.targeting is None:
        return Conditions()
    search = _Search(Compiler(flag.key, evaluators=evaluators), RuleReader(evaluators))
    search.look(flag.targeting, f"flags.{flag.key}.targeting", Purpose.OUTCOME)
    found = tuple(search.found.values())
    return Conditions(found, tuple(sorted(search.reads)), search.whole, flag.variants)


@dataclass(slots=True)
class _Search:
    compiler: Compiler
    reader: RuleReader
    found: dict[tuple[str, Purpose], Condition] = field(default_factory=dict)
    reads: set[str] = field(default_factory=set)
    whole: bool = True
    shared: set[tuple[str, Purpose]] = field(default_factory=set)
    """Evaluators that were looked into: one may be named often."""

    def look(self, rule: object, path: str, purpose: Purpose) -> None:
        if isinstance(rule, list):
            self._operands((one, f"{path}[{index}]") for index, one in enumerate(rule))
        if not isinstance(rule, dict) or len(rule) != 1:
            return
        [(operator, values)] = rule.items()
        if operator == "$ref":
            self._look_into_shared(str(values), purpose)
        elif operator not in {"if", "?:"} and self._is_condition(rule, operator, purpose):
            self._take(rule, path, purpose)
        else:
            self._look_into(operator, values, f"{path}.{operator}", purpose)

    def _is_condition(self, rule: object, operator: str, purpose: Purpose) -> bool:
        steers = purpose is not Purpose.OPERAND or operator in GIVES_TRUTH | GIVES_TRUTH_OR_NULL
        return steers and self.reader.of(rule).only_facts

    def _take(self, rule: object, path: str, purpose: Purpose) -> None:
        words = rule_words(rule)
        words = words if len(words) <= LONGEST_WORDS else f"{words[:LONGEST_WORDS]}..."
        self.found[path, purpose] = Condition(path, words, purpose, self.compiler.whole(rule, path))
        self.reads |= self.reader.of(rule).facts

    def _look_into_shared(self, name: str, purpose: Purpose) -> None:
        if (name, purpose) not in self.shared:
            self.shared.add((name, purpose))
            self.look(self.compiler.evaluators.get(name), f"$evaluators.{name}", purpose)

    def _look_into(self, operator: str, values: object, path: str, purpose: Purpose) -> None:
        arguments = values if isinstance(values, list) else [values]
        places = [f"{path}[{index}]" for index in range(len(arguments))] if values is arguments else [path]
        parts = list(zip(arguments, places, strict=True))
        match operator:
            case "if" | "?:":
                for index, (one, where) in enumerate(parts):
                    decides = not index % 2 and index != len(parts) - 1
                    self.look(one, where, Purpose.TRUTH if decides else purpose)
            case "and" | "or" | "log":
                for one, where in parts:
                    self.look(one, where, purpose)
            case "!" | "!!":
                self.look(*parts[0], Purpose.TRUTH)
            case "fractional":
                for one, where in parts:
                    self._bucket(one, where, purpose)
            case "var" | "missing" | "missing_some":
                if any(one is Else.ANYTHING or isinstance(one, str) for one in read_by(operator, arguments)):
                    self.whole = False
                self._operands(parts)
            case _ if operator in LOOPS:  # what is evaluated for each element sees the element and no facts
                self._operands([parts[0], *parts[2:]])
            case _:
                self._operands(parts)

    def _operands(self, parts: Iterable[tuple[object, str]]) -> None:
        for one, where in parts:
            self.look(one, where, Purpose.OPERAND)

    def _bucket(self, bucket: object, path: str, purpose: Purpose) -> None:
        """A variant and its weight, or a rule: for the value to split by, or for a whole bucket."""
        if isinstance(bucket, list):
            for index, one in enumerate(bucket):
                self.look(one, f"{path}[{index}]", Purpose.OPERAND if index else purpose)
        else:
            self.look(bucket, path, Purpose.OPERAND)

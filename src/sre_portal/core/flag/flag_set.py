"""Flags that can be asked."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from sre_portal.core.flag.compile import Compiler, Watch
from sre_portal.core.flag.definition import NEEDS, NOTHING, Definitions, Flag
from sre_portal.core.flag.effort import MAX_EFFORT, Effort, Portions
from sre_portal.core.flag.gate import CYCLE, Evaluate, Gate, gate_of
from sre_portal.core.flag.lookup import NO_FACTS, Facts, Step
from sre_portal.core.flag.parse import parse_definitions
from sre_portal.core.flag.resolution import (
    NO_METADATA,
    ErrorCode,
    ExpectedType,
    Metadata,
    Reason,
    Resolution,
    failed,
    typed,
)
from sre_portal.core.flag.value import to_text

_FAILURES = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What a rule can run into: a context that is no JSON, a text that grows without end, a host's deep stack."""

PART = 200
PART_EFFORT = 10_000
"""All flags of a set are evaluated in parts of so many flags, or of so much shared effort: about 2 ms."""


def parse_flags(document: str | bytes | Mapping[str, object], source: str = "") -> FlagSet:
    """The flags of a document in the flagd format, compiled. A mapping is kept and not copied: leave it be.

    Raises:
        InvalidInput: with every problem and its path.
    """
    return FlagSet(parse_definitions(document, source))


class FlagSet:
    """The flags of one document. Immutable: a change makes another set, which shares what did not change."""

    __slots__ = ("_fixed", "_gates", "_runs", "definitions")

    def __init__(
        self,
        definitions: Definitions,
        known: tuple[dict[str, Resolution], dict[str, Evaluate], dict[str, Gate]] | None = None,
        new: Iterable[Flag] | None = None,
    ) -> None:
        """Compiles definitions that were parsed. `known` and `new` are for a set that comes from another."""
        self.definitions = definitions
        self._fixed, self._runs, self._gates = known or ({}, {}, {})
        for flag in definitions.flags.values() if new is None else new:
            self._add(flag)

    def _add(self, flag: Flag) -> None:
        around = self.definitions
        if NEEDS in flag.metadata and flag.enabled:
            run = compile_flag(flag, around.evaluators, around.metadata)
            self._gates[flag.key] = gate_of(flag, run, merged(flag, around.metadata))
        elif (answer := fixed(flag, around.metadata)) is not None:
            self._fixed[flag.key] = answer
        else:
            self._runs[flag.key] = compile_flag(flag, around.evaluators, around.metadata)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, FlagSet) and self.definitions == other.definitions

    def __hash__(self) -> int:
        return hash(tuple(self.definitions.flags))

    def __len__(self) -> int:
        return len(self.definitions.flags)

    def __iter__(self) -> Iterator[str]:
        return iter(self.definitions.flags)

    def __contains__(self, key: object) -> bool:
        return key in self.definitions.flags

    def evaluate(
        self,
        key: str,
        context: Mapping[str, object],
        *,
        expected_type: ExpectedType | None = None,
        facts: Facts = NO_FACTS,
        at: float = 0,
    ) -> Resolution:
        """The value of a flag, and why. Never raises: what goes wrong is an answer, too.

        `facts` is what rules read below `$slo`, by SLO and name. `at` is `$flagd.timestamp`, in seconds since
        1970: a whole number, as flagd has it.
        """
        found = self._fixed.get(key)
        if found is None:
            run = self._runs.get(key)
            if run is None:
                found = self._gated(key, (context, facts, at, [MAX_EFFORT]), {})
            else:
                found = run(context, facts, at, [MAX_EFFORT])
        return found if expected_type is None else typed(found, expected_type)

    def evaluate_all(
        self, context: Mapping[str, object], *, facts: Facts = NO_FACTS, at: float = 0
    ) -> dict[str, Resolution]:
        """Every flag by its key, in the order of the document. Disabled ones are among them.

        They share one effort. Those that it does not reach are answers that say so.
        """
        *_, answers = self.evaluate_in_parts(context, facts=facts, at=at)
        return answers

    def evaluate_in_parts(
        self, context: Mapping[str, object], *, facts: Facts = NO_FACTS, at: float = 0
    ) -> Iterator[dict[str, Resolution]]:
        """The same with a pause after each part, for whoever has others to serve meanwhile.

        Gives the same object again and again. It has every answer the last time.
        """
        if type(context) is not dict and isinstance(context, Mapping):
            context = dict(context)
        answers = dict.fromkeys(self.definitions.flags, _UNKNOWN)
        answers.update(self._fixed)
        portions = Portions()
        effort = portions.effort
        number, pause = 0, portions.shared - PART_EFFORT
        for key, run in self._runs.items():
            answers[key] = run(context, facts, at, effort)
            if effort[0] != portions.most:
                portions.next()
            number += 1
            if number >= PART or portions.shared < pause:
                yield answers
                number, pause = 0, portions.shared - PART_EFFORT
        for key in self._gates:
            self._gated(key, (context, facts, at, effort), answers)
            portions.next()
            number += 1
            if number >= PART or portions.shared < pause:
                yield answers
                number, pause = 0, portions.shared - PART_EFFORT
        yield answers

    def unmet(self, key: str, ask: Question, told: dict[str, Resolution]) -> Resolution | None:
        """The answer of a flag whose prerequisites are not met; None where they are, or where it has none.

        `told` has the answers there are already, and takes in those of the flags that were asked.
        """
        gate = self._gates.get(key)
        if gate is None:
            return None
        for need, answer in zip(gate.needs, gate.unmet, strict=True):
            if self.given(need.flag, ask, told).variant != need.variant:
                return answer
        return None

    def _gated(self, key: str, ask: Question, told: dict[str, Resolution]) -> Resolution:
        """A flag with prerequisites, or none at all."""
        gate = self._gates.get(key)
        if gate is None:
            return failed(ErrorCode.FLAG_NOT_FOUND, f"no flag {key!r}")
        if told.get(key, _UNKNOWN) is _UNKNOWN:
            told[key] = CYCLE  # for whoever comes back here meanwhile
            try:
                told[key] = self.unmet(key, ask, told) or gate.run(*ask)
            except RecursionError:  # a chain that nobody checked
                told[key] = failed(ErrorCode.GENERAL, "its prerequisites need too many others")
        return told[key]

    def given(self, key: str, ask: Question, told: dict[str, Resolution]) -> Resolution:
        """The answer of a flag that another one needs. `told` as for `unmet`."""
        found = self._fixed.get(key)
        if found is None:
            run = self._runs.get(key)
            if run is None:
                return self._gated(key, ask, told)
            found = told.get(key)
            if found is None:
                found = told[key] = run(*ask)
        return found

    def with_flag(self, flag: Flag) -> FlagSet:
        """The set with a flag added or exchanged. Only that flag is compiled."""
        return self.changed({flag.key: flag})

    def without(self, key: str) -> FlagSet:
        """The set without a flag."""
        return self.changed({key: None})

    def changed(self, flags: Mapping[str, Flag | None]) -> FlagSet:
        """The set with these flags by their keys; None takes one away. Only they are compiled."""
        old = self.definitions
        new = {key: flag for key, flag in flags.items() if flag is not None}
        kept = {**old.flags, **new}
        for key in flags.keys() - new.keys():
            kept.pop(key, None)
        others = {name: found for name, found in self._fixed.items() if name not in flags}
        runs = {name: run for name, run in self._runs.items() if name not in flags}
        gates = {name: gate for name, gate in self._gates.items() if name not in flags}
        definitions = Definitions(kept, old.evaluators, old.metadata, old.extra)
        return FlagSet(definitions, (others, runs, gates), new.values())


Question = tuple[Mapping[str, object], Facts, float, Effort]
"""What `Evaluate` takes."""
_UNKNOWN = failed(ErrorCode.GENERAL, "")


def fixed(flag: Flag, set_metadata: Metadata = NO_METADATA) -> Resolution | None:
    """The answer of a flag that gives everybody the same: it is disabled, or has no targeting."""
    metadata = merged(flag, set_metadata)
    if not flag.enabled:
        return Resolution(None, None, Reason.DISABLED, metadata)
    return None if flag.targeting is not None else _default(flag, Reason.STATIC, metadata)


def compile_flag(
    flag: Flag,
    evaluators: Mapping[str, object] = NOTHING,
    set_metadata: Metadata = NO_METADATA,
    watch: Watch | None = None,
) -> Evaluate:
    """The flag as a function that never raises. All its answers are made beforehand, and one is picked."""
    answer = fixed(flag, set_metadata)
    if answer is not None:
        same = answer
        return lambda _context, _facts, _at, _effort: same
    compiler = Compiler(flag.key, flag.epoch(set_metadata), evaluators, watch)
    step = compiler.whole(flag.targeting, f"flags.{flag.key}.targeting")
    return _picking(flag, step, merged(flag, set_metadata))


def _picking(flag: Flag, step: Step, metadata: Metadata) -> Evaluate:
    answers = {
        name: Resolution(value, name, Reason.TARGETING_MATCH, metadata)
        for name, value in flag.variants.items()
    }
    otherwise = _default(flag, Reason.DEFAULT, metadata)

    def evaluate(context: object, facts: Facts, at: float, effort: Effort) -> Resolution:
        if type(context) is not dict:
            if not isinstance(context, Mapping):
                return failed(ErrorCode.INVALID_CONTEXT, "the evaluation context is no object", metadata)
            context = dict(context)
        try:
            given = step(context, (at, facts, effort))
            if given is None:
                return otherwise
            name = given if isinstance(given, str) else to_text(given, effort)
            found = answers.get(name)
        except _FAILURES as failure:
            return failed(ErrorCode.GENERAL, f"targeting failed: {failure}", metadata)
        return found or failed(
            ErrorCode.GENERAL, f"targeting gives {name[:100]!r}, which is no variant", metadata
        )

    return evaluate


def _default(flag: Flag, reason: Reason, metadata: Metadata) -> Resolution:
    if flag.default is None:
        return Resolution(None, None, Reason.DEFAULT, metadata)
    return Resolution(flag.variants[flag.default], flag.default, reason, metadata)


def merged(flag: Flag, set_metadata: Metadata) -> Metadata:
    """What is said of the flag goes before what is said of its set."""
    return (
        MappingProxyType({**set_metadata, **flag.metadata}) if set_metadata or flag.metadata else NO_METADATA
    )

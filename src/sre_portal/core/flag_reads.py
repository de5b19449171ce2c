"""What a rule and each of its parts read, found without evaluating them: facts, the context, or anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto

from sre_portal.core.flag.effort import full
from sre_portal.core.flag.lookup import FLAGD, SLO
from sre_portal.core.flag.operators import LOOPS
from sre_portal.core.flag.value import to_text


class Else(Enum):
    """What is read that is no fact."""

    CONSTANT = auto()
    CONTEXT = auto()
    """Of the caller or of the time, but surely no fact."""
    ANYTHING = auto()
    """What a rule computes, or everything there is: maybe a fact."""


Read = str | Else
"""A fact by its path below `$slo`, or something else."""


@dataclass(frozen=True, slots=True)
class Reads:
    """What a part reads, all in all.

    `facts` are paths below `$slo`. `context` is whether it reads the caller or the time. `anything` is
    whether it may read any fact, because it computes a name or takes everything there is.
    """

    facts: frozenset[str] = frozenset()
    context: bool = False
    anything: bool = False

    @property
    def only_facts(self) -> bool:
        return bool(self.facts) and not self.context and not self.anything

    @property
    def slos(self) -> frozenset[str]:
        """The names of the SLOs whose facts are read by name."""
        return frozenset(path.partition(".")[0] for path in self.facts)


NONE = Reads()


@dataclass(frozen=True, slots=True)
class RuleReader:
    """Looks at each part once, however often it is asked for. The rules must outlive it."""

    evaluators: Mapping[str, object]
    _known: dict[int, Reads] = field(default_factory=dict)

    def of(self, rule: object) -> Reads:
        if not isinstance(rule, (dict, list)):
            return NONE
        known = self._known.get(id(rule))
        if known is None:
            known = self._known[id(rule)] = self._of_list(rule) if isinstance(rule, list) else self._of(rule)
        return known

    def _of_list(self, rules: Iterable[object]) -> Reads:
        return _joined(self.of(one) for one in rules if isinstance(one, (dict, list)))

    def _of(self, rule: Mapping[str, object]) -> Reads:
        if len(rule) != 1:
            return NONE
        [(operator, values)] = rule.items()
        arguments = values if isinstance(values, list) else [values]
        if operator == "$ref":
            return self.of(self.evaluators.get(str(values)))
        if operator in LOOPS:  # what is evaluated for each element sees the element and no facts
            return self._of_list([arguments[0], *arguments[2:]])
        read = [*read_by(operator, arguments)]
        own = Reads(
            frozenset(one for one in read if isinstance(one, str)),
            Else.CONTEXT in read,
            Else.ANYTHING in read,
        )
        return _joined([own, self._of_list(arguments)])


def read_by(operator: str, arguments: list[object]) -> Iterator[Read]:
    """What one operator reads by itself, beside what its arguments read."""
    match operator, arguments:
        case "var", [first, *_]:
            yield _path(first)
        case "var", []:
            yield Else.ANYTHING
        case "missing", _:
            first = arguments[0] if arguments else None
            yield from map(_path, first if isinstance(first, list) else arguments)
        case "missing_some", [_, list(options)]:
            yield from map(_path, options)
        case "missing_some", _:
            yield Else.ANYTHING
        case "fractional", _:
            yield Else.CONTEXT
        case _:
            return


def _path(said: object) -> Read:
    if isinstance(said, (dict, list)) or said is None or said == "":
        return Else.ANYTHING
    text = to_text(said, full())
    head, _, rest = text.partition(".")
    if head == SLO:
        return rest or Else.ANYTHING
    return Else.CONSTANT if text == f"{FLAGD}.flagKey" else Else.CONTEXT


def _joined(many: Iterable[Reads]) -> Reads:
    found = [one for one in many if one is not NONE]
    if len(found) < 2:
        return found[0] if found else NONE
    return Reads(
        frozenset().union(*(one.facts for one in found)),
        any(one.context for one in found),
        any(one.anything for one in found),
    )

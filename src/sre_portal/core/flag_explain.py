"""Why somebody gets what they get: the path of one evaluation through a rule."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sre_portal.core.flag.definition import Definitions, Flag
from sre_portal.core.flag.effort import full
from sre_portal.core.flag.flag_set import FlagSet, Question, compile_flag
from sre_portal.core.flag.lookup import NO_FACTS, Ask, Facts, Step
from sre_portal.core.flag.outcome import inside
from sre_portal.core.flag.prerequisite import needs_of, path_of
from sre_portal.core.flag.resolution import Resolution

MAX_LOOKS = 500
"""Parts that are told. A loop over a long list looks at the same part again and again."""

MAX_RULE_TEXT = 500
"""Characters of a part that are told."""


@dataclass(frozen=True, slots=True)
class Look:
    """One part of a rule that was evaluated, and what it gave. `rule` is the beginning of its JSON."""

    path: str
    rule: str
    value: object


@dataclass(frozen=True, slots=True)
class Explanation:
    """An answer and how it came about.

    `looked` has the prerequisites that were asked, each with the variant its flag gives, and then the parts
    with an operator in the order they were finished. `branch` is the path of the part that decided, the
    innermost branch or bucket that was taken, or the prerequisites where one is not met; empty without
    targeting, or where it failed.
    """

    resolution: Resolution
    looked: tuple[Look, ...]
    branch: str


def explain(
    flags: FlagSet, key: str, context: Mapping[str, object], *, facts: Facts = NO_FACTS, at: float = 0
) -> Explanation:
    """The answer of `evaluate`, from the same closures with somebody watching."""
    flag = flags.definitions.flags.get(key)
    if flag is None:
        return Explanation(flags.evaluate(key, context), (), "")
    question = (context, facts, at, full())
    needed, unmet = _prerequisites(flags, flag, question)
    if unmet is not None:
        return Explanation(unmet, needed, needed[-1].path)
    watcher = _Watcher()
    run = compile_flag(flag, flags.definitions.evaluators, flags.definitions.metadata, watcher.watch)
    resolution = run(*question)
    root = f"flags.{key}.targeting"
    branch = watcher.decided(flag.targeting, root, flags.definitions) if watcher.seen(root) else ""
    return Explanation(resolution, (*needed, *watcher.looked), branch)


def _prerequisites(
    flags: FlagSet, flag: Flag, question: Question
) -> tuple[tuple[Look, ...], Resolution | None]:
    """The flags that were asked first, up to one that does not give what is needed, and the answer then."""
    told: dict[str, Resolution] = {}
    unmet = flags.unmet(flag.key, question, told)
    looked: list[Look] = []
    for one in needs_of(flag) if flag.enabled else ():
        given = flags.given(one.flag, question, told).variant
        looked.append(Look(path_of(flag.key), str(one), given))
        if given != one.variant:
            break
    return tuple(looked), unmet


class _Watcher:
    def __init__(self) -> None:
        self.looked: list[Look] = []
        self._paths: set[str] = set()

    def watch(self, path: str, rule: object, step: Step) -> Step:
        text = json.dumps(rule, ensure_ascii=False) if isinstance(rule, dict) else ""
        text = text if len(text) <= MAX_RULE_TEXT else f"{text[:MAX_RULE_TEXT]}..."

        def watched(data: object, ask: Ask) -> object:
            value = step(data, ask)
            self._paths.add(path)
            if text and len(self.looked) < MAX_LOOKS:
                self.looked.append(Look(path, text, value))
            return value

        return watched

    def seen(self, path: str) -> bool:
        return path in self._paths

    def decided(self, rule: object, path: str, definitions: Definitions) -> str:
        """Follows what was evaluated from the root of a rule to the part that gave the value."""
        while isinstance(rule, dict) and len(rule) == 1:
            [(operator, values)] = rule.items()
            if operator == "$ref":
                rule, path = definitions.evaluators.get(str(values)), f"$evaluators.{values}"
                continue
            handed_on = inside(operator, values, f"{path}.{operator}")
            taken = [(place, value) for place, value in handed_on if self.seen(place)]
            if not taken:  # no branch, no bucket, or an operator that makes its own value
                return f"{path}.{operator}" if handed_on else path
            path, rule = taken[-1]
        return path

"""Exactly which of some people get another variant, by asking both sets for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from sre_portal.core.flag.flag_set import FlagSet
from sre_portal.core.flag.lookup import Facts


@dataclass(frozen=True, slots=True)
class Moved:
    """Somebody who gets another variant. None is the default in the code."""

    key: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class Asked:
    """What an evaluation is asked with, beside the key that differs.

    `attribute` is the path in the context that keys are put at, `targetingKey` or `user.id`. `context` is the
    rest of it. `at` is in seconds since 1970.
    """

    attribute: str = "targetingKey"
    context: Mapping[str, object] = field(default_factory=dict)
    facts: Facts = field(default_factory=dict)
    at: float = 0

    def of(self, key: str) -> dict[str, object]:
        """The context with a key in it."""
        asked = dict(self.context)
        *outer, last = self.attribute.split(".")
        inner = asked
        for name in outer:
            found = inner.get(name)
            below: dict[str, object] = dict(found) if isinstance(found, Mapping) else {}
            inner[name] = below
            inner = below
        inner[last] = key
        return asked


def moved(
    people: Iterable[str | Mapping[str, object]],
    flag_key: str,
    before: FlagSet,
    after: FlagSet,
    asked: Asked | None = None,
) -> Iterator[Moved]:
    """Those who move. Somebody is a key, or a whole context, which is told by its targeting key."""
    question = asked or Asked()
    for one in people:
        context = question.of(one) if isinstance(one, str) else one
        was = before.evaluate(flag_key, context, facts=question.facts, at=question.at).variant
        will = after.evaluate(flag_key, context, facts=question.facts, at=question.at).variant
        if was != will:
            yield Moved(one if isinstance(one, str) else str(one.get("targetingKey", "")), was, will)

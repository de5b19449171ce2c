"""The shared rules, those below `$evaluators`, that a rule names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping


def rules_named(rule: object) -> Iterator[str]:
    """By the rule itself, in its order; a name may come again."""
    if isinstance(rule, list):
        for item in rule:
            yield from rules_named(item)
    elif isinstance(rule, dict):
        for name, value in rule.items():
            if name == "$ref":
                yield str(value)
            else:
                yield from rules_named(value)


def rules_needed(rule: object, rules: Mapping[str, object]) -> dict[str, object]:
    """Those of `rules` that a rule names, or one of those that it names; by name, in the order of names."""
    found: dict[str, object] = {}
    left = list(rules_named(rule))
    while left:
        name = left.pop()
        if name in rules and name not in found:
            found[name] = rules[name]
            left += rules_named(rules[name])
    return dict(sorted(found.items()))

"""Whether two rules are the same, where each may name shared rules of its own document."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Same:
    """Compares rules before a change with rules after it. `old` and `new` are the shared rules by name."""

    old: Mapping[str, object]
    new: Mapping[str, object]
    _met: set[tuple[str, str]] = field(default_factory=set)

    def rules(self, old: object, new: object) -> bool:
        """To JSON 1 and true differ, and 1 and 1.0 do not."""
        left, right = _reference(old), _reference(new)
        if left is not None and right is not None:
            if (left, right) in self._met:  # where they differ, that is found where they were met first
                return True
            self._met.add((left, right))
        old = old if left is None else self.old.get(left)
        new = new if right is None else self.new.get(right)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            return old.keys() == new.keys() and all(self.rules(item, new[name]) for name, item in old.items())
        if isinstance(old, list) and isinstance(new, list):
            return len(old) == len(new) and all(map(self.rules, old, new))
        return isinstance(old, bool) is isinstance(new, bool) and old == new


def followed(rule: object, shared: Mapping[str, object]) -> object:
    """The rule that is meant where one names a shared one, which may name another."""
    while (name := _reference(rule)) is not None:
        rule = shared.get(name)
    return rule


def _reference(rule: object) -> str | None:
    return str(rule["$ref"]) if isinstance(rule, Mapping) and len(rule) == 1 and "$ref" in rule else None

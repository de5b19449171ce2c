"""Which facts the rules of a set read, kept up to date as the set changes."""

from __future__ import annotations

from collections.abc import Iterable

from sre_portal.core.flag.lookup import Facts
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_reads import Reads, RuleReader


class FactsRead:
    """Looks again only at the flags that changed. What a flag needs is of its set, and looked at itself."""

    def __init__(self, kept: KeptSet) -> None:
        self._kept = kept
        self._by_key: dict[str, Reads] = {}
        """Of the flags that read a fact, or may."""
        self._look(kept.rows)

    def follow(self, kept: KeptSet) -> None:
        """Another version may be in force."""
        changed = kept.changed_since(self._kept)
        self._kept = kept
        if changed is None:
            self._by_key.clear()
            self._look(kept.rows)
        else:
            self._look(changed)

    def of(self, facts: Facts) -> Facts | None:
        """Those of all facts that the rules may read; None where they read none."""
        if not self._by_key:  # most sets, and every one that is not there
            return None
        if any(one.anything for one in self._by_key.values()):
            return facts
        names = frozenset().union(*(one.slos for one in self._by_key.values()))
        return {name: facts[name] for name in facts.keys() & names}

    def _look(self, keys: Iterable[str]) -> None:
        definitions = self._kept.flags.definitions
        reader = RuleReader(definitions.evaluators)
        for key in keys:
            self._by_key.pop(key, None)
            flag = definitions.flags.get(key)
            read = None if flag is None else reader.of(flag.targeting)
            if read is not None and (read.facts or read.anything):
                self._by_key[key] = read

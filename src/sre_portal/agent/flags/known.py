"""What this process knows of its sets. The agent's thread writes, whoever evaluates reads, nobody waits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from sre_portal.agent.clock import SECOND
from sre_portal.contract.flags import BeatLine, ChangeLine, FactsLine, FlagLine, SetLine
from sre_portal.core.flag.definition import Flag
from sre_portal.core.flag.flag_set import FlagSet
from sre_portal.core.flag.lookup import NO_FACTS, Facts
from sre_portal.core.flag.taking import Taken, take_changes, take_whole

SILENT_NS = 5 * SECOND
"""After so long without a line from the portal answers are stale."""

Fields = Mapping[str, object]


class OutOfStep(ValueError):
    """A change of a version that is not the one in force: the whole set has to be told again."""


@dataclass(frozen=True, slots=True)
class KnownSet:
    """One set at one version, in force since an instant of the monotonic clock."""

    version: int
    since_ns: int
    shared: Fields = field(default_factory=dict)
    taken: Taken = field(default_factory=Taken)


@dataclass(frozen=True, slots=True)
class Answering:
    """A set as evaluations see it."""

    name: str
    flags: FlagSet
    facts: Facts


class Known:
    """`answering` is exchanged as a whole, so that an evaluation sees one version of everything."""

    def __init__(self, names: Sequence[str], now: Callable[[], int]) -> None:
        self.answering: tuple[Answering, ...] = ()
        """In the order in which sets are asked."""
        self.heard_ns: int | None = None
        """When the last line came."""
        self.sets: dict[str, KnownSet] = {}
        self._names = tuple(names)
        self._facts: dict[str, Facts] = {}
        self._now = now

    @property
    def is_complete(self) -> bool:
        return len(self.sets) == len(self._names)

    def is_stale(self, now_ns: int) -> bool:
        return self.heard_ns is not None and now_ns - self.heard_ns > SILENT_NS

    def take(self, line: FlagLine | None) -> list[str] | None:
        """Puts what a line says in force. The keys of flags that changed; None where no version did.

        Raises `OutOfStep`.
        """
        changed = None
        match line:
            case SetLine() if line.flag_set in self._names:
                changed = self._take_set(line)
            case ChangeLine() if line.flag_set in self._names:
                changed = self._take_change(line)
            case FactsLine() if line.flag_set in self._names:
                self._facts[line.flag_set] = line.slo
                self._exchange()
            case SetLine() | ChangeLine() | FactsLine() | BeatLine() | None:
                pass
        self.heard_ns = self._now()
        return changed

    def unsound(self) -> list[str]:
        """What cannot be compiled here, and why."""
        return [
            f"{name}/{key}: {why}"
            for name, known in self.sets.items()
            for key, why in (*known.taken.unsound.items(), ("", known.taken.unsound_shared))
            if why
        ]

    def _take_set(self, line: SetLine) -> list[str] | None:
        before = self.sets.get(line.flag_set)
        old = Taken() if before is None else before.taken
        shared = {name: value for name, value in line.document.items() if name != "flags"}
        flags = line.document["flags"]
        taken = take_whole(old.flags, shared, flags if isinstance(flags, dict) else {})
        same_version = before is not None and before.version == line.version
        since_ns = before.since_ns if before is not None and same_version else self._now()
        self.sets[line.flag_set] = KnownSet(line.version, since_ns, shared, taken)
        self._exchange()
        changed = _differing(old.flags.definitions.flags, taken.flags.definitions.flags)
        return None if same_version and not changed else changed

    def _take_change(self, line: ChangeLine) -> list[str]:
        before = self.sets.get(line.flag_set)
        if before is None or before.version != line.since:
            raise OutOfStep(f"a change of version {line.since}, which is not the one in force")
        taken = take_changes(before.taken, before.shared, line.flags)
        self.sets[line.flag_set] = KnownSet(line.version, self._now(), before.shared, taken)
        self._exchange()
        return sorted(line.flags)

    def _exchange(self) -> None:
        self.answering = tuple(
            Answering(name, self.sets[name].taken.flags, self._facts.get(name, NO_FACTS))
            for name in self._names
            if name in self.sets
        )


def _differing(old: Mapping[str, Flag], new: Mapping[str, Flag]) -> list[str]:
    return sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))

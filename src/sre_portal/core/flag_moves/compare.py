"""What a change of weights, variants, rules or bucketing epoch moves, before it is made.

Two definitions are compared along their `if` branches. Where both give what is written down, a share is told
of those who come there; where anything is computed, a sentence says so, and no number is given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction

from sre_portal.core.flag.bucket import Epoch
from sre_portal.core.flag.definition import Definitions, Flag
from sre_portal.core.flag.prerequisite import needs_of, path_of
from sre_portal.core.flag_moves.leaf import (
    KEY_ALONE,
    Leaf,
    Pairs,
    leaf_of,
    moved_share,
    movement,
    named,
    same_for_all,
)
from sre_portal.core.flag_moves.same import Same, followed
from sre_portal.core.flag_moves.split import split_of
from sre_portal.core.flag_pin import splits, splits_people

MOST_FLAGS_TOLD = 200
"""Flags of one set that are told with their moves."""
MOST_TOLD = 100
"""Parts and sentences of one comparison."""

_WHEN_ASKED = "How many that are is known only when they ask."


@dataclass(frozen=True, slots=True)
class Movement:
    """What share of a group, 0 to 1, gets another variant than before.

    `among` says in words which group, `path` where in the rule it is. `exact` where the hash is the same
    before and after, so that intervals of it are compared. Where it is not, hashes are independent, and this
    is what is expected of many people.
    """

    path: str
    among: str
    share: Fraction
    exact: bool
    pairs: Pairs


@dataclass(frozen=True, slots=True)
class Moves:
    """Who gets another variant by a change.

    `share` is of everybody the flag tells apart, 0 to 1; None where only parts can be told, or nothing.
    `at_most` is what it cannot exceed, None where even that is unknown. `parts` are those that move somebody.
    `unknown` says in sentences what cannot be told in advance, `notes` what else changes.
    """

    share: Fraction | None = Fraction(0)
    at_most: Fraction | None = Fraction(0)
    exact: bool = True
    parts: tuple[Movement, ...] = ()
    unknown: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


STILL = Moves()
NEW = Moves(notes=("The flag is new: it gave nobody anything before.",))


def moves(
    before: Flag | None,
    after: Flag | None,
    around: Definitions | None = None,
    around_after: Definitions | None = None,
) -> Moves:
    """Compares a flag before and after a change; None where there is none.

    `around` are the definitions around it, whose evaluators and metadata count; `around_after` those after
    the change, if they change with it.
    """
    if before is None:
        return NEW
    old = around or Definitions()
    new = around_after or old
    comparison = _Comparison(_Side(before, old), _Side(after, new))
    comparison.flags(before, after)
    return comparison.told()


def moves_between(before: Definitions, after: Definitions, keys: Iterable[str]) -> Mapping[str, Moves]:
    """The same for flags of a whole set. New ones and those that move nobody are left out."""
    told: dict[str, Moves] = {}
    for key in keys:
        found = moves(before.flags.get(key), after.flags.get(key), before, after)
        if found not in (NEW, STILL):
            told[key] = found
        if len(told) == MOST_FLAGS_TOLD:
            break
    return told


class _Side:
    """A flag before or after the change."""

    def __init__(self, flag: Flag | None, around: Definitions) -> None:
        self.shared = around.evaluators
        self.flag = flag
        self.epoch = Epoch.V3 if flag is None else flag.epoch(around.metadata)
        is_on = flag is not None and flag.enabled
        self.default = flag.default if flag is not None and is_on else None
        self.rule = flag.targeting if flag is not None and is_on else None
        self.splits = flag is not None and is_on and splits_people(flag, around)

    def leaf(self, rule: object) -> Leaf | None:
        """None where a rule is no end, or one that is computed."""
        if not isinstance(rule, (dict, list)):
            return same_for_all(rule, self.default)
        if self.flag is None or not isinstance(rule, dict) or list(rule) != ["fractional"]:
            return None
        split = split_of(rule["fractional"], self.flag, self.epoch, "")
        return None if split is None else leaf_of(split, self.default)

    def branches(self, rule: object) -> list[object] | None:
        """The arguments of an `if`, in whose last place is what is given where no condition holds."""
        if not isinstance(rule, dict) or len(rule) != 1:
            return None
        [(operator, values)] = rule.items()
        if operator not in {"if", "?:"}:
            return None
        arguments = list(values) if isinstance(values, list) else [values]
        return arguments if len(arguments) % 2 else [*arguments, None]


@dataclass
class _Comparison:
    old: _Side
    new: _Side
    parts: list[Movement] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    is_whole: bool = False
    """Whether the first part is of everybody."""

    def flags(self, before: Flag, after: Flag | None) -> None:
        root = f"flags.{before.key}.targeting"
        group = self._gates(before, after)
        self._rules(self.old.rule, self.new.rule, root, "")
        self.is_whole = not group and len(self.parts) == 1 and self.parts[0].path == root
        if group:
            self.parts = [replace(part, among=f"{part.among}, of {group}") for part in self.parts]
        if after is not None:
            self.notes += [
                f"The variant {name!r} has another value."
                for name, value in before.variants.items()
                if name in after.variants and not Same({}, {}).rules(value, after.variants[name])
            ]

    def _gates(self, before: Flag, after: Flag | None) -> str:
        """Whom everything is said of, where that is not everybody."""
        old = needs_of(before) if before.enabled else ()
        new = needs_of(after) if after is not None and after.enabled else ()
        if set(old) != set(new):
            self.unknown.append(
                f"{path_of(before.key)}: the prerequisites are others than before. {_WHEN_ASKED}"
            )
            return "those who meet the prerequisites before and after"
        if old and after is not None and before.off != after.off:
            self.unknown.append(
                f"{path_of(before.key)}: whoever does not meet them gets {named(after.off)} instead of "
                f"{named(before.off)}. {_WHEN_ASKED}"
            )
        return "those who meet the prerequisites" if old else ""

    def _rules(self, old: object, new: object, path: str, group: str) -> None:
        """`group` says who comes here, in words that begin with who, where not everybody does."""
        if self._stays(old, new):
            return
        old, new = followed(old, self.old.shared), followed(new, self.new.shared)
        before, after = self.old.leaf(old), self.new.leaf(new)
        if before is not None and after is not None:
            self._leaves(before, after, path, group)
            return
        was, will = self.old.branches(old), self.new.branches(new)
        if was is not None and will is not None and self._same_conditions(was, will):
            for (below, come), one, other in zip(
                _places(new, will, path), was[1::2] + was[-1:], will[1::2] + will[-1:], strict=True
            ):
                self._rules(one, other, below, come)
        elif will is not None and was is None:
            for (below, come), other in zip(_places(new, will, path), will[1::2] + will[-1:], strict=True):
                self._rules(old, other, below, come)
        elif was is not None and will is None:
            for (below, come), one in zip(_places(old, was, path), was[1::2] + was[-1:], strict=True):
                self._rules(one, new, below, f"{come}, as it was before")
        else:
            self.unknown.append(f"{path}: the rule decides by something else than before. {_WHEN_ASKED}")

    def _same(self, old: object, new: object) -> bool:
        return Same(self.old.shared, self.new.shared).rules(old, new)

    def _stays(self, old: object, new: object) -> bool:
        if self.old.default != self.new.default or (
            self._another_hash and (self.old.splits or self.new.splits)
        ):
            return False
        return self._same(old, new)

    def _same_conditions(self, was: list[object], will: list[object]) -> bool:
        conditions = was[:-1:2]
        if self._another_hash and splits(conditions, self.old.shared):
            return False
        return self._same(conditions, will[:-1:2])

    @property
    def _another_hash(self) -> bool:
        return self.old.epoch is not self.new.epoch

    def _leaves(self, before: Leaf, after: Leaf, path: str, group: str) -> None:
        if before.by is not None and after.by is not None and not self._same(before.by, after.by):
            self.unknown.append(f"{path}: people are told apart by another value than before. {_WHEN_ASKED}")
            return
        pairs, is_exact = movement(before, after)
        among, share = ("everybody" if not group else "those"), moved_share(pairs)
        by = before if before.by is not None else after
        if by.by is not None:
            among = f"{'everybody' if not group else 'people'} with a {by.value_in_words}"
            if not is_exact and by.by != KEY_ALONE:
                among += " that is a text"
            if before.otherwise != after.otherwise:
                gets = f"{named(after.otherwise)} instead of {named(before.otherwise)}"
                self.unknown.append(f"{path}: whoever has no {by.value_in_words} gets {gets}. {_WHEN_ASKED}")
        if share:
            self.parts.append(Movement(path, f"{among} {group}".rstrip(), share, is_exact, pairs))

    def told(self) -> Moves:
        shares = [part.share for part in self.parts]
        most = None if self.unknown else max(shares, default=Fraction(0))
        share = None
        if not self.unknown and (not shares or self.is_whole):
            share = most
        return Moves(
            share,
            most,
            all(part.exact for part in self.parts),
            tuple(self.parts[:MOST_TOLD]),
            tuple(self.unknown[:MOST_TOLD]),
            tuple(self.notes[:MOST_TOLD]),
        )


def _places(rule: object, branches: list[object], path: str) -> list[tuple[str, str]]:
    """The path of each branch of an `if`, and who comes there."""
    below = f"{path}.{next(iter(rule))}" if isinstance(rule, dict) else path
    last = len(branches) - 1
    rest = (
        "for whom no condition holds"
        if path.endswith(".targeting")
        else f"for whom no condition of {below} holds"
    )
    given = [(f"{below}[{index}]", f"who come to {below}[{index}]") for index in range(1, last, 2)]
    return [*given, (f"{below}[{last}]", rest)]

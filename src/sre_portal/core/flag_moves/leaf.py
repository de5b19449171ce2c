"""The ends of rules that are written down: which hashes get which variant, and what moves between two."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from sre_portal.core.flag.bucket import HASHES, Epoch
from sre_portal.core.flag.outcome import variant_name
from sre_portal.core.flag.resolution import CODE_DEFAULT
from sre_portal.core.flag_moves.split import Split, intervals

Pair = tuple[str | None, str | None]
"""The variant before and after. None is the default in the code."""
Pairs = Mapping[Pair, Fraction]
"""Shares by pair, 0 to 1. They sum up to 1."""

KEY_ALONE = "targetingKey"


@dataclass(frozen=True, slots=True)
class Leaf:
    """`intervals` of the hashes from 0 to 2^32 by variant: where each ends, and what it gives.

    `by` is what people are told apart by: None where everybody gets the same, `KEY_ALONE`, or a list with the
    rule of the bucketing value. `otherwise` is what somebody without it gets.
    """

    intervals: Sequence[tuple[int, str | None]]
    by: object = None
    epoch: Epoch = Epoch.V3
    otherwise: str | None = None

    @property
    def value_in_words(self) -> str:
        return "targeting key" if self.by == KEY_ALONE else "bucketing value"


def named(variant: str | None) -> str:
    """A variant as sentences name it."""
    return CODE_DEFAULT if variant is None else repr(variant)


def same_for_all(value: object, default: str | None) -> Leaf:
    """A value that is written down. `default` is the default variant, which null gives."""
    name = variant_name(value)
    name = default if name is None else name
    return Leaf([(HASHES, name)], otherwise=name)


def leaf_of(split: Split, default: str | None) -> Leaf:
    ends = [(end, default if variant is None else variant) for end, variant in intervals(split)]
    return Leaf(ends, KEY_ALONE if split.by is None else [split.by], split.epoch, default)


def movement(before: Leaf, after: Leaf) -> tuple[Pairs, bool]:
    """The shares by variant before and after, of people who are told apart by the same value, if by any.

    The second is whether they are exact: where the hash is the same, its intervals are compared. V1 and V2
    share one, and differ in what they make of it. V3 has another: hashes are independent then, and this is
    what is expected of many people.
    """
    is_exact = (
        before.by is None or after.by is None or (before.epoch is Epoch.V3) == (after.epoch is Epoch.V3)
    )
    pairs: dict[Pair, Fraction] = {}
    for pair, share in _overlaps(before, after) if is_exact else _products(before, after):
        pairs[pair] = pairs.get(pair, Fraction(0)) + share
    return pairs, is_exact


def moved_share(pairs: Pairs) -> Fraction:
    return sum((share for (old, new), share in pairs.items() if old != new), Fraction(0))


def _overlaps(before: Leaf, after: Leaf) -> Iterator[tuple[Pair, Fraction]]:
    """Both cut the hashes into intervals. Each piece between two cuts has one variant in either."""
    at = 0
    left, right = iter(before.intervals), iter(after.intervals)
    (old_end, old_variant), (new_end, new_variant) = next(left), next(right)
    while at < HASHES:
        end = min(old_end, new_end)
        yield (old_variant, new_variant), Fraction(end - at, HASHES)
        at = end
        if at < HASHES and old_end == at:
            old_end, old_variant = next(left)
        if at < HASHES and new_end == at:
            new_end, new_variant = next(right)


def _products(before: Leaf, after: Leaf) -> Iterator[tuple[Pair, Fraction]]:
    old, new = _shares(before), _shares(after)
    for variant, share in old.items():
        for other, part in new.items():
            yield (variant, other), share * part


def _shares(leaf: Leaf) -> dict[str | None, Fraction]:
    found: dict[str | None, Fraction] = {}
    at = 0
    for end, variant in leaf.intervals:
        found[variant] = found.get(variant, Fraction(0)) + Fraction(end - at, HASHES)
        at = end
    return found

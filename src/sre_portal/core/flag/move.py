"""Who gets something else after a change of weights, variants or bucketing epoch."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import accumulate

from sre_portal.core.flag.bucket import HASHES, MAX_WEIGHTS, Epoch, share_v1
from sre_portal.core.flag.definition import Definitions, Flag
from sre_portal.core.flag.flag_set import compile_flag
from sre_portal.core.flag.fractional import weight_of
from sre_portal.core.flag.lookup import Facts
from sre_portal.core.flag.outcome import variant_name


@dataclass(frozen=True, slots=True)
class Split:
    """One `fractional` rule whose buckets are written down.

    `by` is the rule of the bucketing value, None for flag and targeting key. `buckets` are variants, None for
    the default variant, and their weights.
    """

    path: str
    epoch: Epoch
    flag_key: str
    by: object
    buckets: tuple[tuple[str | None, int], ...]


@dataclass(frozen=True, slots=True)
class Movement:
    """What share of those who come to a split, 0 to 1, get another variant than before.

    `exact` where both splits use the same hash: then intervals of it are compared. Where they do not, the
    hashes are independent, and this is what is expected of many people. `pairs` are the shares by variant
    before and after.
    """

    path: str
    share: Fraction
    exact: bool
    pairs: Mapping[tuple[str | None, str | None], Fraction]


@dataclass(frozen=True, slots=True)
class Moved:
    """One key that gets another variant."""

    key: str
    before: str | None
    after: str | None


def movements(before: Flag, after: Flag, definitions: Definitions | None = None) -> list[Movement]:
    """The movement at each split that is at the same path before and after.

    `definitions` are those around the flag: the metadata of the set may say its epoch. Splits with computed
    weights or variants are left out, as are those inside evaluators: `moved` tells of known keys there, too.
    """
    around = definitions or Definitions()
    old = {split.path: split for split in splits(before, around)}
    return [movement(old[split.path], split) for split in splits(after, around) if split.path in old]


def splits(flag: Flag, definitions: Definitions) -> list[Split]:
    """The splits of a flag whose buckets are written down. Conditions of `if` are looked into, too."""
    return list(
        _splits(flag.targeting, f"flags.{flag.key}.targeting", flag, flag.epoch(definitions.metadata))
    )


def _splits(rule: object, path: str, flag: Flag, epoch: Epoch) -> Iterator[Split]:
    if isinstance(rule, list):
        for index, item in enumerate(rule):
            yield from _splits(item, f"{path}[{index}]", flag, epoch)
    elif isinstance(rule, dict) and len(rule) == 1:
        [(operator, values)] = rule.items()
        below = f"{path}.{operator}"
        if operator == "fractional" and isinstance(values, list) and values:
            by = None if isinstance(values[0], list) else values[0]
            buckets = _buckets(values if by is None else values[1:])
            if buckets is not None:
                yield Split(below, epoch, flag.key, by, buckets)
        yield from _splits(values, below, flag, epoch)


def _buckets(values: Sequence[object]) -> tuple[tuple[str | None, int], ...] | None:
    found: list[tuple[str | None, int]] = []
    for value in values:
        weight = weight_of(value)
        if weight is None or not isinstance(value, list) or isinstance(value[0], (dict, list)):
            return None
        found.append((variant_name(value[0]), weight))
    return tuple(found)


def movement(before: Split, after: Split) -> Movement:
    """V1 and V2 share a hash, and differ in what they make of it; V3 has another."""
    exact = (
        before.by == after.by
        and before.flag_key == after.flag_key
        and (before.epoch is Epoch.V3) == (after.epoch is Epoch.V3)
    )
    pairs: dict[tuple[str | None, str | None], Fraction] = {}
    for pair, share in _overlaps(before, after) if exact else _products(before, after):
        pairs[pair] = pairs.get(pair, Fraction(0)) + share
    moved = sum((share for (old, new), share in pairs.items() if old != new), Fraction(0))
    return Movement(after.path, moved, exact, pairs)


Pair = tuple[tuple[str | None, str | None], Fraction]


def _overlaps(before: Split, after: Split) -> Iterator[Pair]:
    """Both splits cut the hashes into intervals. Each piece between two cuts has one variant in either."""
    old, new = intervals(before), intervals(after)
    at = 0
    left, right = iter(old), iter(new)
    (old_end, old_variant), (new_end, new_variant) = next(left), next(right)
    while at < HASHES:
        end = min(old_end, new_end)
        yield (old_variant, new_variant), Fraction(end - at, HASHES)
        at = end
        if at < HASHES and old_end == at:
            old_end, old_variant = next(left)
        if at < HASHES and new_end == at:
            new_end, new_variant = next(right)


def _products(before: Split, after: Split) -> Iterator[Pair]:
    old, new = _shares(before), _shares(after)
    for variant, share in old.items():
        for other, part in new.items():
            yield (variant, other), share * part


def _shares(split: Split) -> dict[str | None, Fraction]:
    found: dict[str | None, Fraction] = {}
    at = 0
    for end, variant in intervals(split):
        found[variant] = found.get(variant, Fraction(0)) + Fraction(end - at, HASHES)
        at = end
    return found


def intervals(split: Split) -> list[tuple[int, str | None]]:
    """The hashes from 0 to 2^32 by variant: where each interval ends, and what it gives."""
    weights = [weight for _, weight in split.buckets]
    total = sum(weights)
    if not 0 < total <= MAX_WEIGHTS:
        return [(HASHES, None)]
    if split.epoch is Epoch.V1:
        return _mirrored(split, total)
    ends = [
        -(-end * HASHES // total) for end in accumulate(weights)
    ]  # the first hash that is past the bucket
    return _joined(zip(ends, (variant for variant, _ in split.buckets), strict=True))


def _mirrored(split: Split, total: int) -> list[tuple[int, str | None]]:
    """V1 looks at the distance from 0 of the signed hash: its intervals go up to 2^31, and back again."""
    half = HASHES // 2
    distances = range(half + 1)
    rising: list[tuple[int, str | None]] = []
    for share, (variant, _) in zip(
        accumulate(weight * 100 / total for _, weight in split.buckets), split.buckets, strict=True
    ):
        rising.append((bisect_left(distances, share, key=share_v1), variant))
    rising = _joined([*rising, (half + 1, None)])
    starts = [0, *(end for end, _ in rising[:-1])]
    # A distance d from start to end is the hash 2^32 - d, so the last hash of the interval is 2^32 - start.
    falling = [
        (min(HASHES - start + 1, HASHES), variant)
        for start, (_, variant) in zip(reversed(starts), reversed(rising), strict=True)
    ]
    return _joined([*rising, *falling])


def _joined(pieces: Iterable[tuple[int, str | None]]) -> list[tuple[int, str | None]]:
    """Without pieces of no length."""
    joined: list[tuple[int, str | None]] = []
    at = 0
    for end, variant in pieces:
        if end > at:
            joined.append((end, variant))
            at = end
    return joined


@dataclass(frozen=True, slots=True)
class Question:
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
    keys: Iterable[str],
    before: Flag,
    after: Flag,
    definitions: Definitions | None = None,
    question: Question | None = None,
) -> Iterator[Moved]:
    """Exactly which of the keys get another variant, by evaluating both flags for each of them."""
    around, asked = definitions or Definitions(), question or Question()
    old = compile_flag(before, around.evaluators, around.metadata)
    new = compile_flag(after, around.evaluators, around.metadata)
    for key in keys:
        context = asked.of(key)
        was = old(context, asked.facts, asked.at).variant
        will = new(context, asked.facts, asked.at).variant
        if was != will:
            yield Moved(key, was, will)

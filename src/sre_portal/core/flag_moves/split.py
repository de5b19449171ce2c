"""Splits whose buckets are written down: where they stand, and which hash gives which variant."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate

from sre_portal.core.flag.bucket import HASHES, MAX_WEIGHTS, Epoch, share_v1
from sre_portal.core.flag.definition import Definitions, Flag
from sre_portal.core.flag.fractional import weight_of
from sre_portal.core.flag.outcome import variant_name

WayPart = str | int
"""A key or an index on the way to a part of a rule."""


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


def splits(flag: Flag, definitions: Definitions) -> list[Split]:
    """The splits of a flag whose buckets are written down. Conditions of `if` are looked into, too."""
    found = []
    root = f"flags.{flag.key}.targeting"
    for way, values in fractionals(flag.targeting):
        split = split_of(values, flag, flag.epoch(definitions.metadata), root + dotted(way))
        if split is not None:
            found.append(split)
    return found


def fractionals(rule: object, way: tuple[WayPart, ...] = ()) -> Iterator[tuple[tuple[WayPart, ...], object]]:
    """Every `fractional` in a rule: the way to what it is given, and that. Evaluators are not looked into."""
    if isinstance(rule, list):
        for index, item in enumerate(rule):
            yield from fractionals(item, (*way, index))
    elif isinstance(rule, dict) and len(rule) == 1:
        [(operator, values)] = rule.items()
        if operator == "fractional":
            yield (*way, operator), values
        yield from fractionals(values, (*way, operator))


def dotted(way: Iterable[WayPart]) -> str:
    """The way as paths of problems have it: `.if[1].fractional`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in way)


def split_of(values: object, flag: Flag, epoch: Epoch, path: str) -> Split | None:
    """What `fractional` is given, read. None where weights or variants are computed."""
    if not isinstance(values, list) or not values:
        return None
    by = None if isinstance(values[0], list) else values[0]
    buckets = _buckets(values if by is None else values[1:])
    return None if buckets is None else Split(path, epoch, flag.key, by, buckets)


def _buckets(values: Sequence[object]) -> tuple[tuple[str | None, int], ...] | None:
    found: list[tuple[str | None, int]] = []
    for value in values:
        weight = weight_of(value)
        if weight is None or not isinstance(value, list) or isinstance(value[0], (dict, list)):
            return None
        found.append((variant_name(value[0]), weight))
    return tuple(found)


def shares(split: Split) -> dict[str | None, Fraction]:
    """What part of all hashes each variant has, 0 to 1."""
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

"""`fractional`: people fall into variants by a hash, so that each keeps what they got."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from sre_portal.core.flag.bucket import (
    Epoch,
    cbor_text,
    hash_pair,
    hash_text,
    hash_value,
    places,
)
from sre_portal.core.flag.effort import LONG, spend_on_text
from sre_portal.core.flag.lookup import Ask, Step


class Compiles(Protocol):
    """What a split needs of the compiler."""

    @property
    def flag_key(self) -> str: ...
    @property
    def epoch(self) -> Epoch: ...
    def rule(self, rule: object, path: str = "", *, nested: bool = False) -> Step: ...


Hashed = Callable[[object, Ask], int | None]
"""The hash of whoever the data is about; None where there is nothing to tell people apart by."""
HashedBy = Callable[[object, object, Ask], int | None]
"""The same by a bucketing value, which comes first."""
BucketAt = Callable[[int], int | None]


def fractional(compiler: Compiles, values: list[object], paths: Sequence[str], *, nested: bool) -> Step:
    """The step of a split. Without a bucketing value, people are told apart by their targeting key.

    A bucketing value that turns out to be a list is none: it is the first bucket, as in flagd.
    """
    parts = list(zip(values, paths, strict=True))
    key: Step | None = None
    if not isinstance(values[0], list):
        key = compiler.rule(values[0], paths[0], nested=nested)
        parts = parts[1:]
    computed = _Computed(compiler, parts, nested=nested)
    weights = [known for value, _ in parts if (known := weight_of(value)) is not None]
    if len(weights) < len(parts):
        return computed.by_key if key is None else computed.by_value(key)
    place = places(compiler.epoch, weights)
    variants = [_variant(compiler, value, path, nested=nested) for value, path in parts]
    if key is None:
        return _by_key(shorthand(compiler), place, variants)
    return _by_value(key, explicit(compiler), place, variants, computed)


def weight_of(bucket: object) -> int | None:
    """The weight of a bucket as it is written, 1 where it is left out. None where only evaluation can say."""
    if not isinstance(bucket, list) or not 1 <= len(bucket) <= 2:
        return None
    return weight(bucket[1]) if len(bucket) == 2 else 1


def weight(value: object) -> int | None:
    """A weight; below 0 is 0. None where it is no whole number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return max(int(value), 0) if value == value // 1 else None


def _variant(compiler: Compiles, bucket: object, path: str, *, nested: bool) -> Step:
    if isinstance(bucket, list) and bucket:
        return compiler.rule(bucket[0], f"{path}[0]", nested=nested)
    return lambda _data, _ask: None


def shorthand(compiler: Compiles) -> Hashed:
    """By flag and targeting key, so that two flags split people differently."""
    if compiler.epoch is Epoch.V3:
        hash_v3 = hash_pair(cbor_text(compiler.flag_key))

        def paired(data: object, ask: Ask) -> int | None:
            key = data.get("targetingKey") if isinstance(data, dict) else None
            if not key or not isinstance(key, str):
                return None
            if len(key) > LONG:
                spend_on_text(ask[2], key)
            return hash_v3(key)

        return paired
    flag_key = compiler.flag_key

    def joined(data: object, ask: Ask) -> int | None:
        key = data.get("targetingKey") if isinstance(data, dict) else None
        if not isinstance(key, str):
            return None
        spend_on_text(ask[2], key)
        return hash_text(flag_key + key)

    return joined


def explicit(compiler: Compiles) -> HashedBy:
    """By a bucketing value. V1 and V2 hash texts only, and go back to the targeting key where it is null."""
    if compiler.epoch is Epoch.V3:

        def valued(value: object, _data: object, ask: Ask) -> int | None:
            return None if value is None else hash_value(value, ask[2])

        return valued
    otherwise = shorthand(compiler)

    def text(value: object, data: object, ask: Ask) -> int | None:
        if isinstance(value, str):
            spend_on_text(ask[2], value)
            return hash_text(value)
        return otherwise(data, ask) if value is None else None

    return text


def _by_key(hashed: Hashed, place: BucketAt, variants: list[Step]) -> Step:
    def chosen(data: object, ask: Ask) -> object:
        found = hashed(data, ask)
        index = None if found is None else place(found)
        return None if index is None else variants[index](data, ask)

    return chosen


def _by_value(
    key: Step, hashed: HashedBy, place: BucketAt, variants: list[Step], computed: _Computed
) -> Step:
    def chosen(data: object, ask: Ask) -> object:
        value = key(data, ask)
        if isinstance(value, list):
            return computed.chosen(computed.hashed(data, ask), [value], data, ask)
        found = hashed(value, data, ask)
        index = None if found is None else place(found)
        return None if index is None else variants[index](data, ask)

    return chosen


class _Computed:
    """A split whose weights, or whole buckets, are rules. What makes no sense gives null."""

    __slots__ = ("_buckets", "_compiler", "_explicit", "_nested", "_parts", "hashed")

    def __init__(self, compiler: Compiles, parts: list[tuple[object, str]], *, nested: bool) -> None:
        self._compiler = compiler
        self._parts = parts
        self._nested = nested
        self._buckets: list[Step] | None = None
        self.hashed = shorthand(compiler)
        self._explicit = explicit(compiler)

    def by_key(self, data: object, ask: Ask) -> object:
        return self.chosen(self.hashed(data, ask), [], data, ask)

    def by_value(self, key: Step) -> Step:
        def chosen(data: object, ask: Ask) -> object:
            value = key(data, ask)
            if isinstance(value, list):
                return self.chosen(self.hashed(data, ask), [value], data, ask)
            return self.chosen(self._explicit(value, data, ask), [], data, ask)

        return chosen

    def chosen(self, found: int | None, first: list[object], data: object, ask: Ask) -> object:
        if found is None:
            return None
        if self._buckets is None:  # seldom needed, so compiled when it is
            self._buckets = [
                self._compiler.rule(value, path, nested=self._nested) for value, path in self._parts
            ]
        buckets = [*first, *(bucket(data, ask) for bucket in self._buckets)]
        weights = [known for bucket in buckets if (known := weight_of(bucket)) is not None]
        if len(weights) < len(buckets):
            return None
        index = places(self._compiler.epoch, weights)(found)
        bucket = None if index is None else buckets[index]
        return bucket[0] if isinstance(bucket, list) else None

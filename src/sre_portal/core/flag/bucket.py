"""Which part of a split a value falls into, by each generation of flagd's hash.

A generation is an epoch of a flag: another one moves most people, so each flag says which it is held to.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from enum import IntEnum
from itertools import accumulate

import cbor2
import mmh3

from sre_portal.core.flag.effort import HASHED, Effort, TooMuch, spend, spend_on_text
from sre_portal.core.flag.value import MAX_NESTING

MAX_WEIGHTS = 2**31 - 1
"""The most that all weights of a split may be together."""
HASHES = 2**32
_MAX_INT = 2**31 - 1


class Epoch(IntEnum):
    """A generation of the hash: how bytes are made of the bucketing value, and a place of the hash."""

    V1 = 1
    """The distance of the signed murmur3 of the UTF-8 text from 0, as a percentage of 2^31 - 1."""
    V2 = 2
    """murmur3 of the UTF-8 text, times the sum of the weights, without its last 32 bits."""
    V3 = 3
    """As V2, over canonical CBOR. So numbers, booleans and objects are bucketing values, too."""


DEFAULT_EPOCH = Epoch.V3
"""What flagd's own evaluator for Python does with a flag that does not say."""
KEY = "bucketingEpoch"
"""Where a definition says it: in its metadata, which survives every tool that reads the format."""


def hash_text(text: str) -> int:
    """V1 and V2: 32 bits without sign."""
    return mmh3.hash(text, signed=False)


def hash_value(value: object, effort: Effort) -> int:
    """V3: 32 bits without sign. 1.0 is 1, so that a value keeps its bucket through any JSON library.

    Raises:
        TooMuch: an object lies too deep, or takes more effort than is left.
    """
    if isinstance(value, str):
        spend_on_text(effort, value)
        return mmh3.hash(cbor_text(value), signed=False)
    return mmh3.hash(cbor2.dumps(_whole(value, effort, 0), canonical=True), signed=False)


def hash_pair(flag_key: bytes) -> Callable[[str], int]:
    """V3 of `[flag key, targeting key]`, for the key of one flag in CBOR."""
    head = b"\x82" + flag_key

    def hashed(targeting_key: str) -> int:
        return mmh3.hash(head + cbor_text(targeting_key), signed=False)

    return hashed


def cbor_text(text: str) -> bytes:
    """A text in canonical CBOR: a head with the number of bytes, and UTF-8."""
    encoded = text.encode()
    size = len(encoded)
    if size < 24:
        return bytes((0x60 | size,)) + encoded
    if size < 256:
        return bytes((0x78, size)) + encoded
    if size < 65536:
        return b"\x79" + size.to_bytes(2, "big") + encoded
    return b"\x7a" + size.to_bytes(4, "big") + encoded


def _whole(value: object, effort: Effort, depth: int) -> object:
    if depth > MAX_NESTING:
        raise TooMuch(f"a bucketing value is nested deeper than {MAX_NESTING} levels")
    if isinstance(value, (dict, list)):
        spend(effort, len(value) * HASHED)
    if isinstance(value, dict):
        spend(effort, sum(len(key) for key in value if isinstance(key, str)) >> 6)
        return {key: _whole(item, effort, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_whole(item, effort, depth + 1) for item in value]
    if isinstance(value, str):
        spend_on_text(effort, value)
    if isinstance(value, float) and value.is_integer() and -(2**63) <= value < 2**64:
        return int(value)
    return value


def places(epoch: Epoch, weights: Sequence[int]) -> Callable[[int], int | None]:
    """Which part a hash falls into, by its index.

    None where it falls into none: V1 leaves out the very end (a hash of -2^31 or of +-(2^31 - 1), and what
    rounding cuts off), and weights of nothing or of too much leave
    everything out. Weights are not negative.
    """
    total = sum(weights)
    if not 0 < total <= MAX_WEIGHTS:
        return lambda _: None
    if epoch is Epoch.V1:
        shares = list(accumulate(weight * 100 / total for weight in weights))
        last = len(shares)

        def place_v1(hashed: int) -> int | None:
            index = bisect_right(shares, share_v1(hashed))
            return index if index < last else None

        return place_v1
    ends = list(accumulate(weights))
    return lambda hashed: bisect_right(ends, (hashed * total) >> 32)


def share_v1(hashed: int) -> float:
    """A percentage. 100 and a little above for the two ends of the signed 32 bits."""
    return abs(hashed if hashed <= _MAX_INT else hashed - HASHES) / _MAX_INT * 100

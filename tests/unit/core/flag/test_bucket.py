"""Who falls into which bucket, for each generation of the hash, against the published formulas."""

from __future__ import annotations

from collections.abc import Sequence

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.flag.bucket import (
    MAX_WEIGHTS,
    Epoch,
    cbor_text,
    hash_pair,
    hash_text,
    hash_value,
    places,
    share_v1,
)
from sre_portal.core.flag.effort import full

HASHES = st.integers(0, 2**32 - 1)
WEIGHTS = st.lists(st.integers(0, 1000), min_size=1, max_size=6)
EDGES = [0, 1, 2**31 - 2, 2**31 - 1, 2**31, 2**31 + 1, 2**32 - 2, 2**32 - 1]


def murmur3(key: bytes) -> int:
    """MurmurHash3 x86 32 with seed 0, written down from its description."""

    def rotated(value: int, by: int) -> int:
        return (value << by | value >> 32 - by) & 0xFFFFFFFF

    def scrambled(part: bytes) -> int:
        return rotated(int.from_bytes(part, "little") * 0xCC9E2D51 & 0xFFFFFFFF, 15) * 0x1B873593 & 0xFFFFFFFF

    found = 0
    whole = len(key) // 4 * 4
    for start in range(0, whole, 4):
        found = (rotated(found ^ scrambled(key[start : start + 4]), 13) * 5 + 0xE6546B64) & 0xFFFFFFFF
    found ^= scrambled(key[whole:])
    found ^= len(key)
    for factor, shift in ((0x85EBCA6B, 16), (0xC2B2AE35, 13), (1, 16)):
        found = (found ^ found >> shift) * factor & 0xFFFFFFFF
    return found


def place_v1(hashed: int, weights: Sequence[int]) -> int | None:
    signed = hashed - 2**32 if hashed >= 2**31 else hashed
    bucket = abs(signed) / (2**31 - 1) * 100
    end = 0.0
    for index, weight in enumerate(weights):
        end += weight * 100 / sum(weights)
        if bucket < end:
            return index
    return None


def place_v2(hashed: int, weights: Sequence[int]) -> int | None:
    bucket = (hashed * sum(weights)) >> 32
    end = 0
    for index, weight in enumerate(weights):
        end += weight
        if bucket < end:
            return index
    return None


@given(st.one_of(st.text(), st.sampled_from(["", "ä", "user-1"])))
def test_a_text_is_hashed_over_its_utf8(text: str) -> None:
    assert hash_text(text) == murmur3(text.encode())


@given(st.text())
def test_a_text_is_hashed_over_its_cbor_since_v3(text: str) -> None:
    assert hash_value(text, full()) == murmur3(cbor2.dumps(text, canonical=True))


@given(st.text(), st.text())
def test_the_pair_is_hashed_over_its_cbor_since_v3(flag_key: str, targeting_key: str) -> None:
    expected = murmur3(cbor2.dumps([flag_key, targeting_key], canonical=True))
    assert hash_pair(cbor_text(flag_key))(targeting_key) == expected


@pytest.mark.parametrize("size", [0, 23, 24, 255, 256, 65535, 65536])
def test_a_long_text_has_a_longer_head(size: int) -> None:
    assert cbor_text("x" * size) == cbor2.dumps("x" * size)


@given(HASHES | st.sampled_from(EDGES), WEIGHTS)
def test_v1_is_the_percentage_of_the_distance_from_zero(hashed: int, weights: list[int]) -> None:
    expected = place_v1(hashed, weights) if sum(weights) else None
    assert places(Epoch.V1, weights)(hashed) == expected


@given(HASHES | st.sampled_from(EDGES), WEIGHTS, st.sampled_from([Epoch.V2, Epoch.V3]))
def test_v2_and_v3_are_the_upper_bits_of_a_product(hashed: int, weights: list[int], epoch: Epoch) -> None:
    expected = place_v2(hashed, weights) if sum(weights) else None
    assert places(epoch, weights)(hashed) == expected


@pytest.mark.parametrize("hashed", [2**31, 2**31 - 1, 2**31 + 1])
def test_v1_leaves_out_the_ends_of_the_signed_hash(hashed: int) -> None:
    assert share_v1(hashed) >= 100
    assert places(Epoch.V1, [1, 1])(hashed) is None


@pytest.mark.parametrize("epoch", [Epoch.V2, Epoch.V3])
@pytest.mark.parametrize("hashed", EDGES)
def test_later_epochs_leave_out_nobody(epoch: Epoch, hashed: int) -> None:
    assert places(epoch, [1, MAX_WEIGHTS - 1])(hashed) is not None


@pytest.mark.parametrize("epoch", Epoch)
@pytest.mark.parametrize("weights", [[], [0, 0], [MAX_WEIGHTS, 1]])
def test_no_weight_and_too_much_of_it_split_nobody(epoch: Epoch, weights: list[int]) -> None:
    assert places(epoch, weights)(17) is None


@given(st.integers(-(2**63), 2**63))
def test_a_whole_float_is_the_whole_number(number: int) -> None:
    assert hash_value(float(number), full()) == hash_value(int(float(number)), full())


@given(st.dictionaries(st.text(max_size=3), st.integers(), min_size=2, max_size=5))
def test_the_order_of_keys_is_no_matter(value: dict[str, int]) -> None:
    assert hash_value(value, full()) == hash_value(dict(reversed(value.items())), full())


# Frozen: a change here moves people between variants.
@pytest.mark.parametrize(
    ("value", "hashed"),
    [
        ("user-1", 1431628768),
        ("", 661569231),
        (True, 836216331),
        (False, 116478471),
        (0, 1364076727),
        (1, 3831157163),
        (-1, 2129959832),
        (123, 3334029857),
        (1.23, 2393468550),
        (-25, 2734936097),
        (65504.0, 2702199647),
        (1e20, 3152684119),
        (3.5e38, 4379067),
        ({"z": 1, "aa": 2}, 3447691377),
        ({"ÿ": 2, "aaa": 1}, 1916061175),
    ],
)
def test_v3_hashes_stay_what_they_are(value: object, hashed: int) -> None:
    assert hash_value(value, full()) == hashed


@pytest.mark.parametrize(
    ("text", "hashed"),
    [
        ("", 0),
        ("user-1", 4171401059),
        ("new-uijon@company.com", 4014374322),
        ("ejOoVL", 0),
        ("bY9fO-", 1),
        ("SI7p-", 2147483647),
        ("6LvT0", 2147483648),
        ("ceQdGm", 4294967295),
        ("zürich", 1253036297),
    ],
)
def test_v1_and_v2_hashes_stay_what_they_are(text: str, hashed: int) -> None:
    assert hash_text(text) == hashed

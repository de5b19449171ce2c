from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.contract.histogram import (
    bucket_of,
    dump_buckets,
    merge,
    midpoint_ns,
    parse_buckets,
    quantile_ms,
    share_above,
)

NANOSECONDS = st.integers(0, 10**13)
HISTOGRAMS = st.dictionaries(st.integers(0, 1400), st.integers(1, 10**6), max_size=30)


@given(NANOSECONDS)
def test_a_bucket_stands_for_its_values_within_a_64th(value: int) -> None:
    assert abs(Fraction(midpoint_ns(bucket_of(value))) - value) <= Fraction(value, 64)


@given(NANOSECONDS, NANOSECONDS)
def test_buckets_are_in_the_order_of_their_values(one: int, other: int) -> None:
    low, high = sorted((one, other))
    assert bucket_of(low) <= bucket_of(high)


@pytest.mark.parametrize("edge", [64 << octave for octave in range(40)])
def test_buckets_follow_each_other_without_a_gap(edge: int) -> None:
    assert bucket_of(edge) - bucket_of(edge - 1) == 1


def test_small_values_are_exact_and_negative_ones_count_as_zero() -> None:
    assert [bucket_of(value) for value in range(64)] == list(range(64))
    assert [midpoint_ns(bucket) for bucket in range(64)] == list(range(64))
    assert bucket_of(-5) == 0


@given(HISTOGRAMS)
def test_a_histogram_survives_the_wire(buckets: dict[int, int]) -> None:
    flat = dump_buckets(buckets)
    assert parse_buckets(flat) == buckets
    assert flat[::2] == sorted(buckets)


@pytest.mark.parametrize("flat", [[1], [1, -1], [-1, 1], [1, 2, 3]])
def test_what_is_no_histogram_is_refused(flat: list[int]) -> None:
    with pytest.raises(ValueError, match="flat list of index, count pairs"):
        parse_buckets(flat)


@given(st.lists(st.lists(NANOSECONDS, max_size=20), max_size=5))
def test_merged_histograms_count_what_one_would_have(parts: list[list[int]]) -> None:
    def histogram(values: list[int]) -> dict[int, int]:
        return merge({bucket_of(value): 1} for value in values)

    assert merge(histogram(part) for part in parts) == histogram([value for part in parts for value in part])


@given(st.lists(NANOSECONDS, min_size=1, max_size=200), st.floats(0.01, 1))
def test_a_quantile_is_the_sample_at_its_rank_within_a_64th(values: list[int], ratio: float) -> None:
    found = quantile_ms(merge({bucket_of(value): 1} for value in values), ratio)
    rank = max(1, -(-len(values) * ratio // 1))
    sample = sorted(values)[int(rank) - 1]
    assert found == midpoint_ns(bucket_of(sample)) / 1e6


def test_nothing_has_no_quantile_and_nothing_above() -> None:
    assert quantile_ms({}, 0.5) is None
    assert share_above({}, 1) == 0


def test_the_share_above_a_value_counts_samples() -> None:
    buckets = merge([{bucket_of(10_000_000): 3}, {bucket_of(30_000_000): 1}])
    assert share_above(buckets, 20) == 0.25
    assert share_above(buckets, 1) == 1
    assert share_above(buckets, 100) == 0

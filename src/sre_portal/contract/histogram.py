"""A log-linear latency histogram: 32 steps an octave, so a quantile is off by at most 1.6 %.

Values are whole nanoseconds. Below 64 a bucket is one value. From there on each power of two is cut in 32
equal buckets; a bucket is told by its midpoint, so the relative error is at most half a step, 1/64.
The layout is the one of HdrHistogram with 64 sub-buckets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Buckets = Mapping[int, int]
"""Bucket index -> count."""

LAST_BUCKET = (57 << 5) + 63
"""The bucket of the greatest 63 bit number of nanoseconds."""
MOST_COUNTED = 2**32 - 1


def bucket_of(nanoseconds: int) -> int:
    """The index of the bucket a value falls in."""
    if nanoseconds < 64:
        return max(nanoseconds, 0)
    shift = nanoseconds.bit_length() - 6
    return (shift << 5) + (nanoseconds >> shift)


def midpoint_ns(bucket: int) -> float:
    """The value a bucket stands for, in nanoseconds."""
    if bucket < 64:
        return float(bucket)
    shift = (bucket >> 5) - 1
    return ((bucket - (shift << 5)) + 0.5) * (1 << shift)


def quantile_ms(buckets: Buckets, ratio: float) -> float | None:
    """The value at `ratio` (0..1) of the sorted samples, in milliseconds. None where there is no sample."""
    total = sum(buckets.values())
    if total == 0:
        return None
    rank = max(1, -(-total * ratio // 1))
    seen = 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen >= rank:
            return midpoint_ns(bucket) / 1e6
    raise AssertionError("unreachable: the rank is at most the total")


def share_above(buckets: Buckets, milliseconds: float) -> float:
    """The share (0..1) of samples above a value. 0 where there is no sample."""
    total = sum(buckets.values())
    if total == 0:
        return 0.0
    limit = milliseconds * 1e6
    return sum(count for bucket, count in buckets.items() if midpoint_ns(bucket) > limit) / total


def merge(many: Iterable[Buckets]) -> dict[int, int]:
    """The sum of histograms."""
    merged: dict[int, int] = {}
    for buckets in many:
        for bucket, count in buckets.items():
            merged[bucket] = merged.get(bucket, 0) + count
    return merged


def dump_buckets(buckets: Buckets) -> list[int]:
    """The wire form: index, count, index, count, ... in index order."""
    return [number for bucket in sorted(buckets) for number in (bucket, buckets[bucket])]


def parse_buckets(flat: Sequence[int]) -> dict[int, int]:
    """The histogram of a wire form.

    Raises `ValueError` for an odd length, a negative number, and a bucket above that of 292 years.
    """
    if len(flat) % 2 or min(flat, default=0) < 0:
        raise ValueError("a histogram is a flat list of index, count pairs, none negative")
    if max(flat[::2], default=0) > LAST_BUCKET or max(flat[1::2], default=0) > MOST_COUNTED:
        raise ValueError(f"a histogram has buckets up to {LAST_BUCKET} and counts up to {MOST_COUNTED}")
    return dict(zip(flat[::2], flat[1::2], strict=True))

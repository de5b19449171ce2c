"""A token bucket: so many at once, and then so many a second."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many may come at once, and how many a second after that. Both above 0."""

    burst: int
    per_second: float

    def __post_init__(self) -> None:
        if self.burst < 1 or self.per_second <= 0:
            raise ValueError("an allowance lets at least one in")


@dataclass(frozen=True, slots=True)
class Bucket:
    """What is left at an instant, in seconds of any clock."""

    left: float
    at: float


def take(bucket: Bucket | None, allowance: Allowance, now: float) -> tuple[Bucket, float]:
    """The bucket after one more, and the seconds to wait before it would be let in: 0 where it is.

    None is a bucket nobody has taken from. One that is refused takes nothing: whoever keeps on asking is let
    in at the same pace as whoever waits. A clock that goes backwards gives nothing and takes nothing.
    """
    full = float(allowance.burst)
    if bucket is None:
        return Bucket(full - 1, now), 0.0
    grown = max(now - bucket.at, 0.0) * allowance.per_second
    left = min(bucket.left + grown, full)
    if left >= 1:
        return Bucket(left - 1, now), 0.0
    return Bucket(left, now), (1 - left) / allowance.per_second

"""Bounds of what chance does: beyond them once in 4,000 cases on either side."""

from __future__ import annotations

from math import sqrt

Z = 3.5
"""How many standard deviations a bound is away from what is expected."""

# The share of cases beyond a bound: that of the normal distribution beyond Z.
_BEYOND = 2.326e-4

# Where no more than so many are expected, a distribution is added up; from there on it is nearly normal.
_FEW = 20.0


def wilson(hits: int, total: int) -> tuple[float, float]:
    """Bounds of a share of which `hits` of `total` were seen: Wilson's score interval (JASA 22, 1927)."""
    if not total:
        return 0.0, 1.0
    ratio, square = hits / total, Z * Z
    middle = (ratio + square / (2 * total)) / (1 + square / total)
    half = Z / (1 + square / total) * sqrt(ratio * (1 - ratio) / total + square / (4 * total * total))
    low, high = max(middle - half, 0.0), min(middle + half, 1.0)
    return (low if hits else 0.0), (high if hits < total else 1.0)


def skewed(variance: float, third: float, *, most: bool) -> float:
    """How far a sum is from its mean at a bound: Z deviations and its skew, by its second and third cumulant.

    With much skew the expansion turns round; the mean is within the bounds whatever it says.

    Source: E. A. Cornish and R. A. Fisher, "Moments and Cumulants in the Specification of Distributions",
    1938.
    """
    if variance <= 0:
        return 0.0
    away = (Z if most else -Z) * sqrt(variance) + (Z * Z - 1) / 6 * third / variance
    return max(away, 0.0) if most else min(away, 0.0)


def seen_before(bad: int, total: int, coming: float) -> float:
    """The most that are bad of `coming` requests, where `bad` of `total` were bad before.

    The predictive distribution of a Poisson count with an unknown rate is negative binomial, with the shape
    bad + 1/2 (Jeffreys' prior). Added up where few are expected, taken as normal and skewed where many are.
    """
    shape, odds = bad + 0.5, coming / max(total, 1)
    mean = shape * odds
    if mean > _FEW:
        return mean + skewed(mean * (1 + odds), mean * (1 + odds) * (1 + 2 * odds), most=True)
    term = summed = (1 + odds) ** -shape
    count = 0
    while summed < 1 - _BEYOND:
        term *= (shape + count) / (count + 1) * odds / (1 + odds)
        summed += term
        count += 1
    return float(count)

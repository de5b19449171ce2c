"""Did the injection do what was asked? Out of band means the run proves nothing: verdict `invalid`.

Three figures. The share of requests that were hit, against the share asked for. The wait that was measured on
hits that ran to their end, against the wait asked for. And, where one fixed wait hits a part of the requests,
how much longer hit requests took than the others: measured apart, it finds a wait that reached nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import sqrt
from typing import Literal

from sre_portal.contract.histogram import Buckets, quantile_ms
from sre_portal.core.delay import delay_s
from sre_portal.core.effect import LEAST_USERS
from sre_portal.core.experiment import Experiment, LatencyFault, ShareSpec

SIGMAS = 4.5
"""Half of each band, in standard errors. A run is checked four times a second while it lasts, so chance has
many tries: with 3.5 about 1 % of the runs that inject just what was asked would be called invalid, with 4.5
less than 0.1 % (simulated: 3,000 runs of 2,400 requests)."""

LEAST_REQUESTS = 30
"""Fewer matching requests say nothing about a share."""

LEAST_HITS = 20
"""Fewer waits say nothing about a delay, on either side of a comparison."""

STEPPED_ASIDE_RATIO = 0.005
"""An agent in doubt lets a request through. Half a percent of that is not held against a run."""

WAIT_MS, WAIT_RATIO = 5.0, 0.03
"""A wait may be off by the larger of the two: timers are late, and a histogram bucket is 1.6 % wide."""

LONGER_MS, LONGER_RATIO = 20.0, 0.10
"""The same for the comparison of whole requests, where the service itself adds to the spread."""

Outcome = Literal["in_band", "out_of_band", "too_few"]


@dataclass(frozen=True, slots=True)
class InjectionTotals:
    """All a lease did so far, summed over instances. Histograms: bucket -> count, nanoseconds."""

    lease_id: str
    matched: int
    hits: int
    cut: int
    delay: dict[int, int]
    overshoot: dict[int, int]
    treated: dict[int, int]
    untreated: dict[int, int]


@dataclass(frozen=True, slots=True)
class FidelityCheck:
    """One measured figure against what was asked. `too_few` is neither: not enough requests yet to tell."""

    label: str
    requested: float
    measured: float | None
    low: float
    high: float
    unit: Literal["ms", "ratio", "count"]
    outcome: Outcome
    samples: int
    note: str = ""
    """What the band assumes."""


def check(experiment: Experiment, totals: Sequence[InjectionTotals]) -> tuple[FidelityCheck, ...]:
    """Every figure of every fault, in the order of the faults. `totals` are those of the run's leases."""
    faults = experiment.spec.faults
    found: list[FidelityCheck] = []
    for index, fault in enumerate(faults):
        total = totals_of(totals, index)
        name = fault.type if len(faults) == 1 else f"{fault.type} ({index + 1} of {len(faults)})"
        found += [_hits(name, total), _share(name, experiment.spec.target.share, total)]
        if isinstance(fault, LatencyFault):
            found.append(_wait(name, fault, total))
            comparable = len(faults) == 1 and fault.distribution == "fixed"
            if comparable and min(_samples(total.treated), _samples(total.untreated)) >= LEAST_HITS:
                found.append(_longer(name, fault, total))
    return tuple(found)


def outcome(checks: Sequence[FidelityCheck]) -> Outcome:
    """Out of band where one check is; otherwise too few where one has too few, or where there is none."""
    outcomes = {one.outcome for one in checks}
    if "out_of_band" in outcomes:
        return "out_of_band"
    return "in_band" if outcomes == {"in_band"} else "too_few"


def totals_of(totals: Sequence[InjectionTotals], index: int) -> InjectionTotals:
    """The totals of the fault with this index, which its lease id ends in; zeros where nothing was told."""
    found = (one for one in totals if one.lease_id.rpartition("-")[2] == str(index))
    return next(found, InjectionTotals("", 0, 0, 0, {}, {}, {}, {}))


def _hits(name: str, total: InjectionTotals) -> FidelityCheck:
    """A fault that never reached a request is not tested, whatever the other figures say."""
    return FidelityCheck(
        label=f"{name}: requests hit",
        requested=1,
        measured=total.hits,
        low=1,
        high=max(total.matched, 1),
        unit="count",
        outcome="in_band" if total.hits else "too_few",
        samples=total.matched,
    )


def _share(name: str, share: ShareSpec, total: InjectionTotals) -> FidelityCheck:
    asked = float(share.percent / 100)
    # A share of users is drawn once a user, however many requests each makes. How many users there are is not
    # known: the band is the one of the prediction, as if there were just so many.
    clustered = share.of == "users"
    draws = max(min(total.matched, LEAST_USERS) if clustered else total.matched, 1)
    half = max(SIGMAS * sqrt(asked * (1 - asked) / draws), STEPPED_ASIDE_RATIO) + 0.5 / draws
    low, high = max(asked - half, 0.0), min(asked + half, 1.0)
    measured = total.hits / total.matched if total.matched else None
    within = measured is not None and low <= measured <= high
    enough = total.matched >= LEAST_REQUESTS
    return FidelityCheck(
        label=f"{name}: share of {share.of}",
        requested=asked,
        measured=measured,
        low=low,
        high=high,
        unit="ratio",
        outcome=("in_band" if within else "out_of_band") if enough else "too_few",
        samples=total.matched,
        note=f"counted in requests; assumes at least {LEAST_USERS} users, about equally active"
        if clustered
        else "",
    )


def _wait(name: str, fault: LatencyFault, total: InjectionTotals) -> FidelityCheck:
    expected, samples = median_ms(fault), _samples(total.delay)
    half = max(WAIT_MS, WAIT_RATIO * expected) + SIGMAS * _median_error_ms(fault, samples)
    # Hits that still wait are not in the histogram, and the longest waits arrive in it last: with them the
    # median is at least the one measured, and at most the one that counts them all above it.
    waiting = max(total.hits - total.cut - samples, 0)
    highest = quantile_ms(total.delay, min((samples + waiting) / (2 * samples), 1.0)) if samples else None
    label = f"{name}: added wait, median"
    return _compared(label, expected, half, (quantile_ms(total.delay, 0.5), highest), samples)


def _longer(name: str, fault: LatencyFault, total: InjectionTotals) -> FidelityCheck:
    expected = median_ms(fault)
    samples = min(_samples(total.treated), _samples(total.untreated))
    # The standard error of a median is about 0.93 quartile ranges over the root of the samples; here are two.
    error = 1.3 * _quartile_range_ms(total.untreated) / sqrt(max(samples, 1))
    half = max(LONGER_MS, LONGER_RATIO * expected) + SIGMAS * error
    treated, untreated = quantile_ms(total.treated, 0.5), quantile_ms(total.untreated, 0.5)
    longer = None if treated is None or untreated is None else treated - untreated
    label = f"{name}: hit minus other requests, median"
    return _compared(label, expected, half, (longer, longer), samples)


def _compared(
    label: str, expected: float, half: float, measured: tuple[float | None, float | None], samples: int
) -> FidelityCheck:
    """`measured` is the least and the most that the samples allow."""
    low, high = max(expected - half, 0.0), expected + half
    least, most = measured
    enough = least is not None and most is not None and samples >= LEAST_HITS
    within = least is not None and most is not None and least <= high and most >= low
    return FidelityCheck(
        label=label,
        requested=expected,
        measured=least,
        low=low,
        high=high,
        unit="ms",
        outcome=("in_band" if within else "out_of_band") if enough else "too_few",
        samples=samples,
    )


def median_ms(fault: LatencyFault) -> float:
    """The median wait of a fault, in milliseconds."""
    return delay_s(fault, 0.5) * 1000


def _median_error_ms(fault: LatencyFault, samples: int) -> float:
    """The standard error of a sampled median: 1 / (2 x density at the median x root of the samples)."""
    spread, root = fault.spread / timedelta(milliseconds=1), sqrt(max(samples, 1))
    match fault.distribution:
        case "fixed":
            return 0.0
        case "uniform":
            return spread / root
        case "normal":
            return 1.2533 * spread / root
        case "pareto":
            return median_ms(fault) / (fault.shape * root)


def _quartile_range_ms(buckets: Buckets) -> float:
    """From the lower to the upper quartile, in milliseconds."""
    low, high = quantile_ms(buckets, 0.25), quantile_ms(buckets, 0.75)
    return 0.0 if low is None or high is None else high - low


def _samples(buckets: Buckets) -> int:
    return sum(buckets.values())

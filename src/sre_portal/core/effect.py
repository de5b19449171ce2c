"""What a fault does to the requests of an SLO: how many it hits, how many become bad, and when they count."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from math import sqrt

from sre_portal.contract.histogram import Buckets, quantile_ms, share_above
from sre_portal.core.bound import Z
from sre_portal.core.delay import delay_parts
from sre_portal.core.experiment import AbortFault, ErrorFault, Experiment, LatencyFault, ShareSpec
from sre_portal.core.overlap import Overlap, overlap_of
from sre_portal.core.signal import Signal
from sre_portal.core.slo import AvailabilitySli, LatencySli, Slo

LEAST_USERS = 50
"""A share of users is bounded as if so many, about equally active, made the requests."""

ANSWER_SECONDS = 0.05
"""An injected error or a closed connection is over this soon."""

# How far the base latency may move, and a timer fire late, before a share of bad requests is off.
_DRIFT = 0.1
_LATE_SECONDS = 0.02
_UNKNOWN_BASE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a part of the hits.

    They are counted `early_s` to `late_s` seconds after they arrived; the share of them that is then bad is
    between `bad_low` and `bad_high`.
    """

    part: float
    early_s: float
    late_s: float
    bad_low: float
    bad_high: float


@dataclass(frozen=True, slots=True)
class Effect:
    """What an experiment does to an SLO's requests while it runs, between bounds."""

    hit_low: float
    hit_high: float
    """The share (0..1) of the SLO's requests that is hit."""
    fates: tuple[Fate, ...]
    """Their parts add up to 1."""
    replaces: bool
    """True where a hit never reaches the application, so that it cannot be bad by itself either."""
    held_bad_s: tuple[float, float] | None = None
    """A hit that is let go at the revert is bad if it was held for longer than this, low to high."""
    reasons: tuple[str, ...] = ()
    """Why the bounds are wide."""

    @property
    def low(self) -> float:
        """The least share of the SLO's requests that becomes bad (planned)."""
        return self.hit_low * sum(fate.part * fate.bad_low for fate in self.fates)

    @property
    def high(self) -> float:
        """The greatest share of the SLO's requests that becomes bad (planned)."""
        return self.hit_high * sum(fate.part * fate.bad_high for fate in self.fates)

    @property
    def longest_s(self) -> float:
        """The longest a hit takes to be counted."""
        return max((fate.late_s for fate in self.fates), default=0.0)


def effect_of(experiment: Experiment, slo: Slo, signal_now: Signal, overlap: Overlap | None = None) -> Effect:
    """What an experiment will do to an SLO, from the documents and the service's latency as it is now.

    All faults of an experiment have one target, and an agent decides a request by the first lease that covers
    it, so only the first fault is ever injected. `overlap` is the part of the SLO's requests that match the
    target, where it is known better than the documents tell.
    """
    spec = experiment.spec
    matched = overlap_of(spec.target, slo) if overlap is None else overlap
    share_low, share_high, why = share_bounds(spec.target.share)
    reasons = tuple(reason for reason in (matched.reason, why) if reason and matched.high)
    hits = matched.low * share_low, matched.high * share_high
    fault = spec.faults[0]
    match fault:
        case LatencyFault():
            return _delayed(fault, slo, signal_now.latency, hits, reasons)
        case ErrorFault() | AbortFault():
            bad = float(isinstance(fault, AbortFault) or fault.exception or fault.status >= 500)
            fates = (Fate(1.0, 0.0, ANSWER_SECONDS, bad, bad),)
            return Effect(*hits, fates, replaces=True, reasons=reasons)


def share_bounds(share: ShareSpec) -> tuple[float, float, str]:
    """The least and the greatest share of the matching requests that is hit, and why they differ.

    A share of users is drawn once for the whole run. The share of their requests differs from it like a
    sample of at least `LEAST_USERS` from its population: by up to Z sqrt(p (1 - p) / users).
    """
    ratio = float(share.percent / 100)
    if share.of == "requests" or ratio in (0.0, 1.0):
        return ratio, ratio, ""
    off = Z * sqrt(ratio * (1 - ratio) / LEAST_USERS)
    why = f"the requests of {ratio:.0%} of the users are not exactly {ratio:.0%} of the requests"
    return max(ratio - off, 0.0), min(ratio + off, 1.0), why


def _delayed(
    fault: LatencyFault, slo: Slo, latency: Buckets, hits: tuple[float, float], reasons: tuple[str, ...]
) -> Effect:
    """Hits of a latency fault: counted after their delay, bad where an SLO has a threshold they exceed."""
    least, most = _base_seconds(latency)
    fates = []
    for part, shortest, longest in delay_parts(fault):
        bad_low, bad_high = 0.0, 0.0
        if isinstance(slo.spec.sli, LatencySli):
            bad_low, bad_high = _too_slow(slo, slo.spec.sli, latency, shortest, longest)
        early, late = shortest + least * (1 - _DRIFT), longest + most * (1 + _DRIFT) + _LATE_SECONDS
        fates.append(Fate(part, early, late, bad_low, bad_high))
    held_bad = None
    if isinstance(slo.spec.sli, LatencySli):
        threshold = _seconds(slo.spec.sli.threshold)
        held_bad = max(threshold - most, 0.0), threshold
    if isinstance(slo.spec.sli, AvailabilitySli):
        fates = _as_one(fates)
    return Effect(*hits, tuple(fates), replaces=False, held_bad_s=held_bad, reasons=reasons)


def _too_slow(
    slo: Slo, sli: LatencySli, latency: Buckets, shortest: float, longest: float
) -> tuple[float, float]:
    """The least and greatest share of hits, delayed between these, that take longer than the threshold."""
    threshold = _seconds(sli.threshold)
    sure = 1.0 if shortest > threshold else _slower(latency, (threshold - shortest) * (1 + _DRIFT))
    possible = threshold - longest - _LATE_SECONDS
    at_most = 1.0 if possible < 0 else _slower(latency, possible * (1 - _DRIFT), unknown=1.0)
    if slo.spec.route is None and not slo.spec.methods:
        return sure, at_most
    # The histogram is that of the whole service: of a part of it only the extremes are known.
    return float(sure == 1), float(at_most > 0)


def _slower(latency: Buckets, seconds: float, unknown: float = 0.0) -> float:
    return share_above(latency, seconds * 1000) if latency else unknown


def _base_seconds(latency: Buckets) -> tuple[float, float]:
    """How long requests take without the fault: almost none is shorter or longer."""
    least, most = quantile_ms(latency, 0.01), quantile_ms(latency, 0.999)
    return (0.0, _UNKNOWN_BASE_SECONDS) if least is None or most is None else (least / 1000, most / 1000)


def _as_one(fates: list[Fate]) -> list[Fate]:
    """Where no hit becomes bad, it only matters by when all of them are counted."""
    return [Fate(1.0, min(fate.early_s for fate in fates), max(fate.late_s for fate in fates), 0.0, 0.0)]


def _seconds(span: timedelta) -> float:
    return span / timedelta(seconds=1)

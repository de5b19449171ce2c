"""The distribution of a latency fault's delay, as the agent draws it (`agent/faults/latency.py`)."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from statistics import NormalDist

from sre_portal.core.experiment import LatencyFault

# A draw beyond these quantiles is one in a million.
_SURELY_LEAST, _SURELY_MOST = 1e-6, 1 - 1e-6

# Narrow at both ends, where a part of the hits returns long before or after the others.
_CUTS = (0.0, 0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98, 1.0)


def delay_s(fault: LatencyFault, ratio: float) -> float:
    """The delay in seconds that this ratio (0..1) of the draws does not exceed."""
    drawn = _uncapped_s(fault, min(max(ratio, _SURELY_LEAST), _SURELY_MOST))
    return min(max(drawn, 0.0), fault.cap / timedelta(seconds=1))


def delay_parts(fault: LatencyFault) -> tuple[tuple[float, float, float], ...]:
    """The draws in parts: the share of each, and its least and greatest delay in seconds."""
    varies = delay_s(fault, 0) < delay_s(fault, 1)
    cuts = _CUTS if varies else (0.0, 1.0)
    return tuple((high - low, delay_s(fault, low), delay_s(fault, high)) for low, high in pairwise(cuts))


def _uncapped_s(fault: LatencyFault, ratio: float) -> float:
    delay, spread = (span / timedelta(seconds=1) for span in (fault.delay, fault.spread))
    match fault.distribution:
        case "fixed":
            return delay
        case "uniform":
            return delay + spread * (2 * ratio - 1)
        case "normal":
            return NormalDist(delay, spread).inv_cdf(ratio) if spread else delay
        case "pareto":
            return delay * float((1 - ratio) ** (-1 / fault.shape))

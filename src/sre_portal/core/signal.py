"""Golden signals of a service: requests, errors and the latency histogram of a stretch of time."""

from __future__ import annotations

from dataclasses import dataclass, field

from sre_portal.contract.histogram import quantile_ms


@dataclass(frozen=True, slots=True)
class Signal:
    """What a service did in one second or one minute. `latency` maps histogram buckets to counts."""

    at: int
    requests: int = 0
    errors: int = 0
    latency: dict[int, int] = field(default_factory=dict)
    seeded: bool = False


@dataclass(frozen=True, slots=True)
class SignalPoint:
    """A signal as a chart shows it. Quantiles are in milliseconds, None where no request was timed."""

    at: int
    requests: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    seeded: bool = False

    @classmethod
    def of(cls, signal: Signal) -> SignalPoint:
        p50, p95, p99 = (quantile_ms(signal.latency, ratio) for ratio in (0.5, 0.95, 0.99))
        return cls(signal.at, signal.requests, signal.errors, p50, p95, p99, signal.seeded)

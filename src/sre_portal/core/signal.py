"""Golden signals of a service: requests, errors and the latency histogram of a stretch of time."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Signal:
    """What a service did in one second or one minute. `latency` maps histogram buckets to counts."""

    at: int
    requests: int = 0
    errors: int = 0
    latency: dict[int, int] = field(default_factory=dict)
    seeded: bool = False

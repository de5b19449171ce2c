"""A clock that only moves when told."""

from __future__ import annotations

from sre_portal.agent.clock import SECOND, Clock


class Timepiece:
    """Both clocks of a machine. `advance` moves both, `set_wall` and `suspend` only one."""

    def __init__(self) -> None:
        self.monotonic_ns = 1_000 * SECOND
        self.wall_ns = 1_700_000_000 * SECOND

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.monotonic_ns, lambda: self.wall_ns)

    def advance(self, seconds: float) -> None:
        self.monotonic_ns += round(seconds * SECOND)
        self.wall_ns += round(seconds * SECOND)

    def set_wall(self, seconds: float) -> None:
        """Move the wall clock by so much, as an operator or NTP would."""
        self.wall_ns += round(seconds * SECOND)

    def wall(self) -> float:
        return self.wall_ns / SECOND

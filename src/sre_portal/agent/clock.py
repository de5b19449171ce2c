"""Time, and the portal's clock as seen from here. The agent reads clocks in this file only."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

SECOND = 1_000_000_000
SAMPLES = 16
MAX_JUMP_NS = SECOND

ROUNDING_NS = 2_000
"""What the portal's instants lose as JSON numbers of seconds."""

LONGEST_TRIP_NS = 5 * SECOND
"""What took longer says nothing."""

DRIFT_NS = 5_000_000
"""How far two clocks may drift apart over the age of a sample."""


@dataclass(frozen=True, slots=True)
class Clock:
    """The two clocks of this machine, in nanoseconds. Tests hand in their own."""

    monotonic_ns: Callable[[], int] = time.monotonic_ns
    wall_ns: Callable[[], int] = time.time_ns


def thread_seconds() -> float:
    """What this thread has had of a processor, in seconds."""
    return time.thread_time()


class PortalClock:
    """Maps this machine's monotonic clock to the portal's: portal = monotonic + `offset_ns`.

    It knows three grades, each better than the one before: the wall clock (until the portal has spoken), a
    hint (a plan's `sent_at` against its arrival, so off by the time of its way), and samples (round trips of
    reports, by the formula of NTP). Only a sample has an error bound.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._samples: deque[tuple[int, int]] = deque(maxlen=SAMPLES)
        self.offset_ns = clock.wall_ns() - clock.monotonic_ns()
        self.error_ns: int | None = None
        self._hinted = False

    def hint(self, sent_at: float, arrived_ns: int) -> None:
        """A plan was sent and has arrived. The quickest one so far counts, for each says `at least`."""
        offset = round(sent_at * SECOND) - arrived_ns
        if self.error_ns is None and (not self._hinted or offset > self.offset_ns):
            self._hinted = True
            self.offset_ns = offset

    def sample(self, sent_ns: int, received_at: float, answered_at: float, back_ns: int) -> None:
        """A report left, was received, was answered and its answer came back."""
        received_ns, answered_ns = round(received_at * SECOND), round(answered_at * SECOND)
        round_trip = (back_ns - sent_ns) - (answered_ns - received_ns)
        if not -ROUNDING_NS <= round_trip <= LONGEST_TRIP_NS:
            return  # the portal's clock was set, or this process stood still, while it was under way
        round_trip = max(round_trip, 0)
        offset = ((received_ns - sent_ns) + (answered_ns - back_ns)) // 2
        if any(abs(offset - other) > (round_trip + trip) // 2 + DRIFT_NS for trip, other in self._samples):
            self._samples.clear()  # one of the clocks was set: they cannot both be true
        self._samples.append((round_trip, offset))
        best_round_trip, self.offset_ns = min(self._samples)
        self.error_ns = best_round_trip // 2

    def forget(self) -> None:
        """The monotonic clock stood still (suspend): what was measured before is no bound any more."""
        self._samples.clear()
        self.error_ns = None
        self._hinted = False

    def at(self, monotonic_ns: int) -> float:
        """The instant on the portal's clock, in seconds since the epoch."""
        return (monotonic_ns + self.offset_ns) / SECOND

    def deadline_ns(self, sent_at: float, ttl_ms: float, arrived_ns: int) -> int:
        """The local end of a lease: never later than counted from its sending, nor from its arrival."""
        ttl_ns = round(ttl_ms * 1e6)
        mapped = round(sent_at * SECOND) + ttl_ns - self.offset_ns - (self.error_ns or 0)
        return min(arrived_ns + ttl_ns, mapped)

    def wall_offset_ms(self) -> float:
        """The portal's clock minus the wall clock of this machine."""
        now = self._clock.monotonic_ns()
        return (now + self.offset_ns - self._clock.wall_ns()) / 1e6


class JumpWatch:
    """Tells when the wall clock moved against the monotonic one: set by hand, by NTP, or after a suspend."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._difference = clock.wall_ns() - clock.monotonic_ns()

    def jumped(self) -> bool:
        """Whether it moved by more than a second since the last `settle`."""
        moved = self._clock.wall_ns() - self._clock.monotonic_ns() - self._difference
        return not -MAX_JUMP_NS <= moved <= MAX_JUMP_NS

    def settle(self) -> None:
        """Take the present difference as the true one: done once a second, slow slewing is no jump."""
        self._difference = self._clock.wall_ns() - self._clock.monotonic_ns()

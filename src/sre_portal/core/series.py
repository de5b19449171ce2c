"""Counts over time, summed over any stretch in constant time."""

from __future__ import annotations

from sre_portal.core.signal import Signal
from sre_portal.core.slo import Counts


class SliSeries:
    """One SLO's counts: by second for an hour, by minute for three days, by hour for 35 days.

    Seconds, minutes and hours are put as absolute values: putting the same one again changes nothing.
    """

    def put_second(self, at: int, counts: Counts) -> None: ...
    def put_minute(self, at: int, counts: Counts) -> None: ...
    def put_hour(self, at: int, counts: Counts, *, seeded: bool = False) -> None: ...

    def counts(self, start: int, end: int) -> Counts:
        """Exact to the second within the last hour; a start further back is floored to its minute (within
        three days) or its hour."""
        raise NotImplementedError

    @property
    def first_at(self) -> int | None:
        """The first second, minute or hour that was put."""
        raise NotImplementedError

    @property
    def last_at(self) -> int | None:
        """The last second that was put."""
        raise NotImplementedError


class SignalSeries:
    """One service's signals by second, for five minutes, and by minute for an hour (charts, sparklines)."""

    def put_second(self, signal: Signal) -> None: ...
    def put_minute(self, signal: Signal) -> None: ...

    def over(self, start: int, end: int) -> Signal:
        """The sum over a stretch of the last five minutes, `at` = start."""
        raise NotImplementedError

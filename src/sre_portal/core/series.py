"""Counts over time, summed over any stretch in constant time."""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from itertools import pairwise

from sre_portal.contract.histogram import dump_buckets, parse_buckets
from sre_portal.core.ring import Days, Level, Ring, Triple, minus
from sre_portal.core.signal import Signal, SignalPoint
from sre_portal.core.slo import Counts

# Two rows more than what is promised (an hour, three days, 35 days): one for the row that is being filled,
# one for a question that is asked up to a row behind the newest second.
SECONDS_KEPT_MINUTES = 62
MINUTES_KEPT_HOURS = 74
HOURS_KEPT_DAYS = 37

SIGNAL_SECONDS = 360
SIGNAL_MINUTES = 62


class SliSeries:
    """One SLO's counts: by second for an hour, by minute for three days, by hour for 35 days.

    Seconds, minutes and hours are put as absolute values: putting the same one again changes nothing. They
    never add up twice: a minute of which a second was put counts as its seconds for an hour, measured from
    the newest second, and then as its own row if that counted more. Hours and minutes are the same, for
    three days. A second that is more than an hour late is left to its minute.
    """

    __slots__ = ("_days", "_first", "_hours", "_last", "_minutes", "_seconds", "_seeded")

    def __init__(self) -> None:
        self._days = Days(HOURS_KEPT_DAYS)
        self._hours = Level(Ring(24, HOURS_KEPT_DAYS), self._days)
        self._minutes = Level(Ring(60, MINUTES_KEPT_HOURS), self._hours)
        self._seconds = Level(Ring(60, SECONDS_KEPT_MINUTES), self._minutes)
        self._first: dict[int, int] = {}
        """Step (1, 60, 3600) -> the first `at` that was put in it."""
        self._last: int | None = None
        self._seeded: dict[int, int] = {}
        """Day -> a bit for each of its hours that holds generated history."""

    def put_second(self, at: int, counts: Counts) -> None:
        self._note_first(1, at)
        self._last = at if self._last is None else max(self._last, at)
        self._seconds.put(at, _triple(counts))

    def put_minute(self, at: int, counts: Counts, *, seeded: bool = False) -> None:
        """`at` is the first second of the minute."""
        self._note_first(60, at)
        self._minutes.put(at // 60, _triple(counts))
        self._note_seeded(at, seeded=seeded)

    def put_hour(self, at: int, counts: Counts, *, seeded: bool = False) -> None:
        """`at` is the first second of the hour."""
        self._note_first(3600, at)
        self._hours.put(at // 3600, _triple(counts))
        self._note_seeded(at, seeded=seeded)

    def counts(self, start: int, end: int) -> Counts:
        """The sum of `start <= second < end`; what lies next to each other adds up exactly.

        Exact to the second within the last hour; a start further back is floored to its minute (within three
        days) or its hour, and so is an end.
        """
        return Counts(*minus(self._before(max(end, start)), self._before(start)))

    def until(self, at: int) -> Counts:
        """Everything counted before an instant, up to a constant: only differences mean something."""
        return Counts(*self._before(at))

    def per_second(self, start: int, end: int) -> tuple[Counts, ...]:
        """The counts of each second of a stretch within the last hour, zero where none was put."""
        sums = [self._before(at) for at in range(start, end + 1)]
        return tuple(Counts(*minus(later, earlier)) for earlier, later in pairwise(sums))

    def seeded(self, start: int, end: int) -> bool:
        """Whether any hour of the stretch holds generated history."""
        first, last = start // 3600, (end - 1) // 3600
        for day, hours in self._seeded.items():
            low, high = max(first - day * 24, 0), min(last - day * 24, 23)
            if low <= high and hours >> low & (1 << (high - low + 1)) - 1:
                return True
        return False

    @property
    def first_at(self) -> int | None:
        """The first second, minute or hour that was put, told as finely as it is known."""
        told, width = min(((at, step) for step, at in self._first.items()), default=(None, 0))
        for step in (60, 1):
            finer = self._first.get(step)
            if told is not None and finer is not None and step < width and told <= finer < told + width:
                told, width = finer, step
        return told

    @property
    def first_second(self) -> int | None:
        """The first second that was put as one: what is known of the time before it is coarser."""
        return self._first.get(1)

    @property
    def last_at(self) -> int | None:
        """The last second that was put."""
        return self._last

    def _before(self, at: int) -> Triple:
        """Everything counted before an instant, up to a constant."""
        day = self._days.before(at // 86400)
        hour = self._hours.ring.before(at // 3600)
        minute = self._minutes.ring.before(at // 60)
        second = self._seconds.ring.before(at)
        return (
            day[0] + hour[0] + minute[0] + second[0],
            day[1] + hour[1] + minute[1] + second[1],
            day[2] + hour[2] + minute[2] + second[2],
        )

    def _note_first(self, step: int, at: int) -> None:
        self._first[step] = min(at, self._first.get(step, at))

    def _note_seeded(self, at: int, *, seeded: bool) -> None:
        if not seeded:
            return
        day, hour = at // 86400, at % 86400 // 3600
        self._seeded[day] = self._seeded.get(day, 0) | 1 << hour
        for old in [one for one in self._seeded if one <= day - HOURS_KEPT_DAYS]:
            del self._seeded[old]


def _triple(counts: Counts) -> Triple:
    return counts.good, counts.bad, counts.planned


@dataclass(slots=True)
class _Sample:
    """A signal, its histogram packed: a dict of 50 buckets takes ten times the room."""

    at: int
    requests: int
    errors: int
    latency: array[int]
    seeded: bool
    point: SignalPoint | None = None

    @classmethod
    def of(cls, signal: Signal) -> _Sample:
        packed = array("I", dump_buckets(signal.latency))
        return cls(signal.at, signal.requests, signal.errors, packed, signal.seeded)

    def unpack(self) -> Signal:
        return Signal(self.at, self.requests, self.errors, parse_buckets(self.latency), self.seeded)


class _Samples:
    """The last `kept` samples, one each `step` seconds."""

    __slots__ = ("_slots", "_step", "newest")

    def __init__(self, step: int, kept: int) -> None:
        self._step = step
        self._slots: list[_Sample | None] = [None] * kept
        self.newest: int | None = None

    def put(self, signal: Signal) -> None:
        if self.newest is not None and signal.at <= self.newest - self._step * len(self._slots):
            return
        self.newest = signal.at if self.newest is None else max(self.newest, signal.at)
        self._slots[signal.at // self._step % len(self._slots)] = _Sample.of(signal)

    def between(self, start: int, end: int) -> list[_Sample]:
        if self.newest is None:
            return []
        oldest = self.newest - self._step * (len(self._slots) - 1)
        first = max(start + -start % self._step, oldest)
        wanted = range(first, min(end, self.newest + 1), self._step)
        held = ((at, self._slots[at // self._step % len(self._slots)]) for at in wanted)
        return [sample for at, sample in held if sample is not None and sample.at == at]

    def points(self, start: int, end: int) -> tuple[SignalPoint, ...]:
        return tuple(self._point(sample) for sample in self.between(start, end))

    def _point(self, sample: _Sample) -> SignalPoint:
        """Quantiles are worked out when a chart first asks, and once."""
        if sample.point is None:
            sample.point = SignalPoint.of(sample.unpack())
        return sample.point


class SignalSeries:
    """One service's signals by second, for five minutes, and by minute for an hour (charts, sparklines).

    Absolute values: a signal replaces the one of the same second or minute. One that is older than what is
    kept changes nothing.
    """

    __slots__ = ("_minutes", "_seconds", "first_second")

    def __init__(self) -> None:
        self.first_second: int | None = None
        """The first second that was put."""
        self._seconds = _Samples(1, SIGNAL_SECONDS)
        self._minutes = _Samples(60, SIGNAL_MINUTES)

    def put_second(self, signal: Signal) -> None:
        first = self.first_second
        self.first_second = signal.at if first is None else min(first, signal.at)
        self._seconds.put(signal)

    def put_minute(self, signal: Signal) -> None:
        """`signal.at` is the first second of the minute."""
        self._minutes.put(signal)

    def over(self, start: int, end: int, *, without: Collection[int] = ()) -> Signal:
        """The sum over a stretch of the last five minutes, `at` = start. Some seconds may be left out."""
        held = [sample for sample in self._seconds.between(start, end) if sample.at not in without]
        return Signal(
            at=start,
            requests=sum(sample.requests for sample in held),
            errors=sum(sample.errors for sample in held),
            latency=_merged(sample.latency for sample in held),
            seeded=any(sample.seeded for sample in held),
        )

    def requests(self, start: int, end: int) -> int:
        """Only the requests of `over`, without its histogram."""
        return sum(sample.requests for sample in self._seconds.between(start, end))

    def seconds(self, start: int, end: int) -> tuple[SignalPoint, ...]:
        """A point for each second that was put, within the last five minutes."""
        return self._seconds.points(start, end)

    def minutes(self, start: int, end: int) -> tuple[SignalPoint, ...]:
        """A point for each minute that was put, within the last hour."""
        return self._minutes.points(start, end)

    @property
    def last_at(self) -> int | None:
        """The last second that was put."""
        return self._seconds.newest


def _merged(many: Iterable[array[int]]) -> dict[int, int]:
    """The sum of packed histograms. Each comes from a dict, so none of them needs checking again."""
    merged: dict[int, int] = {}
    for packed in many:
        for bucket, count in zip(packed[::2], packed[1::2], strict=True):
            merged[bucket] = merged.get(bucket, 0) + count
    return merged

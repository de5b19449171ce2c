"""The counters of one second, and how they read on the wire."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from sre_portal.contract.histogram import bucket_of, dump_buckets, merge
from sre_portal.contract.lease import SliDefinition
from sre_portal.contract.report import InjectionCount, Second, SliCount

NEVER_SLOW = 1 << 62


@dataclass(frozen=True, slots=True)
class Decided:
    """A request was attributed to a lease just now."""

    lease_id: str
    hit: bool


@dataclass(slots=True)
class Mark:
    """What befell a request besides its answer."""

    lease_id: str | None = None
    hit: bool = False
    cut: bool = False
    delay_ns: int | None = None
    drawn_ns: int = 0
    gone: bool = False
    """The client left before the response started: the request says nothing about the service."""
    aborted: bool = False
    """We closed the connection ourselves."""


@dataclass(slots=True)
class KindSecond:
    """The counters of one kind of request in one second.

    `slow` requests were good but for a latency SLI, `late` ones are in no other count: the client left when
    the answer could not be in time any more. Both and `planned` go by the position of the SLI.
    """

    slis: tuple[SliDefinition, ...]
    histogram: defaultdict[int, int]
    errors: int
    planned_errors: int
    slow: list[int]
    late: list[int]
    planned: list[int]


class Kind:
    """Requests that the same SLIs are about. They share counters, so an SLI more costs a request nothing."""

    __slots__ = (
        "_late", "_planned", "_planned_errors", "_slow", "_thresholds",
        "errors", "histogram", "least", "retired", "slis",
    )  # fmt: skip

    def __init__(self, slis: Sequence[SliDefinition]) -> None:
        self.slis = tuple(slis)
        self._thresholds = [
            (place, round(sli.threshold_ms * 1e6))
            for place, sli in enumerate(slis)
            if sli.kind == "latency" and sli.threshold_ms is not None
        ]
        self.least = min((threshold for _, threshold in self._thresholds), default=NEVER_SLOW)
        self.retired = False
        self._clear()

    def _clear(self) -> None:
        self.histogram: defaultdict[int, int] = defaultdict(int)
        self.errors = self._planned_errors = 0
        self._slow, self._late, self._planned = ([0] * len(self.slis) for _ in range(3))

    def add_bad(self, status: int, duration_ns: int, *, planned: bool) -> None:
        """A request with an error, or slower than the least threshold. It is in the histogram already."""
        if status > 499:
            self.errors += 1
            self._planned_errors += planned
        else:
            self._add(self._slow, duration_ns, planned=planned)

    def add_gone(self, duration_ns: int, *, planned: bool) -> None:
        """A client left after this long without an answer."""
        self._add(self._late, duration_ns, planned=planned)

    def _add(self, counts: list[int], duration_ns: int, *, planned: bool) -> None:
        for place, threshold in self._thresholds:
            if duration_ns > threshold:
                counts[place] += 1
                self._planned[place] += planned

    def take(self) -> KindSecond:
        """The counters of the second that ends, and zeros for the next."""
        taken = KindSecond(
            self.slis,
            self.histogram,
            self.errors,
            self._planned_errors,
            self._slow,
            self._late,
            self._planned,
        )
        self._clear()
        return taken


@dataclass(slots=True)
class LeaseSecond:
    """What one lease did in one second, with histograms as bucket -> count."""

    matched: int = 0
    hits: int = 0
    cut: int = 0
    delay: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    overshoot: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    treated: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))
    untreated: defaultdict[int, int] = field(default_factory=lambda: defaultdict(int))

    def decided(self, *, hit: bool) -> None:
        self.matched += 1
        self.hits += hit

    def ended(self, mark: Mark, duration_ns: int) -> None:
        """A request of this lease is over."""
        self.cut += mark.cut
        if mark.delay_ns is not None and not mark.cut:
            self.delay[bucket_of(mark.delay_ns)] += 1
            self.overshoot[bucket_of(mark.delay_ns - mark.drawn_ns)] += 1
        if not mark.gone:
            durations = self.treated if mark.hit else self.untreated
            durations[bucket_of(duration_ns)] += 1


@dataclass(slots=True)
class ClosedSecond:
    """A second that nothing is added to any more."""

    at: int
    kinds: list[KindSecond] = field(default_factory=list)
    leases: dict[str, LeaseSecond] = field(default_factory=dict)


def dump_second(second: ClosedSecond) -> Second:
    """The second as the report tells it."""
    latency = merge(kind.histogram for kind in second.kinds)
    slis: dict[str, SliCount] = {}
    for kind in second.kinds:
        for place, sli in enumerate(kind.slis):
            _add_sli(slis.setdefault(sli.name, SliCount(sli.name)), kind, place, sli)
    return Second(
        at=second.at,
        requests=sum(latency.values()),
        errors=sum(kind.errors for kind in second.kinds),
        latency=dump_buckets(latency),
        slis=[count for count in slis.values() if count.good or count.bad],
        injections=[_dump_lease(lease_id, lease) for lease_id, lease in second.leases.items()],
    )


def _add_sli(count: SliCount, kind: KindSecond, place: int, sli: SliDefinition) -> None:
    total = sum(kind.histogram.values())
    slow, late = (kind.slow[place], kind.late[place]) if sli.kind == "latency" else (0, 0)
    count.good += total - kind.errors - slow
    count.bad += kind.errors + slow + late
    count.planned += kind.planned_errors + kind.planned[place]


def _dump_lease(lease_id: str, lease: LeaseSecond) -> InjectionCount:
    return InjectionCount(
        lease_id,
        lease.matched,
        lease.hits,
        lease.cut,
        dump_buckets(lease.delay),
        dump_buckets(lease.overshoot),
        dump_buckets(lease.treated),
        dump_buckets(lease.untreated),
    )

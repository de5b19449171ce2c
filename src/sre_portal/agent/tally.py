"""Counts every request exactly once, in the second of the portal's clock in which it ended.

The request path only writes an event down (`log.append`, atomic under any threads) and folds the log into the
counters every few requests. An event carries its own end, so the second it belongs to does not depend on when
it is folded, nor by which thread. That also costs less than counting one by one: one lock for many requests.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from threading import Lock
from typing import Any

from sre_portal.agent.clock import SECOND
from sre_portal.agent.count import ClosedSecond, Decided, Kind, KindSecond, LeaseSecond, Mark
from sre_portal.agent.decide import Request, covers
from sre_portal.contract.lease import SliDefinition
from sre_portal.contract.match import route_regex

BACKLOG_SECONDS = 120
ROUTES = 4096
MAX_KEPT = 256
"""So many methods and paths are kept, and none that is longer: strangers choose them."""

FOLD_AT = 16
"""The request path folds when this many events wait. More would leave the processor's cache."""

GRACE_NS = SECOND // 10
"""A second is told this long after its end: a host thread may hold an event that it has not yet appended."""

NO_RESPONSE = 599
"""The status of an event without a response: an exception, a closed connection, an answer that broke off."""

Event = list[Any]
"""[route, start ns, status, end ns, mark]. A list, because the request path pays for what a class costs."""


class Route:
    """A method and path that was seen, and the counters of its requests. Exempt paths have none."""

    __slots__ = ("kind", "request")

    def __init__(self, request: Request, kind: Kind | None) -> None:
        self.request = request
        self.kind = kind


NOWHERE = Route(Request("", "", ()), None)


class Tally:
    """All counters of this instance."""

    def __init__(self, exempt: Sequence[str], now_ns: int, offset_ns: int) -> None:
        self.log: deque[Event] = deque()
        self.routes: dict[str, dict[str, Route]] = {}
        self.dropped_seconds = 0
        self.misfires = 0
        self._exempt = tuple(route_regex(pattern) for pattern in exempt)
        self._lock = Lock()
        self._slis: tuple[SliDefinition, ...] = ()
        self._by_header = False
        self._kinds: dict[tuple[int, ...], Kind] = {}
        self._cached = 0
        self._offset_ns = offset_ns
        self.is_mapped = False
        self._at = (now_ns + offset_ns) // SECOND
        self._limit = (self._at + 1) * SECOND - offset_ns
        self._partial: list[KindSecond] = []
        self._leases: dict[str, LeaseSecond] = {}
        self._closed: deque[ClosedSecond] = deque()

    def misfire(self) -> None:
        """The agent's own code failed, and stepped aside."""
        with self._lock:
            self.misfires += 1

    def route(self, request: Request, root_path: str = "") -> Route:
        """The route of a request that is not in `routes`, and put there if its headers do not matter."""
        paths = (request.path, request.path.removeprefix(root_path))
        with self._lock:
            exempt = any(pattern.fullmatch(path) for pattern in self._exempt for path in paths)
            if self._by_header or len(request.method) + len(request.path) > MAX_KEPT:
                return Route(request, None if exempt else self._kind(request))
            request = Request(request.method, request.path, ())
            route = Route(request, None if exempt else self._kind(request))
            if self._cached >= ROUTES:
                self.routes.clear()
                self._cached = 0
            self.routes.setdefault(request.method, {})[request.path] = route
            self._cached += 1
            return route

    def _kind(self, request: Request) -> Kind:
        places = tuple(place for place, sli in enumerate(self._slis) if covers(sli.match, request))
        kind = self._kinds.get(places)
        if kind is None:
            kind = self._kinds[places] = Kind([self._slis[place] for place in places])
        return kind

    def count_by(self, slis: tuple[SliDefinition, ...]) -> None:
        """These SLIs from now on. What ended before is counted by the old ones."""
        if slis == self._slis:
            return
        with self._lock:
            self._fold()
            for kind in self._kinds.values():
                kind.retired = True  # routes of requests under way still refer to it
                self._partial.append(kind.take())
            self._slis = slis
            self._by_header = any(sli.match.headers for sli in slis)
            self._kinds = {}
            self.routes.clear()
            self._cached = 0

    def decided(self, lease_id: str, now_ns: int, *, hit: bool) -> None:
        self.log.append([NOWHERE, now_ns, 0, now_ns, Decided(lease_id, hit)])

    def fold(self) -> None:
        """Move the log into the counters."""
        with self._lock:
            self._fold()

    def _fold(self) -> None:
        # Written out in one loop, without calls for the usual request: it is most of what a request costs.
        pop = self.log.popleft
        limit = self._limit
        for _ in range(len(self.log)):
            route, start_ns, status, end_ns, mark = pop()
            try:
                if end_ns >= limit:
                    self._turn(end_ns)
                    limit = self._limit
                kind = route.kind
                if kind is not None and kind.retired:
                    kind = route.kind = self._kind(route.request)
                duration_ns = end_ns - start_ns
                if mark is not None and self._marked(mark, kind, duration_ns):
                    continue
                if kind is None:
                    continue
                # contract.histogram.bucket_of, spelled out
                shift = duration_ns.bit_length() - 6
                kind.histogram[(shift << 5) + (duration_ns >> shift) if shift > 0 else duration_ns] += 1
                if status > 499 or duration_ns > kind.least:
                    kind.add_bad(status, duration_ns, planned=mark is not None and mark.hit)
            except Exception:  # noqa: BLE001  # one event that cannot be counted must not take the others with it
                self.misfires += 1

    def _marked(self, mark: Mark | Decided, kind: Kind | None, duration_ns: int) -> bool:
        """Count what is special about an event. True: it is no answered request."""
        lease = None if mark.lease_id is None else self._leases.setdefault(mark.lease_id, LeaseSecond())
        if isinstance(mark, Decided):
            if lease is not None:
                lease.decided(hit=mark.hit)
            return True
        if lease is not None:
            lease.ended(mark, duration_ns)
        if mark.gone and kind is not None:
            kind.add_gone(duration_ns, planned=mark.hit)
        return mark.gone

    def _turn(self, now_ns: int) -> None:
        """Close the current second and open the one that `now_ns` is in. No second is ever opened twice."""
        at = max(self._at + 1, (now_ns + self._offset_ns) // SECOND)
        kinds = self._partial + [kind.take() for kind in self._kinds.values()]
        self._close(ClosedSecond(self._at, kinds, self._leases))
        for idle in range(max(self._at + 1, at - BACKLOG_SECONDS), at):
            self._close(ClosedSecond(idle))
        self._partial, self._leases = [], {}
        self._open(at)

    def _open(self, at: int) -> None:
        self._at = at
        self._limit = (at + 1) * SECOND - self._offset_ns

    def _close(self, second: ClosedSecond) -> None:
        self._closed.append(second)
        if len(self._closed) > BACKLOG_SECONDS:
            self._closed.popleft()
            self.dropped_seconds += 1

    def map_clock(self, offset_ns: int) -> None:
        """The portal's clock is this far from the monotonic one.

        Until it is known for the first time, seconds are cut and named by the wall clock. They are renamed
        then, all by the same whole number, which is safe because none of them was told yet.
        """
        with self._lock:
            self._fold()
            if not self.is_mapped:
                shift = round((offset_ns - self._offset_ns) / SECOND)
                for second in self._closed:
                    second.at += shift
                self._at += shift
                self.is_mapped = True
            self._offset_ns = offset_ns
            self._open(self._at)

    def untold(self, now_ns: int, most: int) -> list[ClosedSecond]:
        """The oldest seconds that are over and not told yet. None before the portal's clock is known."""
        with self._lock:
            self._fold()
            if now_ns >= self._limit + GRACE_NS:
                self._turn(now_ns - GRACE_NS)
            return list(self._closed)[:most] if self.is_mapped else []

    def told(self, seconds: Sequence[ClosedSecond], *, taken: bool = True) -> None:
        """The portal has these seconds, which are the oldest, or will never take them."""
        with self._lock:
            kept = len(self._closed)
            while seconds and self._closed and self._closed[0].at <= seconds[-1].at:
                self._closed.popleft()
            gone = kept - len(self._closed)
            # Those that fell out of the backlog while they were under way have arrived after all.
            self.dropped_seconds += gone - len(seconds) if taken else gone

    def close_now(self, now_ns: int) -> None:
        """The instance stops: the running second is told as it is."""
        with self._lock:
            self._fold()
            self._turn(now_ns)

"""The last five minutes of every service, kept so that a page of many services does not add them up again.

Blocks of ten seconds that can no longer change are summed once. What a page asks for twice within a second is
worked out once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar, cast
from weakref import WeakKeyDictionary

from sre_portal.contract.histogram import quantile_ms
from sre_portal.core.series import SignalSeries
from sre_portal.operations.ports import Ports
from sre_portal.operations.pulse import Pulse

RECENT_SECONDS = 300
BLOCK_SECONDS = 10
SETTLED_SECONDS = 20
"""Reports come in up to this late; older seconds are taken as they are."""

Known = TypeVar("Known")


@dataclass(frozen=True, slots=True)
class Recent:
    """The last five minutes of a service."""

    per_second: float | None
    error_ratio: float | None
    p99_ms: float | None


@dataclass(slots=True)
class Sum:
    requests: int = 0
    errors: int = 0
    latency: dict[int, int] = field(default_factory=dict)

    def add(self, series: SignalSeries, start: int, end: int) -> Sum:
        signal = series.over(start, end)
        return self.plus(Sum(signal.requests, signal.errors, signal.latency))

    def plus(self, other: Sum) -> Sum:
        self.requests += other.requests
        self.errors += other.errors
        known = self.latency
        for bucket, count in other.latency.items():
            known[bucket] = known.get(bucket, 0) + count
        return self


class Memo:
    """What was worked out for one portal: blocks by service, and answers of the current second."""

    def __init__(self) -> None:
        self.blocks: dict[str, dict[int, Sum]] = {}
        self.answers: dict[Hashable, tuple[Hashable, object]] = {}

    def once(self, name: Hashable, version: Hashable, work: Callable[[], Known]) -> Known:
        """The answer called `name`, worked out again when its version changes."""
        held = self.answers.get(name)
        if held is not None and held[0] == version:
            return cast(Known, held[1])
        answer = work()
        self.answers[name] = (version, answer)
        return answer

    async def once_read(
        self, name: Hashable, version: Hashable, read: Callable[[], Awaitable[Known]]
    ) -> Known:
        """The same for what comes from the store."""
        held = self.answers.get(name)
        if held is not None and held[0] == version:
            return cast(Known, held[1])
        answer = await read()
        self.answers[name] = (version, answer)
        return answer

    def last_minutes(self, service: str, series: SignalSeries, second: int) -> tuple[Sum, int]:
        """Everything from five minutes ago, to the block, up to a second; and how many seconds that is."""
        # Each service begins its blocks at a second of its own, so that not all of them are summed at once.
        lag = sum(service.encode()) % BLOCK_SECONDS
        first, settled = (
            (second - age - lag) // BLOCK_SECONDS * BLOCK_SECONDS + lag
            for age in (RECENT_SECONDS, SETTLED_SECONDS)
        )
        closed = self.once(("closed", service), first, lambda: self._closed(service, series, first, settled))
        total = Sum(closed.requests, closed.errors, dict(closed.latency)).add(series, settled, second)
        return total, second - first

    def _closed(self, service: str, series: SignalSeries, first: int, settled: int) -> Sum:
        before = self.blocks.get(service, {})
        self.blocks[service] = {
            at: before.get(at) or Sum().add(series, at, at + BLOCK_SECONDS)
            for at in range(first, settled, BLOCK_SECONDS)
        }
        total = Sum()
        for block in self.blocks[service].values():
            total.plus(block)
        return total


_MEMOS: WeakKeyDictionary[Pulse, Memo] = WeakKeyDictionary()


def memo_of(ports: Ports) -> Memo:
    """One for each portal in this process."""
    return _MEMOS.setdefault(ports.pulse, Memo())


def recent_of(ports: Ports, service: str, second: int, since: float) -> Recent:
    """A service that is younger than five minutes is not averaged over the time before it."""
    total, seconds = memo_of(ports).last_minutes(service, ports.board.service(service), second)
    if total.requests == 0:
        return Recent(None, None, None)
    lived = min(max(second - since, 1.0), seconds)
    return Recent(total.requests / lived, total.errors / total.requests, quantile_ms(total.latency, 0.99))

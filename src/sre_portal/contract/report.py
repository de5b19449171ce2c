"""What an agent tells the portal, once a second.

Every count belongs to one second of the portal's clock. A report may hold several seconds after a gap.
The portal keeps a second of an instance once: the same second sent again changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

EndedBy = Literal["withdrawn", "expired", "clock_jump", "replaced", "shutdown"]
"""`replaced`: its plan brought another lease of the same run instead. `shutdown`: the instance stopped."""


@dataclass(slots=True)
class SliCount:
    """Requests of one SLI in one second. `bad` includes `planned`: bad while a fault was active on them."""

    name: str
    good: int = 0
    bad: int = 0
    planned: int = 0


@dataclass(slots=True)
class InjectionCount:
    """What one lease did in one second. Histograms: wire form of `histogram.dump_buckets`, nanoseconds.

    `matched` requests fell under the lease's match, `hits` of them were injected, `cut` of the hits were let
    go early because the lease ended. `delay` is the wait that was measured on hits that ran to their end
    (latency only), `overshoot` is that wait minus the one that was drawn, `treated` and `untreated` are whole
    durations of hits and of matched requests that were let through. `matched` and `hits` belong to the second
    in which the request began, the others to the second in which it ended.
    """

    lease_id: str
    matched: int = 0
    hits: int = 0
    cut: int = 0
    delay: list[int] = field(default_factory=list)
    overshoot: list[int] = field(default_factory=list)
    treated: list[int] = field(default_factory=list)
    untreated: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Second:
    """All counts of one second. `errors` are answers of 500 and above, exceptions and missing responses."""

    at: int
    requests: int = 0
    errors: int = 0
    latency: list[int] = field(default_factory=list)
    slis: list[SliCount] = field(default_factory=list)
    injections: list[InjectionCount] = field(default_factory=list)


@dataclass(slots=True)
class LeaseStatus:
    """Where a lease stands in this instance.

    One with `ended_at` is the revert receipt. It is sent until acknowledged and final: this instance never
    injects under that lease again, the portal gives a new one to go on.
    """

    lease_id: str
    run_id: int
    hits: int = 0
    first_hit_at: float | None = None
    last_hit_at: float | None = None
    ended_at: float | None = None
    ended_by: EndedBy | None = None
    refused: str | None = None
    """Why this agent does not inject it (an unknown fault kind, say)."""


@dataclass(slots=True)
class ClockMapping:
    """How this instance maps its monotonic clock to the portal's: time stamps are off by at most `error_ms`.

    `offset_ms` is the portal's clock minus the wall clock of this instance: what its operator would correct.
    """

    offset_ms: float
    error_ms: float


@dataclass(slots=True)
class FlagSeen:
    """This instance has a version of a set of flags in force since an instant of the portal's clock.

    Only the newest version is told: whoever has it has seen the ones before.
    """

    flag_set: str
    version: int
    at: float


@dataclass(slots=True)
class FlagUse:
    """How often a flag gave a variant since the last report that arrived. The variant is empty for none."""

    flag_set: str
    key: str
    variant: str
    count: int


@dataclass(slots=True)
class AgentReport:
    """All fields that count do so since `started_at`.

    `instance` is one process: two that share a name would overwrite each other's seconds. `misfires` are
    failures of the agent's own code, where it stepped aside. `unreadable` are plans and answers it could not
    read, `refusals` are answers of 401 and 403, `dropped_seconds` were never told because the portal was gone
    for too long or did not take them.
    """

    service: str
    instance: str
    version: str
    seq: int
    started_at: float
    sent_at: float
    clock: ClockMapping | None = None
    dropped_seconds: int = 0
    misfires: int = 0
    unreadable: int = 0
    refusals: int = 0
    memory_bytes: int = 0
    routes: list[str] = field(default_factory=list)
    seconds: list[Second] = field(default_factory=list)
    leases: list[LeaseStatus] = field(default_factory=list)
    flags_seen: list[FlagSeen] = field(default_factory=list)
    flag_uses: list[FlagUse] = field(default_factory=list)


@dataclass(slots=True)
class ReportReceipt:
    """The portal's answer: the report is stored. Both instants are on the portal's clock."""

    seq: int
    received_at: float
    sent_at: float

"""What the portal tells an agent: which SLIs to count and which faults to inject, for how long."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sre_portal.contract.fault import Fault
from sre_portal.contract.match import Match, Share

LEASE_SECONDS = 5.0
"""A lease ends by itself this long after the portal last renewed it."""

RENEW_SECONDS = 1.0
"""The portal renews this often."""


@dataclass(frozen=True, slots=True)
class SliDefinition:
    """One SLI an agent counts.

    Bad is a status of 500 and above, an exception, or no response; for `latency` also an answer that took
    longer than `threshold_ms`. `name` is the name of the SLO it belongs to.
    """

    name: str
    kind: Literal["availability", "latency"]
    match: Match = field(default_factory=Match)
    threshold_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Lease:
    """The permission to inject one fault until `sent_at + ttl_ms` of the plan it came in. Never longer."""

    id: str
    run_id: int
    fault: Fault
    match: Match
    share: Share
    ttl_ms: float


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything an agent should do now. It replaces the one before: a lease not in it is withdrawn."""

    seq: int
    sent_at: float
    slis: tuple[SliDefinition, ...] = ()
    leases: tuple[Lease, ...] = ()

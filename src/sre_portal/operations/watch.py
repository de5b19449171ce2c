"""What a portal holds in memory: the alerts, the live runs, and who asked for a stop.

The one that drives decides by it. One that stands by holds what it has read, and whom it must tell.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime

from sre_portal.core.alert import Alert
from sre_portal.core.flag.lookup import NO_FACTS, Facts
from sre_portal.core.flag_turn_watch import TurnWatch
from sre_portal.core.flag_use import Key as UseKey
from sre_portal.core.instance import Instance
from sre_portal.core.replica import AnswerWord
from sre_portal.core.run import Run
from sre_portal.operations.drill_work import DrillWork
from sre_portal.operations.late import Late


@dataclass(frozen=True, slots=True)
class StopRequest:
    """Somebody's word that a run must end. It is obeyed before it is written down."""

    at: datetime
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Glass:
    """Somebody broke the glass: what they gave themselves, and until when."""

    account_id: int
    name: str
    reason: str
    ends_at: datetime


@dataclass(slots=True)
class SinkState:
    """How a sink of the audit log is doing, as this process last saw it."""

    sent: int = 0
    """The number of the next entry it is to be told."""
    failing: str = ""
    """Why it did not take the last ones; empty where it did."""


@dataclass(slots=True)
class Suppressed:
    """What was refused of one kind of request for being too many, and when that was last written down."""

    total: int = 0
    untold: int = 0
    told_at: datetime | None = None
    addresses: set[str] = field(default_factory=set)
    """Of the untold, a few of them."""


@dataclass(slots=True)
class Watch:
    alerts: dict[tuple[str, str], Alert] = field(default_factory=dict)
    """(SLO, alert name) -> where it stands, with the latest value."""
    live: dict[int, Run] = field(default_factory=dict)
    """Runs that are not done, by id."""
    instances: tuple[Instance, ...] = ()
    stops: dict[int, StopRequest] = field(default_factory=dict)
    granted: set[int] = field(default_factory=set)
    """Runs whose leases this process put out. A harmful run that is not in here was cut by a restart."""
    drills: dict[int, DrillWork] = field(default_factory=dict)
    """What this process does for the kill switches of live runs, by the id of the run."""
    uncertified: set[int] | None = None
    """Runs with drills that are over and may have no certificate yet. None until that was looked for."""
    drills_due: dict[str, int] = field(default_factory=dict)
    """Kill switches that were not drilled lately enough, by set, at the last look."""
    saved_at: dict[int, datetime] = field(default_factory=dict)
    """When each live run was last written."""
    late: deque[Late] = field(default_factory=deque)
    """What could not be written into the audit log when it happened, oldest first."""
    writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while `late` is written."""
    behind: set[asyncio.Task[None]] = field(default_factory=set)
    """Work that goes on after whoever asked for it was answered."""
    counting: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while it is counted whom of many people a change of a flag moves."""
    driving: asyncio.Lock = field(default_factory=asyncio.Lock)
    audit_alarm: bool = False
    """Whether people were told that the audit log is not intact."""
    sinks: dict[str, SinkState] = field(default_factory=dict)
    """Of the audit log, by name."""
    late_from: int | None = None
    """The oldest second that was told so late that it has to be read for its own sake."""
    term: int = 1
    """The term that all of this is loaded for; 0 while this replica stands by. One that is alone has one."""
    followed: int = 0
    """The last second that was read while another replica drives."""
    asked: dict[str, asyncio.Future[AnswerWord]] = field(default_factory=dict)
    """What this replica has asked the driver, until it answers."""
    heard: deque[str] = field(default_factory=lambda: deque(maxlen=1000))
    """The last starts that replicas asked for, and the stops that were obeyed here."""
    evaluated: int = 0
    """The last second the alerts were judged for."""
    stop_alls: int = 0
    """How often STOP ALL was pressed: a start that began before must not go on after."""
    glass: tuple[Glass, ...] = ()
    """Whose glass is broken now."""
    glass_told: dict[int, datetime] = field(default_factory=dict)
    """The grants by broken glass that this process told people of: the end of each, by id. Ids come again."""
    used_tokens: dict[str, datetime] = field(default_factory=dict)
    """When the use of each token was last written down."""
    flags_seen: int = 0
    """The last word about changed flags that was followed."""
    flags_late: bool = False
    """Whether the last look for changed flags failed."""
    flag_listeners: dict[tuple[str, int], int] = field(default_factory=dict)
    """Open event streams of OFREP here, by set and the version of it that they were told of."""
    facts: Facts = field(default_factory=lambda: NO_FACTS)
    """What rules of flags are told of error budgets, and the second by which that was worked out."""
    facts_second: int = 0
    turns: TurnWatch = field(default_factory=TurnWatch)
    """How the conditions of flags stand, on the replica that drives."""
    flag_uses: dict[UseKey, int] = field(default_factory=dict)
    """Evaluations of flags that are not written down yet."""
    writing_uses: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held while they are written."""
    flags_evaluated: dict[str, int] = field(default_factory=dict)
    """Evaluations that this process wrote down since the start, by set."""
    flags_stale: dict[str, int] = field(default_factory=dict)
    """Flags that nobody seems to need, by set, at the last look."""
    uses_noted_at: datetime | None = None
    """When it was last written down that evaluations are counted."""
    flags_listed: set[tuple[str, str]] = field(default_factory=set)
    """Answers with a whole set that were counted since the last pass: the set, and the answer's digest."""
    suppressed: dict[str, Suppressed] = field(default_factory=dict)
    """By kind of request, since the start."""
    refused_agents: int = 0
    failures: int = 0
    """Passes of the loop that could not finish, since the start."""

"""Every store as plain objects in memory: the ports of a portal without a database."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sre_portal.contract.histogram import merge
from sre_portal.contract.report import AgentReport, LeaseStatus
from sre_portal.core.alert import Alert, AlertChange
from sre_portal.core.audit import (
    ANY,
    AuditEvent,
    AuditFilter,
    Conclusion,
    Entry,
    Intent,
    Standing,
)
from sre_portal.core.audit_proof import Proof
from sre_portal.core.errors import Conflict, NotFound
from sre_portal.core.experiment import Experiment
from sre_portal.core.fidelity import InjectionTotals
from sre_portal.core.instance import Instance
from sre_portal.core.journal import JournalEntry, seal
from sre_portal.core.note import Note
from sre_portal.core.ports import SliRow
from sre_portal.core.run import Phase, PhaseMark, Run
from sre_portal.core.signal import Signal

NOW = datetime(2026, 11, 23, 12, 8, 2, 500_000, tzinfo=UTC)


@dataclass
class StillClock:
    """Stands until a test moves it."""

    instant: datetime = NOW

    def now(self) -> datetime:
        return self.instant

    def move(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


@dataclass
class Reports:
    by_second: dict[str, list[Signal]] = field(default_factory=lambda: defaultdict(list))

    async def append(self, report: AgentReport, received_at: datetime) -> None: ...

    async def slis_since(self, at: int) -> Sequence[SliRow]:
        return ()

    async def sli_minutes(
        self, start: int, end: int, slos: Collection[str] | None = None
    ) -> Sequence[SliRow]:
        return ()

    async def sli_hours(self, start: int, end: int, slos: Collection[str] | None = None) -> Sequence[SliRow]:
        return ()

    async def signals(
        self, services: Collection[str] | None, start: int, end: int
    ) -> Mapping[str, Sequence[Signal]]:
        return {
            name: [one for one in held if start <= one.at < end]
            for name, held in self.by_second.items()
            if services is None or name in services
        }

    async def signal_minutes(
        self, services: Collection[str] | None, start: int, end: int
    ) -> Mapping[str, Sequence[Signal]]:
        found = await self.signals(services, start, end)
        return {name: by_minute(signals) for name, signals in found.items()}

    async def injections(self, run_id: int) -> Sequence[InjectionTotals]:
        return ()

    async def lease_statuses(self, run_id: int) -> Mapping[tuple[str, str], LeaseStatus]:
        return {}

    async def instances(self) -> Sequence[Instance]:
        return ()

    async def roll_up(self, now: int) -> None: ...

    async def seed(self, slis: Sequence[SliRow], signals: Mapping[str, Sequence[Signal]]) -> None: ...


def by_minute(signals: Sequence[Signal]) -> list[Signal]:
    """Seconds summed to whole minutes."""
    grouped: defaultdict[int, list[Signal]] = defaultdict(list)
    for one in signals:
        grouped[one.at - one.at % 60].append(one)
    return [
        Signal(
            at,
            sum(one.requests for one in many),
            sum(one.errors for one in many),
            merge(one.latency for one in many),
        )
        for at, many in sorted(grouped.items())
    ]


@dataclass
class Runs:
    held: dict[int, Run] = field(default_factory=dict)

    async def add(self, experiment: Experiment, actor: str, created_at: datetime) -> Run:
        mark = PhaseMark(phase=Phase.PREFLIGHT, at=created_at)
        run = Run(
            id=max(self.held, default=0) + 1,
            revision=1,
            experiment=experiment,
            actor=actor,
            phase=Phase.PREFLIGHT,
            marks=(mark,),
            created_at=created_at,
        )
        self.held[run.id] = run
        return run

    async def get(self, run_id: int) -> Run:
        if run_id not in self.held:
            raise NotFound("run", str(run_id))
        return self.held[run_id]

    async def save(self, run: Run, notes: Sequence[Note], at: datetime) -> Run:
        if self.held[run.id].revision != run.revision:
            raise Conflict(str(run.revision), str(self.held[run.id].revision))
        self.held[run.id] = run.model_copy(update={"revision": run.revision + 1})
        return self.held[run.id]

    async def live(self) -> Sequence[Run]:
        return [run for run in self.held.values() if run.live]

    async def recent(
        self, limit: int = 50, *, experiment: str | None = None, service: str | None = None
    ) -> Sequence[Run]:
        found = [run for _, run in sorted(self.held.items(), reverse=True)]
        return [run for run in found if experiment in (None, run.name) and service in (None, run.service)][
            :limit
        ]


@dataclass
class Journal:
    held: dict[int, list[JournalEntry]] = field(default_factory=lambda: defaultdict(list))

    async def append(
        self, run_id: int, at: datetime, kind: str, text: str, facts: Mapping[str, object]
    ) -> JournalEntry:
        entries = self.held[run_id]
        entry = seal(entries[-1] if entries else None, run_id, len(entries) + 1, at, kind, text, facts)
        entries.append(entry)
        return entry

    async def entries(self, run_id: int) -> Sequence[JournalEntry]:
        return self.held[run_id]


@dataclass
class Alerts:
    moved: list[AlertChange] = field(default_factory=list)

    async def all(self) -> Sequence[Alert]:
        return ()

    async def save(self, alerts: Sequence[Alert], changes: Sequence[AlertChange]) -> None:
        self.moved += changes

    async def changes(self, since: datetime) -> Sequence[AlertChange]:
        return [one for one in self.moved if one.at >= since]


@dataclass
class Audit:
    """The events alone: what is about the tree is tested on the real log."""

    events: list[AuditEvent] = field(default_factory=list)

    async def intend(self, intent: Intent) -> int:
        event = AuditEvent(
            id=len(self.events),
            at=intent.at,
            actor=intent.actor,
            action=intent.action,
            object=intent.object,
            outcome="intended",
            address=intent.address,
            reason=intent.reason,
            actor_id=intent.actor_id,
            session=intent.session,
            before=intent.before,
            after=intent.after,
        )
        self.events.append(event)
        return event.id

    async def conclude(self, event_id: int, conclusion: Conclusion) -> None:
        ended = {"outcome": conclusion.outcome, "detail": conclusion.detail}
        self.events[event_id] = replace(self.events[event_id], **ended)  # type: ignore[arg-type]  # two texts

    async def record(self, intent: Intent, conclusion: Conclusion) -> int:
        event_id = await self.intend(intent)
        await self.conclude(event_id, conclusion)
        return event_id

    def standing(self) -> Standing:
        return Standing(2 * len(self.events), "00" * 32, "", "")

    async def look(self) -> None: ...

    async def recent(self, limit: int = 100, only: AuditFilter = ANY) -> Sequence[AuditEvent]:
        return self.events[: only.before][::-1][:limit]

    async def entries(self, after: int | None, limit: int) -> Sequence[Entry]:
        return ()

    async def checkpoint(self) -> str:
        return ""

    async def proof(self, seq: int) -> Proof:
        raise NotFound("audit entry", str(seq))

    def doubt(self, what: str, why: str) -> None: ...

    async def oldest(self) -> Entry | None:
        return None

    async def horizon(self, before: datetime) -> int:
        return 0

    async def forget(self, horizon: int) -> None: ...

    async def sent(self, sink: str) -> int:
        return 0

    async def note_sent(self, sink: str, sent: int) -> None: ...

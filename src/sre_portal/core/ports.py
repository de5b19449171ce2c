"""What the shell supplies. Operations and pages see these, never a database or a clock.

Reads go to a port; writes go through an operation. Every method may raise `StoreUnavailable`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from sre_portal.contract.lease import Lease, Plan, SliDefinition
from sre_portal.contract.report import AgentReport, LeaseStatus
from sre_portal.core.access import Principal, Role
from sre_portal.core.alert import Alert, AlertChange
from sre_portal.core.audit import AuditEvent, AuditOutcome
from sre_portal.core.experiment import Experiment
from sre_portal.core.fidelity import InjectionTotals
from sre_portal.core.instance import Instance
from sre_portal.core.journal import JournalEntry
from sre_portal.core.news import Note
from sre_portal.core.run import Run
from sre_portal.core.signal import Signal
from sre_portal.core.slo import Counts, Slo


class Clock(Protocol):
    def now(self) -> datetime: ...


class Catalogue(Protocol):
    """SLO and experiment documents in force, loaded from folders at start."""

    def slos(self) -> Sequence[Slo]: ...
    def experiments(self) -> Sequence[Experiment]: ...


@dataclass(frozen=True, slots=True)
class SliRow:
    slo: str
    at: int
    counts: Counts
    seeded: bool = False


class ReportStore(Protocol):
    """What agents counted."""

    async def append(self, report: AgentReport, received_at: datetime) -> None:
        """Stores a report; returns when it is durable. A second of an instance is kept once."""

    async def slis_since(self, at: int) -> Sequence[SliRow]:
        """Per SLO and second from `at` on, summed over instances."""

    async def sli_minutes(
        self, start: int, end: int, slos: Collection[str] | None = None
    ) -> Sequence[SliRow]:
        """Per SLO and minute, `start <= at < end`."""

    async def sli_hours(self, start: int, end: int, slos: Collection[str] | None = None) -> Sequence[SliRow]:
        """The same summed by hour; `seeded` where any of its minutes is."""

    async def signals(
        self, services: Collection[str] | None, start: int, end: int
    ) -> Mapping[str, Sequence[Signal]]:
        """Per service and second, summed over instances, `start <= at < end`."""

    async def signal_minutes(
        self, services: Collection[str] | None, start: int, end: int
    ) -> Mapping[str, Sequence[Signal]]: ...

    async def injections(self, run_id: int) -> Sequence[InjectionTotals]:
        """Per lease of a run, summed over seconds and instances."""

    async def lease_statuses(self, run_id: int) -> Mapping[tuple[str, str], LeaseStatus]:
        """(instance, lease id) -> the last status that instance told."""

    async def instances(self) -> Sequence[Instance]: ...

    async def roll_up(self, now: int) -> None:
        """Sums finished seconds into minutes; drops seconds over an hour and minutes over 35 days old."""

    async def seed(self, slis: Sequence[SliRow], signals: Mapping[str, Sequence[Signal]]) -> None:
        """Writes generated sample minutes, marked as seeded. Minutes that exist are left alone."""


class RunStore(Protocol):
    async def add(self, experiment: Experiment, actor: str, created_at: datetime) -> Run: ...
    async def get(self, run_id: int) -> Run:
        """Raises `NotFound`."""

    async def save(self, run: Run, notes: Sequence[Note], at: datetime) -> Run:
        """Writes `run` if the stored revision is still `run.revision`; returns it with the next revision.

        Its journal gets the notes in the same instant, each chained to the last by `core.journal.seal`: both
        are written or neither. Raises `Conflict` where somebody else saved first.
        """

    async def live(self) -> Sequence[Run]: ...
    async def recent(
        self, limit: int = 50, *, experiment: str | None = None, service: str | None = None
    ) -> Sequence[Run]:
        """Newest first, all or those of an experiment or a service."""


class JournalStore(Protocol):
    async def entries(self, run_id: int) -> Sequence[JournalEntry]: ...


class AlertStore(Protocol):
    async def all(self) -> Sequence[Alert]: ...
    async def save(self, alerts: Sequence[Alert], changes: Sequence[AlertChange]) -> None: ...
    async def changes(self, since: datetime) -> Sequence[AlertChange]:
        """Oldest first."""


class AuditStore(Protocol):
    async def intend(
        self, at: datetime, actor: str, action: str, subject: str, address: str, detail: str
    ) -> int: ...
    async def conclude(self, event_id: int, outcome: AuditOutcome, detail: str) -> None: ...
    async def recent(self, limit: int = 100) -> Sequence[AuditEvent]: ...


@dataclass(frozen=True, slots=True)
class Token:
    """A token as stored: its SHA-256, never itself. An agent's has a service, others have a role."""

    name: str
    digest: str
    role: Role | None
    service: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Session:
    digest: str
    principal: Principal
    csrf: str
    created_at: datetime
    ends_at: datetime


class AccessStore(Protocol):
    """Sessions and tokens, by the SHA-256 of what the holder shows.

    Recently seen ones are also held in memory, so that stopping harm does not wait for a database.
    """

    async def replace_tokens(self, tokens: Sequence[Token]) -> None:
        """These tokens are in force, and no others. Raises `Conflict` where two have one digest."""

    async def token(self, digest: str) -> Token | None: ...
    async def add_login(self, digest: str, principal: Principal, ends_at: datetime) -> None:
        """A one-time login link."""

    async def take_login(self, digest: str, now: datetime) -> Principal | None:
        """Uses a login link up. None where it is unknown, used or too old."""

    async def add_session(self, session: Session) -> None: ...
    async def session(self, digest: str) -> Session | None: ...
    async def end_session(self, digest: str) -> None: ...


class LeaseDesk(Protocol):
    """The leases that are out, and the plans that tell agents. In memory: it never waits for a database."""

    def define(self, slis: Mapping[str, Sequence[SliDefinition]]) -> None:
        """The SLIs of each service."""

    def grant(self, service: str, leases: Sequence[Lease], until: datetime) -> None:
        """Puts leases out, valid `until`; agents are told at once."""

    def renew(self, run_id: int, until: datetime) -> None:
        """Moves the end of a run's leases. A withdrawn lease stays withdrawn."""

    def withdraw(self, run_id: int) -> None: ...
    def withdraw_all(self) -> Sequence[int]:
        """Every lease, at once. Returns the runs that had any. They cannot be renewed or granted again."""

    def active(self) -> Mapping[str, Sequence[Lease]]:
        """Per service, the leases in force now."""

    def holders(self, run_id: int) -> Collection[str]:
        """The instances that were told about a run's leases."""

    def heard(self, service: str, instance: str) -> None:
        """An instance has reported. One that has not for a while gets no leases: nobody sees what it does."""

    def plans(self, service: str, instance: str) -> AsyncIterator[Plan]:
        """The stream for one agent: at once, after every change, and at least once a second."""


class Store(Protocol):
    """All tables of one database."""

    reports: ReportStore
    runs: RunStore
    journal: JournalStore
    alerts: AlertStore
    audit: AuditStore
    access: AccessStore

    async def ping(self) -> None:
        """Raises `StoreUnavailable` where the database does not answer."""

    async def close(self) -> None: ...

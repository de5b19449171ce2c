"""What the shell supplies. Operations and pages see these, never a database or a clock.

Reads go to a port; writes go through an operation. Every method may raise `StoreUnavailable`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

from sre_portal.contract.lease import Lease, Plan, SliDefinition
from sre_portal.contract.report import AgentReport, LeaseStatus
from sre_portal.core.access import Role
from sre_portal.core.account import Account, GivenGrant
from sre_portal.core.alert import Alert, AlertChange
from sre_portal.core.audit import ANY, AuditEvent, AuditFilter, Conclusion, Entry, Intent, Standing
from sre_portal.core.audit_proof import Proof
from sre_portal.core.experiment import Experiment
from sre_portal.core.fidelity import InjectionTotals
from sre_portal.core.flag_ports import (
    CertificateStore,
    FlagPlanStore,
    FlagStore,
    FlagTurnStore,
    FlagUseStore,
    SightingStore,
)
from sre_portal.core.instance import Instance
from sre_portal.core.journal import JournalEntry
from sre_portal.core.login import Attempt, Identity, LogoutClaim
from sre_portal.core.note import Note
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
    """The audit log. Whatever adds to it raises `StoreUnavailable` where the log is not the one known."""

    async def intend(self, intent: Intent) -> int:
        """Writes an intent down; returns the number of its event when it is durable."""

    async def conclude(self, event_id: int, conclusion: Conclusion) -> None:
        """Adds how it ended. Raises `NotFound`, or `Conflict` where that has been said before."""

    async def record(self, intent: Intent, conclusion: Conclusion) -> int:
        """Writes down an act that is over, in one instant."""

    def standing(self) -> Standing:
        """The log as this process last saw it. Asks nobody."""

    async def look(self) -> None:
        """Holds the log against what this process has seen of it."""

    async def recent(self, limit: int = 100, only: AuditFilter = ANY) -> Sequence[AuditEvent]:
        """Newest first."""

    async def entries(self, after: int | None, limit: int) -> Sequence[Entry]:
        """In order, those with a higher number; None is from the first on."""

    async def checkpoint(self) -> str:
        """The signed text of the head, as it is stored: unchecked, and empty where it is gone."""

    async def proof(self, seq: int) -> Proof:
        """That an entry is in the signed log. Raises `NotFound`."""

    def doubt(self, what: str, why: str) -> None:
        """Says that the log is not what was signed, until the same is said with no reason. Refuses no act."""

    async def oldest(self) -> Entry | None:
        """The oldest entry that has its text."""

    async def horizon(self, before: datetime) -> int:
        """The number below which every text is older than that instant, by what was signed; 0 for none.

        It may be lower than it could be. Raises `Untrusted` where a text was changed, or what repeats it.
        """

    async def forget(self, horizon: int) -> None:
        """Drops the texts of entries below a horizon that the log states. Their hashes stay."""

    async def sent(self, sink: str) -> int:
        """The number of the next entry that a sink is to be told."""

    async def note_sent(self, sink: str, sent: int) -> None:
        """A sink has been told all entries before that number."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token as stored: its SHA-256, never itself.

    An agent's has a service. Another one has a role: what it may, within what its account may if it has one.
    """

    name: str
    digest: str
    role: Role | None
    service: str | None
    created_at: datetime
    services: frozenset[str] | None = None
    """Where the role holds; None is everywhere."""
    account: Account | None = None
    ends_at: datetime | None = None
    used_at: datetime | None = None
    given_by: str = ""
    origin: Literal["settings", "issued"] = "settings"


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is logged in on one browser. `id` may be shown; the cookie's secret is not in here."""

    digest: str = field(repr=False)
    id: str
    account: Account
    csrf: str = field(repr=False)
    created_at: datetime
    seen_at: datetime
    ends_at: datetime
    """Whatever happens. A session that is not used ends before."""
    provider_session: str = ""
    """The provider's name for its own session (`sid`)."""
    address: str = ""
    browser: str = ""
    held: str = ""
    """What the account could do when the secret was made; when that changes the secret does."""
    rotated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SessionSecrets:
    """What a provider gave for a session, sealed: nobody reads it in the database."""

    id_token: str = field(default="", repr=False)
    refresh_token: str = field(default="", repr=False)


class SessionStore(Protocol):
    """Sessions, by the SHA-256 of the cookie's secret. Remembered while the memory is proven fresh."""

    def on_change(self, tell: Callable[[], None]) -> None:
        """Calls `tell` whenever who may do what may have changed, on any replica."""

    async def add(self, session: Session, secrets: SessionSecrets) -> None: ...
    async def find(self, digest: str, *, seen_for: float = 0.0, anew: bool = False) -> Session | None:
        """One that was not ended; whether its time is over is for the caller to see.

        `anew` asks the database whatever is remembered: another replica knows of uses unknown here.
        Where the database does not answer, what was seen is good enough for `seen_for` seconds after it was
        last proven; `inf` is for ever.
        """

    async def of_account(self, account_id: int) -> Sequence[Session]:
        """Newest first."""

    async def of_provider(self, issuer: str, subject: str, provider_session: str) -> Sequence[Session]:
        """Those of a subject, or of one session of the provider; empty texts are not asked for."""

    async def secrets(self, session_id: str) -> SessionSecrets: ...
    async def end(self, sessions: Sequence[Session]) -> None:
        """Returns when no replica believes them. Here that is at once, whatever the database says."""

    async def touch(self, session: Session, at: datetime) -> None:
        """It is used."""

    async def rotate(self, session: Session, digest: str, held: str, at: datetime) -> bool:
        """Gives it a new secret. False where somebody else just did."""

    async def sweep(self, now: datetime, in_use_after: datetime) -> None:
        """Drops sessions whose time is over, and those that were not used since."""

    async def claim_refresh(self, due_before: datetime, at: datetime, limit: int) -> Sequence[Session]:
        """Sessions whose provider should be asked again: no other replica gets the same."""

    async def refreshed(self, session: Session, secrets: SessionSecrets) -> None: ...


class TokenStore(Protocol):
    async def find(self, digest: str, *, seen_for: float = 0.0, anew: bool = False) -> Token | None:
        """As `SessionStore.find`: `anew` asks the database whatever is remembered of its owner."""

    async def all(self) -> Sequence[Token]:
        """By name."""

    async def add(self, token: Token) -> None:
        """Raises `Conflict` where the name is taken."""

    async def drop(self, name: str) -> Token | None:
        """Takes an issued token back; None where there is none. No replica believes it after."""

    async def used(self, name: str, at: datetime) -> None: ...
    async def rotate(self, old: Token, new: Token, until: datetime) -> bool:
        """The old one is good until then, and the new one is added. False where the old one is another now.

        No replica believes the old one for longer. Raises `Conflict` where the name is taken.
        """

    async def replace_settings(self, tokens: Sequence[Token]) -> None:
        """These are the tokens of the settings, and no others. Raises `Conflict`: two have one digest."""


class AccountStore(Protocol):
    async def get(self, account_id: int) -> Account:
        """Raises `NotFound`."""

    async def named(self, text: str) -> Sequence[Account]:
        """Those whose id, name, e-mail or subject it is."""

    async def all(self, limit: int = 500) -> Sequence[Account]:
        """By name."""

    async def log_in(self, account: Account, at: datetime) -> Account:
        """The account of an issuer and subject, made where it is new, with what is known of it today."""

    async def block(self, account_id: int, *, blocked: bool) -> None: ...
    async def give(self, given: GivenGrant) -> int:
        """Returns the id of the grant."""

    async def withdraw(self, grant_id: int) -> GivenGrant | None: ...
    async def given(self, account_id: int | None = None) -> Sequence[GivenGrant]:
        """Newest first; of one account or of all."""


class Notices(Protocol):
    """Tells people outside, by chat or pager."""

    async def send(self, text: str) -> None:
        """Returns at once and never fails: what cannot be delivered is tried again and then logged."""


class LoginStore(Protocol):
    """What is good once: links, logins that were begun, logout tokens."""

    async def add_link(self, digest: str, person: str, role: Role, ends_at: datetime) -> None: ...
    async def take_link(self, digest: str, now: datetime) -> tuple[str, Role] | None:
        """Uses a link up. None where it is unknown, used or too old."""

    async def add_attempt(  # the columns of a row
        self, digest: str, browser: str, provider: str, sealed: str, ends_at: datetime, now: datetime
    ) -> None:
        """Attempts that are too old by `now` go."""

    async def take_attempt(self, digest: str, now: datetime) -> tuple[str, str, str] | None:
        """Uses an attempt up: the digest of its browser's cookie, its provider, and what was sealed."""

    async def first_seen(self, issuer: str, jti: str, ends_at: datetime, now: datetime) -> bool:
        """Whether a logout token is shown for the first time. Of two who ask at once, one is told so."""

    async def note(self, issuer: str, jti: str, ends_at: datetime) -> None:
        """Remembers until then, in place of what was remembered of it before."""

    async def seen_until(self, issuer: str, jti: str, now: datetime) -> datetime | None:
        """Until when it is remembered; None where it is not."""


class Replicas(Protocol):
    """The portals over one database. One drives: it alone puts leases out, renews them and moves runs."""

    def term(self) -> int:
        """Rises each time this one becomes the driver; 0 while it stands by."""

    def drives(self) -> bool:
        """Whether this one drives, and nobody else does: proven a moment ago."""

    def on_told(self, hear: Callable[[str], None]) -> None:
        """Calls `hear` with whatever a replica tells, this one too."""

    async def tell(self, text: str) -> None:
        """Tells every replica. The text is shorter than 8,000 bytes."""

    async def settle(self) -> None:
        """Waits until it is known whether this one drives; for a while, and not longer."""


@dataclass(frozen=True, slots=True)
class LeaseElsewhere:
    """A lease that another replica put out, as far as this one knows."""

    service: str
    lease: Lease
    until: datetime
    holders: frozenset[str] = frozenset()
    """The instances that have told about it."""


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

    def show(self, elsewhere: Sequence[LeaseElsewhere]) -> None:
        """What is out elsewhere, for pages only: while this replica stands by that is what is active."""

    def plans(self, service: str, instance: str) -> AsyncIterator[Plan]:
        """The stream for one agent: at once, after every change, and at least once a second.

        Ends after a plan without leases when this replica does not drive any more.
        """


class Store(Protocol):
    """All tables of one database."""

    reports: ReportStore
    runs: RunStore
    journal: JournalStore
    alerts: AlertStore
    audit: AuditStore
    sessions: SessionStore
    tokens: TokenStore
    accounts: AccountStore
    logins: LoginStore
    flags: FlagStore
    flag_plans: FlagPlanStore
    flag_uses: FlagUseStore
    sightings: SightingStore
    flag_turns: FlagTurnStore
    certificates: CertificateStore
    replicas: Replicas

    async def ping(self) -> None:
        """Raises `StoreUnavailable` where the database does not answer."""

    async def close(self) -> None: ...


class LoginProvider(Protocol):
    """One way to log in. It remembers nothing about a login: that travels in the `Attempt`.

    Every method but `ready` may raise `ProviderUnavailable`.
    """

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def kind(self) -> str:
        """`oidc` or `github`."""

    @property
    def issuer(self) -> str:
        """The first half of each account's key."""

    async def begin(self, redirect_uri: str, return_to: str) -> tuple[str, Attempt]:
        """The address to send the browser to, and what to remember until it is back."""

    async def finish(self, attempt: Attempt, query: Mapping[str, Sequence[str]]) -> Identity:
        """Who came back. `query` holds the callback's parameters, each with all its values.

        Raises `LoginRefused`. The attempt is used up, whatever the outcome.
        """

    async def refresh(self, refresh_token: str) -> Identity | None:
        """The same person as the provider sees them now; None where it says that their session is over.

        The caller compares the subject with that of the session. Raises `LoginRefused` for an ID token that
        is not believed.
        """

    async def logout_url(self, id_token: str, post_logout_redirect_uri: str, state: str) -> str | None:
        """Where to send the browser to log out at the provider as well; None where it has no such place."""

    async def logout_claim(self, logout_token: str) -> LogoutClaim:
        """What a back-channel logout says. Raises `LoginRefused`; the caller refuses a repeated `jti`."""

    async def ready(self) -> str:
        """One plain sentence for the login page where the provider does not answer; empty where it does.

        From memory where that is fresh; never longer than two seconds.
        """

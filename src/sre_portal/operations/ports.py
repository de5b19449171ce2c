"""Everything an operation or a page may reach, in one frozen record. `main.py` fills it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from sre_portal.core.board import Board
from sre_portal.core.flag_ports import (
    CertificateStore,
    FlagPlanStore,
    FlagStore,
    FlagTurnStore,
    FlagUseStore,
    SightingStore,
)
from sre_portal.core.ports import (
    AccountStore,
    AlertStore,
    AuditStore,
    Catalogue,
    Clock,
    JournalStore,
    LeaseDesk,
    LoginStore,
    Notices,
    Replicas,
    ReportStore,
    RunStore,
    SessionStore,
    TokenStore,
)
from sre_portal.core.preflight import Limits
from sre_portal.core.replica import Alone
from sre_portal.core.sink import Sink
from sre_portal.operations.aside import Aside
from sre_portal.operations.flag_book import FlagBook
from sre_portal.operations.keys import Keys
from sre_portal.operations.policy import Policy
from sre_portal.operations.pulse import Pulse
from sre_portal.operations.watch import Watch


@dataclass(frozen=True, slots=True)
class Ports:
    clock: Clock
    catalogue: Catalogue
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
    desk: LeaseDesk
    board: Board
    pulse: Pulse
    notices: Notices
    replicas: Replicas = field(default_factory=Alone)
    keys: Keys = field(default_factory=Keys.drawn)
    policy: Policy = field(default_factory=Policy)
    sinks: Sequence[Sink] = ()
    """Where the audit log is also told."""
    audit_keep: timedelta | None = None
    """So long the texts of the audit log are kept; None is for ever."""
    access: Pulse = field(default_factory=Pulse)
    """Beats when who may do what may have changed, here or on another replica."""
    aside: Aside = field(default_factory=Aside)
    flag_book: FlagBook = field(default_factory=FlagBook)
    flag_pulse: Pulse = field(default_factory=Pulse)
    """Beats when another replica may have changed a flag."""
    watch: Watch = field(default_factory=Watch)
    limits: Limits = field(default_factory=Limits)
    environment: str = "demo"
    """Shown in the top bar: which world is being broken."""
    seeded: bool = False
    """True where the window holds generated sample history; every page that shows it says so."""
    is_behind_tls: bool = False
    """People reach the portal by https, whatever the last hop speaks."""

    def term(self) -> int:
        """The term in which this replica drives; 0 while it stands by, or has not loaded everything yet."""
        term = self.replicas.term()
        return term if term == self.watch.term else 0

    def drives(self) -> bool:
        """Whether this replica drives, and nobody else does: proven a moment ago."""
        return self.term() != 0 and self.replicas.drives()

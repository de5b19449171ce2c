"""Everything an operation or a page may reach, in one frozen record. `main.py` fills it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sre_portal.core.board import Board
from sre_portal.core.ports import (
    AccessStore,
    AlertStore,
    AuditStore,
    Catalogue,
    Clock,
    JournalStore,
    LeaseDesk,
    ReportStore,
    RunStore,
)
from sre_portal.core.preflight import Limits
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
    access: AccessStore
    desk: LeaseDesk
    board: Board
    pulse: Pulse
    watch: Watch = field(default_factory=Watch)
    limits: Limits = field(default_factory=Limits)
    environment: str = "demo"
    """Shown in the top bar: which world is being broken."""
    seeded: bool = False
    is_behind_tls: bool = False
    """People reach the portal by https, whatever the last hop speaks."""
    """True where the window holds generated sample history; every page that shows it says so."""

"""The embedded alerts: multi-window burn rates of the SRE Workbook, and a plain error rate."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Literal


class AlertState(StrEnum):
    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class BurnRateRule:
    """Fires while the burn rate over both windows is at least `factor`.

    Source: The Site Reliability Workbook, chapter 5, "Multiwindow, Multi-Burn-Rate Alerts".
    """

    name: str
    factor: float
    long_seconds: int
    short_seconds: int
    severity: Literal["page", "ticket"]
    hold_seconds: int = 0


@dataclass(frozen=True, slots=True)
class ErrorRateRule:
    """Fires when more than `above_ratio` of the requests of `over_seconds` were bad for `hold_seconds`."""

    name: str
    above_ratio: float
    over_seconds: int
    hold_seconds: int
    severity: Literal["page", "ticket"] = "page"


AlertRule = BurnRateRule | ErrorRateRule

BURN_RATE_RULES: tuple[BurnRateRule, ...] = (
    BurnRateRule("burn-14.4", 14.4, 3600, 300, "page"),
    BurnRateRule("burn-6", 6.0, 6 * 3600, 1800, "page"),
    BurnRateRule("burn-3", 3.0, 24 * 3600, 2 * 3600, "ticket"),
    BurnRateRule("burn-1", 1.0, 72 * 3600, 6 * 3600, "ticket"),
)
ERROR_RATE = "error-rate"
ALERT_NAMES = (*(rule.name for rule in BURN_RATE_RULES), ERROR_RATE)

SETTLE_SECONDS = 0.5
"""The second ending at T is judged at T + this, when the agents' reports of it have arrived."""


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule of one SLO and where it stands. The stamps are those of the current or last episode."""

    slo: str
    service: str
    rule: AlertRule
    state: AlertState = AlertState.INACTIVE
    pending_at: datetime | None = None
    firing_at: datetime | None = None
    resolved_at: datetime | None = None
    value: float | None = None
    """Burn rate (the lower of the two windows) or error ratio at the last evaluation."""
    pending_tick: int | None = None
    """The evaluated second at which it became pending; `hold_seconds` is counted from here."""


@dataclass(frozen=True, slots=True)
class AlertChange:
    """One transition, as stored: what moved, where to, and when it was seen."""

    slo: str
    service: str
    alert: str
    state: AlertState
    at: datetime
    value: float | None
    run_id: int | None = None
    """The run that was injecting into the service at that moment."""

"""What the shell has seen of a run when it drives it: all that `loop` and `judge` decide by."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sre_portal.contract.report import LeaseStatus
from sre_portal.core.alert import Alert, AlertChange
from sre_portal.core.condition import Reading
from sre_portal.core.fidelity import InjectionTotals
from sre_portal.core.run import DrillEffect


@dataclass(frozen=True, slots=True)
class Flip:
    """A version of a set, made by a drill or by what ended it. `version` is None where none was needed."""

    at: datetime
    version: int | None
    how: str = ""


@dataclass(frozen=True, slots=True)
class DrillSeen:
    """What is known of one kill switch of the run. What the run's record has already need not be told again.

    The delays are milliseconds from the version's change to when an instance had it in force.
    """

    flip: Flip | None = None
    failed: str = ""
    """Why the flip could not be made."""
    restored: Flip | None = None
    subscribers: Collection[str] = ()
    """Those that subscribe now."""
    told: Mapping[str, float] = field(default_factory=dict)
    told_restored: Mapping[str, float] = field(default_factory=dict)
    effect: DrillEffect | None = None


@dataclass(frozen=True, slots=True)
class Observed:
    """Everything known at `now`. What is missing counts as unknown, and unknown is never fine."""

    now: datetime
    injections: Sequence[InjectionTotals] = ()
    statuses: Mapping[tuple[str, str], LeaseStatus] = field(default_factory=dict)
    """(instance, lease id) -> the last word of that instance."""
    holders: Collection[str] = ()
    """The instances that were told about the run's leases."""
    guardrails: Sequence[Reading] = ()
    steady: Sequence[Reading] = ()
    held: Sequence[Reading] = ()
    """Readings of `experiment.held_conditions`, in their order."""
    alerts: Sequence[Alert] = ()
    """The alerts of the SLOs that the run is about."""
    changes: Sequence[AlertChange] = ()
    """Their transitions since the run began."""
    costs: Sequence[tuple[str, float]] = ()
    """Per SLO the planned burn so far, as a share of its budget."""
    counted_at: datetime | None = None
    drills: Sequence[DrillSeen] = ()
    """One for each `flag` expectation, in their order."""
    interrupted: bool = False
    """The portal restarted while leases were out."""
    lease_ends_at: datetime | None = None
    """When the last lease ends if nobody renews it."""

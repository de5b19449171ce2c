"""One line of the list of flags, and what is known of flags beside their definitions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from sre_portal.core.flag_change import FlagRow
from sre_portal.core.flag_kept import KeptSet, SetAndKey
from sre_portal.web.pages.figures import Moment, moment
from sre_portal.web.pages.flag_words import (
    STATES,
    Serving,
    flag_href,
    kinds_of,
    place_words,
    serving_of,
    state_of,
)
from sre_portal.web.pages.pill import Pill


@dataclass(frozen=True, slots=True)
class Beside:
    """What is known of flags at one instant beside their definitions. A flag that is in none has nothing."""

    seen: Mapping[str, str] = field(default_factory=dict)
    """Set -> who has its newest version in force: `3 of 4 in 120 ms`."""
    stale: Mapping[SetAndKey, str] = field(default_factory=dict)
    """Why it may be removed."""
    drills: Mapping[SetAndKey, Pill] = field(default_factory=dict)
    """Of kill switches: whether they were drilled lately enough."""
    plans: Mapping[SetAndKey, int] = field(default_factory=dict)
    """How many changes are planned."""


@dataclass(frozen=True, slots=True)
class FlagLine:
    id: str
    name: str
    href: str
    service: str
    environment: str
    pill: Pill
    kinds: tuple[str, ...]
    serving: Serving
    since: Moment
    by: str
    reason: str
    stale: str
    drill: Pill | None
    plans: int

    @classmethod
    def of(cls, kept: KeptSet, row: FlagRow, own: str, beside: Beside, now: datetime) -> FlagLine:
        definitions = kept.flags.definitions
        flag = definitions.flags.get(row.key)
        state, place = state_of(kept, row.key), (row.flag_set, row.key)
        service, environment = place_words(row.flag_set, own)
        return cls(
            id=f"flag-{row.flag_set}/{row.key}",
            name=row.key,
            href=flag_href(row.flag_set, row.key),
            service=service,
            environment=environment,
            pill=STATES[state],
            kinds=kinds_of(kept.metadata_of(row.key)),
            serving=Serving("nobody: it was removed")
            if state == "removed"
            else serving_of(flag, definitions),
            since=moment(row.changed_at, now),
            by=row.changed_by,
            reason=row.reason,
            stale=beside.stale.get(place, ""),
            drill=beside.drills.get(place),
            plans=beside.plans.get(place, 0),
        )


@dataclass(frozen=True, slots=True)
class GroupLine:
    """The line above the flags of one set."""

    id: str
    service: str
    environment: str
    href: str
    words: str

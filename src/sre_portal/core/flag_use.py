"""How often flags were evaluated, what they gave, and which of them nobody seems to need any more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sre_portal.core.flag.resolution import CODE_DEFAULT
from sre_portal.core.flag_guard import is_kill_switch
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_said import STALE_AFTER, days_said

STALE_AFTER_DAYS = 30

NO_VARIANT = ""
"""What stands for the variant where the default in the code was the answer."""

Key = tuple[str, str, str]
"""Set, key of the flag, variant."""


@dataclass(frozen=True, slots=True)
class Used:
    """A variant of a flag that was given: first, last, and how often."""

    flag_set: str
    key: str
    variant: str
    first_at: datetime
    last_at: datetime
    count: int


@dataclass(frozen=True, slots=True)
class Use:
    """What is known of the evaluations of one flag. Empty where there was none."""

    variants: Mapping[str, Used] = field(default_factory=dict)

    @property
    def last_at(self) -> datetime | None:
        return max((one.last_at for one in self.variants.values()), default=None)

    @property
    def count(self) -> int:
        return sum(one.count for one in self.variants.values())


UNUSED = Use()


@dataclass(frozen=True, slots=True)
class Stale:
    """A flag that may be removed: for so many whole days it gave only this, or was not asked for at all.

    `variant` is None where it was not evaluated.
    """

    days: int
    variant: str | None = None

    def __str__(self) -> str:
        days = f"{self.days} day{'' if self.days == 1 else 's'}"
        if self.variant is None:
            return f"not evaluated for {days}"
        what = CODE_DEFAULT if self.variant == NO_VARIANT else f"variant {self.variant}"
        return f"always {what} for {days}"


@dataclass(frozen=True, slots=True)
class Life:
    """What makes a flag stale: since when it is as it is, and what is said of it.

    A kill switch gives always the same until the day it is needed: that is no reason to remove it.
    """

    changed_at: datetime
    stale_after: timedelta | None
    is_kill_switch: bool = False


def uses_of(used: Iterable[Used]) -> dict[str, Use]:
    """The uses of one set by the keys of its flags."""
    found: dict[str, dict[str, Used]] = {}
    for one in used:
        found.setdefault(one.key, {})[one.variant] = one
    return {key: Use(variants) for key, variants in found.items()}


def stale_after(metadata: Mapping[str, object]) -> timedelta | None:
    """After how long a flag of which this is said is stale; None for never."""
    days = days_said(metadata, STALE_AFTER, STALE_AFTER_DAYS)
    return timedelta(days=days) if days else None


def staleness(life: Life, use: Use, now: datetime, counted_since: datetime | None) -> Stale | None:
    """Whether nobody seems to need a flag, or to need it as a flag.

    Only what was counted, and is unchanged, for the whole time can be stale: what is not known is no reason
    to remove anything.
    """
    if life.stale_after is None or counted_since is None:
        return None
    since, start = max(life.changed_at, counted_since), now - life.stale_after
    if since > start:
        return None
    lately = {name: one for name, one in use.variants.items() if one.last_at > start}
    if not lately:
        idle = since if use.last_at is None else max(since, use.last_at)
        return Stale((now - idle).days)
    if len(lately) > 1 or life.is_kill_switch:
        return None
    [variant] = lately
    others = [one.last_at for name, one in use.variants.items() if name != variant]
    return Stale((now - max([since, *others])).days, variant)


def judge_stale(
    kept: KeptSet, uses: Mapping[str, Use], now: datetime, counted_since: datetime | None
) -> dict[str, Stale]:
    """The flags of a set that nobody seems to need, by key."""
    found = dict[str, Stale]()
    for row in kept.live_rows():
        metadata = kept.metadata_of(row.key)
        life = Life(row.changed_at, stale_after(metadata), is_kill_switch(metadata))
        stale = staleness(life, uses.get(row.key, UNUSED), now, counted_since)
        if stale is not None:
            found[row.key] = stale
    return found

"""Who has seen a version of a set of flags, and how long after it was made."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sre_portal.core.instance import Instance

KEPT_VERSIONS = 50
"""So many of the newest versions of a set are remembered, and of each instance its newest."""

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Sighting:
    """What an instance has told of a set: when it first had the version that is asked about, or a later one.

    `first_at` is None where it has an older one.
    """

    service: str
    instance: str
    first_at: datetime | None

    @property
    def name(self) -> str:
        return f"{self.service}/{self.instance}"


@dataclass(frozen=True, slots=True)
class Seen:
    """A subscriber, by service and name, that has the version.

    `delay_ms` is None where it started after the change: it has waited for nothing.
    """

    name: str
    delay_ms: float | None


@dataclass(frozen=True, slots=True)
class SeenBy:
    """The subscribers of a set, instances that told of it and report now: which have a version, or a later.

    `seen` is in the order of the delays, those without one first.
    """

    flag_set: str
    set_version: int
    changed_at: datetime
    seen: Sequence[Seen]
    missing: Sequence[str]

    @property
    def subscribers(self) -> Sequence[str]:
        """By their names."""
        return sorted([*(one.name for one in self.seen), *self.missing])

    @property
    def delays(self) -> Mapping[str, float]:
        """Of each that has the version, in milliseconds. Whoever started after the change has 0."""
        return {one.name: one.delay_ms or 0.0 for one in self.seen}

    @property
    def waits_ms(self) -> Sequence[float]:
        """How long those waited that were there when it was made, in order."""
        return [one.delay_ms for one in self.seen if one.delay_ms is not None]

    @property
    def slowest(self) -> Seen | None:
        """Of those that waited; None where nobody did."""
        return self.seen[-1] if self.seen and self.seen[-1].delay_ms is not None else None


def judge_seen(
    version: tuple[str, int, datetime], sightings: Collection[Sighting], live: Collection[Instance]
) -> SeenBy:
    """What is known of a version: set, number, when it was made. Who reports no more does not count."""
    flag_set, set_version, changed_at = version
    started = {f"{one.service}/{one.instance}": one.started_at for one in live}
    here = [one for one in sightings if one.name in started]
    seen = [
        Seen(one.name, _delay_ms(one.first_at, changed_at, started[one.name]))
        for one in here
        if one.first_at is not None
    ]
    seen.sort(key=lambda one: (-1.0 if one.delay_ms is None else one.delay_ms, one.name))
    missing = sorted(one.name for one in here if one.first_at is None)
    return SeenBy(flag_set, set_version, changed_at, tuple(seen), tuple(missing))


def _delay_ms(first_at: datetime, changed_at: datetime, started_at: datetime) -> float | None:
    return None if started_at > changed_at else max((first_at - changed_at) / _MILLISECOND, 0.0)


def clamped(at: float, made_at: datetime, received_at: datetime) -> float:
    """When an instance says it had a version: not before there was one, nor after it said so.

    Its clock may be wrong, or it may lie.
    """
    return max(min(at, received_at.timestamp()), min(made_at, received_at).timestamp())

"""Who has seen a version of a set of flags."""

from __future__ import annotations

from datetime import datetime
from statistics import median, quantiles
from typing import Annotated, Self

from fastapi import Query, Request
from pydantic import BaseModel

from sre_portal.core.flag_kept import live_row
from sre_portal.core.flag_seen import SeenBy
from sre_portal.operations.flags import kept_set
from sre_portal.operations.sightings import seen_by
from sre_portal.web.api.flag_path import Key, SetName
from sre_portal.web.context import ports_of

Version = Annotated[int | None, Query(ge=1, le=2**53)]


class SubscriberJson(BaseModel):
    """`delay_ms` is None for one that has it not, and for one that started after the change."""

    name: str
    seen: bool
    delay_ms: float | None


class SeenByJson(BaseModel):
    """The instances that follow a set and report now, and which have a version of it or a later one.

    Delays are from the change to the instant at which the version was in force in the instance, on the
    portal's clock, of those that were there.
    """

    flag_set: str
    set_version: int
    changed_at: datetime
    subscribers: int
    seen: int
    p50_ms: float | None
    p99_ms: float | None
    slowest: SubscriberJson | None
    missing: list[str]
    instances: list[SubscriberJson]

    @classmethod
    def of(cls, told: SeenBy) -> Self:
        waits = told.waits_ms
        instances = [SubscriberJson(name=one.name, seen=True, delay_ms=one.delay_ms) for one in told.seen]
        missing = [SubscriberJson(name=name, seen=False, delay_ms=None) for name in told.missing]
        return cls(
            flag_set=told.flag_set,
            set_version=told.set_version,
            changed_at=told.changed_at,
            subscribers=len(told.subscribers),
            seen=len(told.seen),
            p50_ms=median(waits) if waits else None,
            p99_ms=quantiles([*waits, waits[-1]], n=100, method="inclusive")[98] if waits else None,
            slowest=instances[-1] if told.slowest is not None else None,
            missing=list(told.missing),
            instances=[*instances, *missing],
        )


async def of_set(request: Request, flag_set: SetName, version: Version = None) -> SeenByJson:
    """Of the newest version of a set, or of an older one."""
    ports = ports_of(request)
    chosen = kept_set(ports, flag_set).version if version is None else version
    return SeenByJson.of(await seen_by(ports, flag_set, chosen))


async def of_flag(request: Request, flag_set: SetName, key: Key) -> SeenByJson:
    """Of the last change of one flag."""
    ports = ports_of(request)
    return SeenByJson.of(await seen_by(ports, flag_set, live_row(kept_set(ports, flag_set), key).set_version))

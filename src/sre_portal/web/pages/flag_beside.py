"""Gathers what is known of flags beside their definitions: who has them, who uses them, what waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

from sre_portal.contract.flags import DEFAULT_SET
from sre_portal.core.drill_standing import DrillStanding
from sre_portal.core.errors import NotFound
from sre_portal.core.flag_kept import KeptSet, SetAndKey
from sre_portal.core.flag_name import service_of
from sre_portal.core.flag_plan import OPEN
from sre_portal.core.flag_seen import SeenBy
from sre_portal.operations.certificates import drill_standing
from sre_portal.operations.flag_use import stale_in
from sre_portal.operations.ports import Ports
from sre_portal.operations.sightings import seen_by
from sre_portal.web.pages.figures import milliseconds
from sre_portal.web.pages.flag_row import Beside
from sre_portal.web.pages.pill import Pill, pill
from sre_portal.web.pages.recent import memo_of

Known = TypeVar("Known")

MOST_PLANS = 1000
"""Open planned changes that are counted."""
SLOW_SECONDS = 10
"""So long an answer is kept whose unit is a day, while its set does not change."""
DRILLS: Mapping[str, Pill] = {
    "drilled": pill("ok", "drilled"),
    "due": pill("risk", "drill due", "clock"),
    "never": pill("risk", "never drilled", "triangle"),
}


async def beside_flags(ports: Ports) -> Beside:
    """Of every flag, at this instant. Asked of the store at most once a second."""
    second = int(ports.clock.now().timestamp())
    return await memo_of(ports).once_read(
        "beside flags", (second, ports.flag_book.changed.count), lambda: _read(ports)
    )


def drill_pill(standing: DrillStanding) -> Pill:
    return DRILLS[standing.word]


def seen_words(told: SeenBy) -> str:
    """`3 of 4 in 120 ms`; empty where nobody listens."""
    total = len(told.seen) + len(told.missing)
    slowest = told.slowest
    within = "" if slowest is None else f" in {milliseconds(slowest.delay_ms)}"
    return f"{len(told.seen)} of {total}{within}" if total else ""


async def _read(ports: Ports) -> Beside:
    seen, stale, drills = dict[str, str](), dict[SetAndKey, str](), dict[SetAndKey, Pill]()
    for kept in ports.flag_book.all():
        name = kept.name
        if words := await _seen(ports, kept):
            seen[name] = words
        for key, why in (await _slowly(ports, kept, "stale", _stale)).items():
            stale[name, key] = why
        for key, one in (await _slowly(ports, kept, "drills", _drills)).items():
            drills[name, key] = one
    plans = await ports.flag_plans.some(states=OPEN, limit=MOST_PLANS)
    return Beside(seen, stale, drills, Counter((one.flag_set, one.key) for one in plans))


async def _seen(ports: Ports, kept: KeptSet) -> str:
    """Asked only where somebody reports who may follow the set."""
    if kept.name != DEFAULT_SET and all(
        one.service != service_of(kept.name) for one in ports.watch.instances
    ):
        return ""
    try:
        return seen_words(await seen_by(ports, kept.name, kept.version))
    except NotFound:
        return ""


async def _slowly(
    ports: Ports, kept: KeptSet, what: str, read: Callable[[Ports, KeptSet], Awaitable[Known]]
) -> Known:
    """What changes with the set, or in hours: asked again now and then."""
    age = int(ports.clock.now().timestamp()) // SLOW_SECONDS
    return await memo_of(ports).once_read((what, kept.name), (age, kept.version), lambda: read(ports, kept))


async def _stale(ports: Ports, kept: KeptSet) -> Mapping[str, str]:
    return {key: str(one) for key, one in (await stale_in(ports, kept)).items()}


async def _drills(ports: Ports, kept: KeptSet) -> Mapping[str, Pill]:
    return {key: drill_pill(one) for key, one in (await drill_standing(ports, kept.name)).items()}

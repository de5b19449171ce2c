"""Gathers what is known of flags beside their definitions: who has them, who uses them, what waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from sre_portal.core.drill_standing import DrillStanding
from sre_portal.core.flag_plan import OPEN
from sre_portal.operations.certificates import drill_standing
from sre_portal.operations.flag_use import stale_in
from sre_portal.operations.ports import Ports
from sre_portal.web.pages.flag_row import Beside, Place
from sre_portal.web.pages.pill import Pill, pill
from sre_portal.web.pages.recent import memo_of

MOST_PLANS = 1000
"""Open planned changes that are counted."""
STALE_SECONDS = 30
"""So long an answer is kept whose unit is a day."""
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


async def _read(ports: Ports) -> Beside:
    stale, drills = dict[Place, str](), dict[Place, Pill]()
    for kept in ports.flag_book.all():
        name = kept.name
        for key, why in (await _stale(ports, name)).items():
            stale[name, key] = why
        for key, one in (await drill_standing(ports, name)).items():
            drills[name, key] = drill_pill(one)
    plans = await ports.flag_plans.some(states=OPEN, limit=MOST_PLANS)
    return Beside({}, stale, drills, Counter((one.flag_set, one.key) for one in plans))


async def _stale(ports: Ports, name: str) -> Mapping[str, str]:
    kept = ports.flag_book.get(name)
    if kept is None:
        return {}
    age = int(ports.clock.now().timestamp()) // STALE_SECONDS

    async def read() -> Mapping[str, str]:
        return {key: str(one) for key, one in (await stale_in(ports, kept)).items()}

    return await memo_of(ports).once_read(("stale", name), (age, kept.version), read)

"""What is kept of who has seen which version of a set of flags."""

import asyncio
import random
import string
from datetime import UTC, datetime, timedelta

from sre_portal.contract.report import AgentReport, FlagSeen
from sre_portal.core.errors import InvalidInput
from sre_portal.core.flag_change import FlagEdit, SetChange
from sre_portal.core.flag_seen import Sighting
from sre_portal.core.ports import Store

AT = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return AT + timedelta(seconds=seconds)


async def told(
    store: Store, instance: str, *seen: tuple[int, float], flag_set: str = "shop", seq: int = 1
) -> None:
    """An instance tells versions of a set, each in force since so many seconds."""
    for number, (version, seconds) in enumerate(seen):
        at = after(seconds)
        report = AgentReport("shop", instance, "0.1.0", seq + number, AT.timestamp(), at.timestamp())
        report.flags_seen = [FlagSeen(flag_set, version, at.timestamp())]
        await store.reports.append(report, at)


async def changed(store: Store, version: int) -> None:
    edit = FlagEdit("cart", version, "{}")
    assert await store.flags.change(SetChange("shop", version - 1, [edit], after(version), "ada", "a test"))


async def test_it_is_known_since_when_each_instance_has_a_version_or_a_later_one(store: Store) -> None:
    await told(store, "shop-1", (1, 1.0), (2, 2.5), (4, 4.0))
    await told(store, "shop-2", (1, 1.5))
    await told(store, "shop-3", (2, 9.0), flag_set="default")
    assert await store.sightings.of("shop", 1) == [
        Sighting("shop", "shop-1", after(1.0)),
        Sighting("shop", "shop-2", after(1.5)),
    ]
    assert await store.sightings.of("shop", 3) == [
        Sighting("shop", "shop-1", after(4.0)),
        Sighting("shop", "shop-2", None),
    ]
    assert await store.sightings.of("other", 1) == []


async def test_the_first_instant_that_was_told_of_a_version_is_kept(store: Store) -> None:
    await told(store, "shop-1", (1, 2.0), (1, 3.0))
    assert await store.sightings.of("shop", 1) == [Sighting("shop", "shop-1", after(2.0))]
    await told(store, "shop-1", (1, 1.0), seq=3)
    assert await store.sightings.of("shop", 1) == [Sighting("shop", "shop-1", after(1.0))]


async def test_old_versions_go_but_not_the_newest_of_an_instance_that_is_there(store: Store) -> None:
    for version in range(1, 7):
        await changed(store, version)
    await told(store, "shop-1", *((version, version + 0.5) for version in range(1, 7)))
    await told(store, "shop-2", (2, 2.5))
    await store.sightings.forget(2)
    assert await store.sightings.of("shop", 1) == [
        Sighting("shop", "shop-1", after(4.5)),
        Sighting("shop", "shop-2", after(2.5)),
    ]


async def test_what_instances_told_that_are_gone_goes_too(store: Store) -> None:
    await changed(store, 1)
    await told(store, "shop-1", (1, 1.0))
    day = 24 * 3600
    await told(store, "shop-2", (1, day + 7200.0))
    await store.reports.roll_up(int(after(day + 7200).timestamp()))
    await store.sightings.forget(50)
    assert [one.instance for one in await store.sightings.of("shop", 1)] == ["shop-2"]


async def test_it_is_known_when_a_version_was_made_also_an_old_one(store: Store) -> None:
    for version in range(1, 4):
        await changed(store, version)
    assert await store.sightings.changed_at("shop", 2) == after(2)
    assert await store.sightings.changed_at("shop", 4) is None
    assert await store.sightings.changed_at("other", 1) is None


async def test_what_was_told_of_sets_that_are_not_there_goes_too(store: Store) -> None:
    await changed(store, 1)
    await told(store, "shop-1", (0, 1.0), flag_set="shop@made-up")
    await told(store, "shop-1", (1, 1.0), seq=2)
    await store.sightings.forget(50)
    assert await store.sightings.of("shop@made-up", 0) == []
    assert [one.instance for one in await store.sightings.of("shop", 1)] == ["shop-1"]


async def test_a_name_that_no_index_can_hold_harms_the_report_of_nobody_else(store: Store) -> None:
    """PostgreSQL holds 2,704 bytes; SQLite does not mind. The portal stores no such name: this is its net."""
    letters = random.Random(4).choices(string.ascii_letters + string.digits, k=9000)
    bad = told(store, "evil-1", (0, 1.0), flag_set="shop@" + "".join(letters))
    goods = (told(store, f"shop-{number}", (1, 1.0)) for number in range(5))
    first, *others = await asyncio.gather(bad, *goods, return_exceptions=True)
    assert first is None or isinstance(first, InvalidInput)
    assert others == [None] * 5
    assert len(await store.sightings.of("shop", 1)) == 5

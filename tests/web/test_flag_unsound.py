"""A hand, or a newer program, may write what is no flag into the database. No page breaks of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sre_portal.core.flag_change import FlagEdit, SetChange
from sre_portal.core.flag_step import Put, Toggle
from sre_portal.operations.certificates import look_at_drills_due
from sre_portal.operations.flag_use import look_for_stale
from sre_portal.operations.flags import FlagOrder, change_flag
from tests.operations.world import OMAR, START, World
from tests.web.door import Door

SWITCH = {
    "state": "ENABLED",
    "variants": {"on": True, "off": False},
    "defaultVariant": "on",
    "metadata": {"killSwitch": True},
}
BROKEN = ['{"state": ', "[1]", "null", '"text"', "[" * 100_000, "{}", '{"state": 7, "variants": []}']
FLAG = "/flags/shop/prices"
PAGES = [
    "/flags",
    "/services/shop",
    *(f"{FLAG}{one}" for one in ("", "/edit", "/toggle", "/remove", "/plan", "/drill", "/copy?to=x")),
    *(f"{FLAG}/versions/{version}" for version in (1, 2)),
]
API = [
    "/flags",
    "/flag-sets",
    "/flag-sets/shop/export",
    "/drills",
    *(f"{FLAG}{one}" for one in ("", "/history", "/use", "/turns", "/seen", "/drills")),
    f"{FLAG}/compare?to=x",
]


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    world = await World(tmp_path, agents=[]).open()
    async with Door(world) as opened:
        yield opened
    await world.close()


async def broken(world: World, text: str) -> None:
    """The second version of `shop/prices` is that text."""
    ports = world.ports
    await change_flag(ports, OMAR, FlagOrder("shop", "prices", "a try"), Put(SWITCH))
    assert await ports.flags.change(
        SetChange("shop", 1, [FlagEdit("prices", 2, text)], START, "a hand", "by hand")
    )
    await ports.flag_book.refresh(ports.flags)


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: text[:20])
async def test_a_flag_that_is_none_takes_no_page_down(door: Door, text: str) -> None:
    await broken(door.world, text)
    browser, client = await door.browser(), door.client("ada")
    for path in PAGES:
        assert (await browser.get(path)).status_code in {200, 422}, path
    for path in API:
        assert (await client.get(f"/api/v1{path}")).status_code == 200, path
    assert "not in force" in (await browser.get("/flags")).text


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: text[:20])
async def test_what_was_in_force_stays_with_all_that_was_said_of_it(door: Door, text: str) -> None:
    await broken(door.world, text)
    ports = door.world.ports
    await look_at_drills_due(ports)
    await look_for_stale(ports)
    assert ports.watch.drills_due == {"shop": 1}
    kept = ports.flag_book.get("shop")
    assert kept is not None
    assert kept.flags.evaluate("prices", {}).value is True


@pytest.mark.parametrize("text", BROKEN, ids=lambda text: text[:20])
async def test_it_is_mended_by_putting_a_flag_in_its_place(door: Door, text: str) -> None:
    await broken(door.world, text)
    row = await change_flag(
        door.world.ports, OMAR, FlagOrder("shop", "prices", "mended", version=2), Put(SWITCH)
    )
    assert row.version == 3
    off = await change_flag(door.world.ports, OMAR, FlagOrder("shop", "prices", "off"), Toggle(False))
    assert off.version == 4

"""Pages say beforehand what a change will meet: a second person, somebody else's version, or nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from sre_portal.core.access import Role
from sre_portal.core.flag_change import FlagEdit, SetChange
from sre_portal.core.flag_step import Put
from sre_portal.operations.flags import FlagOrder, change_flag
from tests.operations.world import ADA, START, World
from tests.web.door import Door, csrf_in
from tests.web.pages.markup import Markup

SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
DEAR = {**SWITCH, "metadata": {"protected": True}}
FLAG = "/flags/shop/prices"


@pytest.fixture
async def door(tmp_path: Path) -> AsyncIterator[Door]:
    """With a protected flag, at version 1."""
    world = await World(tmp_path, agents=[]).open()
    await change_flag(world.ports, ADA, FlagOrder("shop", "prices", "a try"), Put(DEAR))
    async with Door(world) as opened:
        yield opened
    await world.close()


async def post(browser: httpx2.AsyncClient, path: str, **fields: str) -> httpx2.Response:
    csrf = csrf_in((await browser.get("/account")).text)
    return await browser.post(path, data={"csrf": csrf, **fields})


async def said(browser: httpx2.AsyncClient) -> dict[str, bool]:
    """By page, whether it says that a second person has to approve."""
    draft = json.dumps({**DEAR, "defaultVariant": "off"})
    pages = {
        "toggle": await browser.get(f"{FLAG}/toggle"),
        "remove": await browser.get(f"{FLAG}/remove"),
        "review": await post(browser, f"{FLAG}/review", definition=draft, version="1"),
    }
    assert {name: page.status_code for name, page in pages.items()} == dict.fromkeys(pages, 200)
    return {name: "second person" in Markup(page.text).words for name, page in pages.items()}


async def test_with_broken_glass_no_page_says_that_a_second_person_is_waited_for(door: Door) -> None:
    browser = await door.browser("omar", Role.OPERATOR)
    assert await said(browser) == {"toggle": True, "remove": True, "review": True}
    await post(browser, "/account/glass/break", reason="payments are down", minutes="30")
    assert await said(browser) == {"toggle": False, "remove": False, "review": False}
    made = await post(browser, f"{FLAG}/toggle", enabled="no", reason="payments are down")
    assert made.headers["location"] == FLAG


async def test_a_flag_that_is_held_up_is_called_protected_however_it_says_so(door: Door) -> None:
    ports, browser = door.world.ports, await door.browser("omar", Role.OPERATOR)
    odd = json.dumps({**SWITCH, "metadata": {"protected": "yes"}})
    assert await ports.flags.change(SetChange("shop", 1, [FlagEdit("odd", 1, odd)], START, "a hand", "odd"))
    await ports.flag_book.refresh(ports.flags)
    page = Markup((await browser.get("/flags/shop/odd")).text)
    assert "protected" in [one.text for one in page.all("span")]
    removed = await post(browser, "/flags/shop/odd/remove", version="1", reason="a try")
    assert removed.headers["location"].startswith("/flag-plans/")


@pytest.mark.parametrize(
    ("key", "version", "status"),
    [("prices", "1", 200), ("prices", "0", 409), ("none", "0", 200), ("none", "3", 409), ("none", "x", 422)],
)
async def test_the_review_refuses_what_saving_would_refuse(
    door: Door, key: str, version: str, status: int
) -> None:
    browser = await door.browser("omar", Role.OPERATOR)
    fields = {"definition": json.dumps(SWITCH), "version": version, "reason": "a try"}
    reviewed = await post(browser, f"/flags/shop/{key}/review", **fields)
    saved = await post(browser, f"/flags/shop/{key}/save", **fields)
    assert reviewed.status_code == status
    assert saved.status_code == (303 if status == 200 else status)

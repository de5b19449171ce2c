from __future__ import annotations

import json
from collections.abc import Mapping

import httpx2
import pytest

from sre_portal.core.flag_change import FlagEdit, SetChange
from tests.web.pages.conftest import Read
from tests.web.pages.flags_told import SWITCH
from tests.web.pages.markup import Markup
from tests.web.pages.scene import Scene

HOSTILE = "<script>alert(1)</script>"


async def put(here: Scene, flag_set: str, made: Mapping[str, object], reason: str = "a test") -> None:
    """Puts flags in force, past every check of an edit."""
    seen = here.flags.versions.get(flag_set, 0)
    edits = [FlagEdit(key, 1, json.dumps(definition)) for key, definition in made.items()]
    assert await here.flags.change(SetChange(flag_set, seen, edits, here.clock.now(), HOSTILE, reason))
    await here.ports.flag_book.refresh(here.flags)


def keys(page: Markup) -> list[str]:
    """The flags of the list, in their order."""
    rows = [one.attributes.get("id", "") for one in page.all("tr")]
    return [one.removeprefix("flag-") for one in rows if one.startswith("flag-")]


def row(page: Markup, name: str) -> str:
    return " ".join(page.by_id(f"flag-{name}").text.split())


async def test_every_flag_is_listed_below_its_set(read: Read) -> None:
    page = await read("/flags")
    assert page.faults == []
    assert keys(page) == [
        "payments/banner",
        "payments/retry-budget",
        "shop/checkout-open",
        "shop/layout",
        "shop/new-cart",
        "shop/prices",
        "shop@staging/new-cart",
    ]
    assert "7 flags in 3 sets, 1 disabled" in page.words
    assert "staging, 1 flag, version 2" in page.by_id("set-shop@staging").text
    assert "seen by 1 of 2 in 41" in page.by_id("set-shop").text


async def test_a_line_says_what_is_on_for_whom_since_when_and_why(read: Read) -> None:
    page = await read("/flags")
    cart = row(page, "shop/new-cart")
    for told in ("enabled", "on 25", "off 75", "12 m ago", "omar", "INC-2041", "1 planned"):
        assert told in cart.replace("\N{NARROW NO-BREAK SPACE}", " "), cart
    assert "disabled everybody: the default in the code" in row(page, "shop/prices")
    assert "protected" in row(page, "shop/prices")
    assert "kill switch" in row(page, "shop/checkout-open")
    assert "drilled" in row(page, "shop/checkout-open")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("set=payments", ["payments/banner", "payments/retry-budget"]),
        ("set=shop@staging", ["shop@staging/new-cart"]),
        ("environment=staging", ["shop@staging/new-cart"]),
        ("set=shop&environment=demo&q=CART", ["shop/new-cart"]),
        ("state=disabled", ["shop/prices"]),
        ("state=removed", ["shop/old-banner"]),
        ("only=kill", ["shop/checkout-open"]),
        ("only=due", []),
        ("only=planned", ["shop/new-cart", "shop/prices"]),
        ("only=stale", []),
    ],
)
async def test_the_address_holds_the_filter(query: str, found: list[str], read: Read) -> None:
    page = await read(f"/flags?{query}")
    assert page.faults == []
    assert keys(page) == found
    assert page.all("body")[0].attributes["data-stream"].startswith("/live/flags?")


async def test_a_filter_that_nobody_knows_asks_for_nothing_and_is_text(read: Read) -> None:
    page = await read(f"/flags?set={HOSTILE}&state={HOSTILE}&only=x&page=-1&q=")
    assert keys(page) == []
    assert HOSTILE not in page.source
    assert "No flag here" in page.words


async def test_where_there_is_no_flag_the_page_says_how_to_make_one(here: Scene, read: Read) -> None:
    here.ports.flag_book._sets.clear()
    page = await read("/flags")
    assert "No flag yet" in page.words
    assert "/flags/new" in page.links()


async def test_ten_thousand_flags_come_page_by_page(here: Scene, read: Read) -> None:
    await put(here, "many", {f"flag-{number:05}": SWITCH for number in range(10_000)})
    page = await read("/flags?set=many")
    assert len(keys(page)) == 100
    assert "page 1 of 100" in page.words
    assert len(page.source) < 250_000
    assert "/flags?set=many&page=2" in page.links()
    last = await read("/flags?set=many&page=100")
    assert keys(last)[-1] == "many/flag-09999"
    assert "/flags?set=many&page=99" in last.links()
    assert not last.all("a", rel="next")


async def test_hostile_names_reasons_and_people_are_text(here: Scene, read: Read) -> None:
    key = f"{HOSTILE.replace('/', '')}{'x' * 170}"
    await put(
        here, "evil", {key: {**SWITCH, "variants": {HOSTILE: True, "b": False}, "defaultVariant": HOSTILE}}
    )
    for path in ("/flags", f"/flags/evil/{key}", f"/flags/evil/{key}/edit", f"/flags/evil/{key}/versions/1"):
        page = await read(path)
        assert page.faults == []
        assert "<script>" not in page.source.replace('<script type="module"', "")
        assert key in page.words


async def test_what_cannot_be_compiled_is_said_to_be_not_in_force(here: Scene, read: Read) -> None:
    await put(here, "odd", {"broken": {"state": "SOMETHING", "variants": {}}})
    assert "not in force" in row(await read("/flags"), "odd/broken")
    page = await read("/flags/odd/broken")
    assert "cannot be compiled" in page.words
    assert "state" in page.words


async def test_a_viewer_cannot_make_flags_and_whoever_has_no_role_sees_none(read: Read) -> None:
    page = await read("/flags", who="vera")
    assert "/flags/new" not in page.links()
    [button] = [one for one in page.all("button", aria_disabled="true") if one.text == "New flag"]
    assert "operator" in button.attributes["title"]
    await read("/flags/new", who="vera", status=403)
    assert "viewer" in (await read("/flags", who="nils", status=403)).words


async def test_the_rail_tells_how_many_flags_there_are(read: Read) -> None:
    page = await read("/flags/shop/new-cart")
    [link] = page.all("a", href="/flags", aria_current="page")
    assert link.text == "Flags7"


async def test_where_a_service_is_shown_its_flags_are_linked(read: Read) -> None:
    assert "/flags?set=shop" in (await read("/services/shop")).links()
    assert "/flags?set=shop" in (await read("/services")).links()
    assert "/flags?set=cart" not in (await read("/services/cart")).links()


async def test_a_new_flag_is_named_before_it_is_written(browser: httpx2.AsyncClient, read: Read) -> None:
    assert (await read("/flags/new?set=shop")).faults == []
    wrong = await read("/flags/new?set=Shop&key=a%2Fb", status=422)
    assert len([one for one in wrong.all("span") if one.attributes.get("class") == "problem"]) == 2
    answer = await browser.get("/flags/new?set=shop&key=wide&shape=number")
    assert answer.headers["location"] == "/flags/shop/wide/edit?shape=number"
    page = await read(answer.headers["location"])
    assert '"few": 4' in page.all("textarea")[0].text
    assert page.fields("/flags/shop/wide/review")["version"] == "0"

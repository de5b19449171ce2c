"""The flag pages in a real browser: the preview while typing, two people at one flag, the longest names."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.conftest import PHONE, Program, Visit
from tests.e2e.test_looks import violations

pytestmark = pytest.mark.xdist_group("stage")  # one server, one browser

LAYOUT = "/flags/shop/layout"
STRIPED = {"state": "ENABLED", "variants": {"plain": 1, "rich": 3}, "defaultVariant": "rich"}


def written(page: Page, definition: object) -> None:
    page.get_by_label("Definition").fill(json.dumps(definition))


def fits(page: Page) -> list[str]:
    """What is wrong with a page: what axe-core objects to, and whether it is wider than its screen."""
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return [*violations(page), *([f"{wide} px too wide"] if wide > 0 else [])]


def test_the_preview_follows_what_is_typed_and_nothing_is_saved(stage: Program, visit: Visit) -> None:
    page = visit(stage, who="omar").open(f"{LAYOUT}/edit")
    answer = page.locator("#preview")
    expect(answer).to_contain_text("plain")
    page.get_by_label("Try it as").fill("ada\ncountry = at")
    expect(answer.get_by_text("rich", exact=True).first).to_be_visible()
    expect(answer).to_contain_text("and decided")
    written(page, {**STRIPED, "state": "MAYBE"})
    expect(answer).to_contain_text("flags.layout.state")
    expect(page.get_by_label("Definition")).to_be_focused()
    written(page, STRIPED)
    expect(answer).to_contain_text("the flag has no rule")
    assert fits(page) == []
    page.goto(stage.portal + LAYOUT)
    expect(page.locator("#flag-serves")).to_contain_text("by its rule")


def test_an_answer_that_is_not_of_what_is_typed_is_not_shown(stage: Program, visit: Visit) -> None:
    visitor = visit(stage, who="omar")
    page = visitor.open(f"{LAYOUT}/edit")
    answer = page.locator("#preview")
    expect(answer).to_contain_text("plain")
    page.get_by_label("Definition").fill(json.dumps({**STRIPED, "note": "x" * 2_100_000}))
    expect(page.get_by_text("Too large: not previewed")).to_be_visible()
    expect(answer).to_be_hidden()
    written(page, STRIPED)
    expect(answer).to_contain_text("the flag has no rule")
    expect(page.get_by_text("Too large: not previewed")).to_be_hidden()

    page.route("**/preview", lambda route: route.abort())
    written(page, {**STRIPED, "defaultVariant": "plain"})
    expect(page.get_by_text("Not previewed: the portal did not answer")).to_be_visible()
    expect(answer).to_be_hidden()
    assert fits(page) == []
    page.unroute("**/preview")
    page.get_by_label("Try it as").fill("bo")
    expect(answer).to_be_visible()
    visitor.faults.clear()  # the request that was cut, which the browser tells


def test_two_people_at_one_flag_lose_nothing_and_others_see_it_at_once(stage: Program, visit: Visit) -> None:
    onlooker = visit(stage, who="vera").open("/flags?set=payments")
    expect(onlooker.locator("#liveness")).to_have_text("Live")
    switch = "/flags/payments/retry-budget"
    visitor = visit(stage, who="omar")
    omar = visitor.open(f"{switch}/edit")
    ada = visit(stage, who="ada").open(switch)
    ada.get_by_role("link", name="Disable").click()
    ada.get_by_label("Reason").fill("retries make it worse")
    assert fits(ada) == []
    ada.get_by_role("button", name="Disable").click()
    ada.wait_for_url(f"**{switch}")
    expect(onlooker.locator("[id='flag-payments/retry-budget']")).to_contain_text("disabled")

    mine = {"state": "ENABLED", "variants": {"off": False, "on": True, "half": True}, "defaultVariant": "on"}
    written(omar, mine)
    omar.get_by_role("button", name="Review", exact=True).click()
    expect(omar.get_by_role("heading", name="Somebody saved retry-budget meanwhile")).to_be_visible()
    visitor.faults.clear()  # the answer was a 409, which the browser tells
    expect(omar.locator("main")).to_contain_text("ada, ")
    expect(omar.get_by_label("Yours", exact=True).last).to_contain_text("half")
    assert fits(omar) == []
    omar.get_by_role("button", name="Review yours over theirs").click()
    expect(omar.get_by_role("heading", name="Change retry-budget?")).to_be_visible()
    omar.get_by_text("Ask for exactly whom").click()
    omar.get_by_label("Or take them from a file").set_input_files(
        {"name": "people.txt", "mimeType": "text/plain", "buffer": b"ada\nbo\ncy\n"}
    )
    expect(omar.get_by_label("Keys, one a line")).to_have_value("ada\nbo\ncy\n")
    omar.get_by_role("button", name="Ask again").click()
    expect(omar.locator("#people")).to_contain_text("of 3 move")
    assert fits(omar) == []
    omar.get_by_label("Reason").fill("half of the retries")
    omar.get_by_role("button", name="Save").click()
    omar.wait_for_url(f"**{switch}")
    expect(omar.locator("#flag-since")).to_contain_text("half of the retries")
    expect(onlooker.locator("[id='flag-payments/retry-budget']")).to_contain_text("enabled")


def test_the_longest_hostile_names_are_text_and_fit_a_phone(stage: Program, visit: Visit) -> None:
    key = "<img-src=x-onerror=alert(1)>" + "W" * 172
    name = "<script>alert(2)<" + "M" * 120
    address = f"/flags/evil/{quote(key)}"
    visitor = visit(stage, who="omar", size=PHONE)
    page = visitor.open(f"{address}/edit")
    page.on("dialog", lambda dialog: visitor.faults.append(f"dialog: {dialog.message}"))
    variants = {name: "V" * 300, "b": "<b>" * 40}
    written(
        page, {"state": "ENABLED", "variants": variants, "defaultVariant": name, "metadata": {name: name}}
    )
    expect(page.locator("#preview")).to_contain_text("the flag has no rule")
    assert fits(page) == []
    page.get_by_role("button", name="Review", exact=True).click()
    expect(page.get_by_role("heading", name="Make <img-src")).to_be_visible()
    page.get_by_label("Reason").fill("</title><script>alert(3)</script>" + "R" * 300)
    assert fits(page) == []
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#flag-since")).to_contain_text("<script>alert(3)")
    for path in ("", "/versions/1", "/toggle", "/remove", "/plan", "/drill", "/copy?to=staging"):
        page.goto(stage.portal + address + path)
        assert (path, fits(page)) == (path, [])
    for path in ("/flags", "/flags?set=evil"):
        page.goto(stage.portal + path)
        assert (path, fits(page)) == (path, [])
    page.set_viewport_size({"width": 1440, "height": 900})
    for path in ("", "/versions/1", "/edit", "/toggle"):
        page.goto(stage.portal + address + path)
        assert (path, fits(page)) == (path, [])


def test_a_second_person_approves_what_they_see(stage: Program, visit: Visit) -> None:
    page = visit(stage, who="omar").open("/flags")
    page.get_by_role("link", name="planned").click()
    page.get_by_role("link", name="1", exact=True).click()
    expect(page.get_by_label("What it makes").last).to_contain_text("ENABLED")
    page.get_by_label("Reason").fill("looks right")
    page.get_by_label("Reason").press("Enter")
    expect(page.locator("main")).to_contain_text("waits for approval")
    expect(page.get_by_label("Reason")).to_have_value("looks right")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator("main")).to_contain_text("done")
    assert fits(page) == []


def test_a_viewer_may_look_and_try_but_not_press(stage: Program, visit: Visit) -> None:
    page = visit(stage, who="vera").open("/flags/shop/new-cart")
    expect(page.get_by_role("button", name="Disable")).to_be_disabled()
    assert fits(page) == []
    page.get_by_role("link", name="Edit and try").click()
    expect(page.get_by_role("button", name="Review", exact=True)).to_be_disabled()
    page.get_by_label("Try it as").fill("email = a@shop.example")
    expect(page.locator("#preview")).to_contain_text("Nobody is named")
    assert fits(page) == []


def test_without_script_everything_works(stage: Program, visit: Visit) -> None:
    page = visit(stage, who="omar", java_script_enabled=False).open("/flags/payments/banner")
    page.get_by_role("link", name="Edit and try").click()
    page.get_by_label("Try it as").fill("bo")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#preview")).to_contain_text("What this user gets")
    page.get_by_role("button", name="Review", exact=True).click()
    expect(page.locator("main")).to_contain_text("The flag is so already")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_label("Try it as")).to_have_value("bo")

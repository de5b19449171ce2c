"""Every page in a real browser: both themes, a desk and a phone, accessible, nothing from elsewhere."""

from __future__ import annotations

import json
import re
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from sre_portal.web.render import DIST
from tests.e2e.conftest import AXE, PHONE, WIDE, Program, Visit
from tests.web.pages.paths import FLAG_PAGES

pytestmark = pytest.mark.xdist_group("stage")  # one server, one browser

PAGES = (
    "/",
    "/services",
    "/services/payments",
    "/services/notifications",
    "/experiments",
    "/experiments/slow-payments",
    "/runs",
    "/runs/2417",
    "/runs/2416",
    "/runs/2413",
    "/runs/2402",
    "/runs/2411/journal",
    "/runs/2417/abort",
    "/stop-all",
    *FLAG_PAGES,
    "/status",
    "/login",
)
Theme = Literal["light", "dark"]


def violations(page: Page) -> list[str]:
    """What axe-core objects to, WCAG 2.2 AA and its best practices."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {node['target']} {node['failureSummary']}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["desk", "phone"])
def test_every_page_is_accessible_and_fits_its_screen(
    theme: Theme, size: tuple[int, int], stage: Program, visit: Visit
) -> None:
    visitor = visit(stage, who="omar", size=size, color_scheme=theme)
    page = visitor.page()
    found = {}
    for path in PAGES:
        page.goto(stage.portal + path)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found[path] = [*violations(page), *([f"{wide} px too wide"] if wide > 0 else [])]
    assert {path: faults for path, faults in found.items() if faults} == {}


def test_an_open_dialog_is_accessible(stage: Program, visit: Visit) -> None:
    page = visit(stage, who="omar").open("/runs/2417")
    page.get_by_role("button", name="STOP ALL").click()
    expect(page.get_by_role("dialog", name="Stop every fault in demo?")).to_be_visible()
    assert violations(page) == []


def test_the_theme_that_was_chosen_is_there_from_the_first_paint(stage: Program, visit: Visit) -> None:
    visitor = visit(stage, who="omar", color_scheme="light")
    page = visitor.open("/")
    page.get_by_role("button", name="dark").click()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(11, 14, 17)"


def test_the_keyboard_reaches_content_and_moves_the_time_cursor(stage: Program, visit: Visit) -> None:
    page = visit(stage, who="omar").open("/services/payments")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.locator("#chart-latency").focus()
    page.keyboard.press("ArrowLeft")
    labels = page.locator("#chart-latency .cursor-label")
    expect(labels).to_have_count(2)
    expect(labels.last).to_contain_text("ms")
    # One instant, drawn on every chart.
    lines = page.locator("#golden .cursor")
    expect(lines).to_have_count(4)
    assert len({line.get_attribute("x1") for line in lines.all()}) == 1
    page.keyboard.press("Escape")
    expect(lines).to_have_count(0)


def test_the_cursor_follows_the_pointer_through_all_rows_of_the_recorder(
    stage: Program, visit: Visit
) -> None:
    page = visit(stage, who="omar").open("/runs/2417")
    page.locator(".recorder svg[data-series]").first.hover(position={"x": 200, "y": 40})
    expect(page.locator(".recorder .cursor")).to_have_count(8)
    label = page.locator('.recorder svg[data-cursor="axis"] .cursor-label')
    expect(label).to_have_text(re.compile(r"^0:[0-3]\d$"))


def test_a_list_is_narrowed_while_typing_and_the_address_says_so(stage: Program, visit: Visit) -> None:
    page = visit(stage, who="omar").open("/")
    rows = page.locator("#rows tr")
    expect(rows.filter(visible=True)).to_have_count(8)
    page.get_by_role("searchbox").fill("cat")
    expect(rows.filter(visible=True)).to_have_count(2)
    assert page.url.endswith("?q=cat")
    page.reload()
    expect(rows.filter(visible=True)).to_have_count(2)


def test_a_portal_that_falls_silent_is_stale_and_comes_back(stage: Program, visit: Visit) -> None:
    page = visit(stage, who="omar").open("/")
    liveness = page.locator("#liveness")
    expect(liveness).to_have_text("Live")
    stage.freeze()
    try:
        expect(liveness).to_have_text("Reconnecting, as of")
        expect(liveness).to_have_text("Stale since")
        expect(page.locator("#as-of")).to_have_text("12:08:02 UTC")
        expect(page.get_by_text("The numbers below are the last ones read")).to_be_visible()
    finally:
        stage.thaw()
    expect(liveness).to_have_text("Live")
    expect(page.get_by_text("The numbers below are the last ones read")).to_be_hidden()


def test_a_viewer_cannot_press_what_they_may_not(stage: Program, visit: Visit) -> None:
    page = visit(stage, who="vera").open("/runs/2417")
    expect(page.get_by_role("button", name="Abort run")).to_be_disabled()
    expect(page.get_by_role("button", name="STOP ALL")).to_be_disabled()


def test_logging_out_ends_at_the_page_that_says_how_to_log_in(stage: Program, visit: Visit) -> None:
    page = visit(stage, who="ada").open("/")
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_role("heading", name="Log in with the link")).to_be_visible()


def test_reduced_motion_is_honoured(stage: Program, visit: Visit) -> None:
    page = visit(stage, who="omar", reduced_motion="reduce").open("/")
    expect(page.locator("#liveness")).to_have_text("Live")
    assert page.evaluate("document.getAnimations().length") == 0


def test_where_a_browser_has_no_popover_the_plain_page_takes_its_place() -> None:
    manifest = json.loads((DIST / "manifest.json").read_text())
    style = (DIST / manifest["app.css"]).read_text()
    assert ".opens-popover{display:none}" in style
    assert "@supports selector(:popover-open)" in style

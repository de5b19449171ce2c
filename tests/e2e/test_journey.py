"""What a person does with the demo: log in, break something, watch it, stop it, read the verdict."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.e2e.conftest import PHONE, Program, Visit, Visitor

pytestmark = pytest.mark.xdist_group("demo")  # one demo, and one run at a time


@pytest.fixture(scope="session")
def session(browser: Browser, demo: Program) -> str:
    """Ada opens her login link once; the cookie of her session is used by every test."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(demo.told["login"])
    expect(page.get_by_role("heading", name="At risk now")).to_be_visible()
    cookie = next(one for one in context.cookies() if one["name"] == "sre_portal_session")
    context.close()
    demo.told["session"] = cookie["value"]
    return cookie["value"]


@pytest.fixture
def ada(session: str, demo: Program, visit: Visit) -> Visitor:
    return visit(demo, who="session")


def ready(page: Page) -> None:
    """Comes back to the page until a fault could be started: agents report and no run holds the service."""
    start = page.get_by_role("button", name="Review and start")
    for _ in range(200):
        if start.is_enabled() and page.get_by_text("Would be refused").count() == 0:
            return
        page.reload()
    raise AssertionError(page.locator("main").inner_text())


def started(page: Page, origin: str, *, delay: str, share: str, seconds: str) -> None:
    """Fills the quick fault of the shop, reviews it, and starts it."""
    page.goto(f"{origin}/services/shop")
    ready(page)
    panel = page.locator("#quick-fault")
    for label, value in (("Added delay, ms", delay), ("Share, %", share), ("For, seconds", seconds)):
        panel.get_by_label(label).fill(value)
    page.get_by_role("button", name="Review and start").click()
    expect(page.get_by_role("heading", name="Start this fault on shop?")).to_be_visible()
    page.get_by_role("button", name="Start fault").click()
    page.wait_for_url(re.compile(r"/runs/\d+$"))


def test_an_engineer_breaks_the_shop_watches_it_and_stops_it(ada: Visitor) -> None:
    page = ada.page()
    started(page, ada.origin, delay="700", share="100", seconds="120")
    expect(page.locator("#liveness")).to_have_text("Live")
    expect(page.locator("#state")).to_contain_text("Fault active")
    expect(page.locator("#harm-now .count")).to_have_text("1")
    # The first hit puts a diamond on the first lane, without a reload.
    expect(page.locator('svg[aria-label^="effective"] .seen')).to_be_visible()
    expect(page.locator("#readouts")).to_contain_text("of 2:00")

    beside = ada.open("/services/shop")
    expect(beside.locator("#standing")).to_contain_text("Fault active")
    expect(beside.locator("#golden .faulted").first).to_be_visible()
    latency = beside.locator("figure", has=beside.locator("#chart-latency")).locator(".value")
    expect(latency).to_have_text(re.compile(r"^[789]\d\d\s*ms p99"))
    expect(beside.locator("#quick-start")).to_contain_text("holds shop")

    page.get_by_role("button", name="Abort run").click()
    dialog = page.get_by_role("dialog", name=re.compile("Abort run"))
    expect(dialog).to_contain_text("within 5 s")
    dialog.get_by_label("Reason").fill("seen enough")
    dialog.get_by_role("button", name="Abort run").click()
    expect(page.locator("#verdict")).to_contain_text("Aborted")
    expect(page.locator("#verdict")).to_contain_text("seen enough")
    expect(page.locator("#receipts")).to_contain_text("withdrawn by the portal")
    expect(page.locator("#harm-now .count")).to_have_text("0")
    expect(page.locator("#liveness")).to_contain_text(re.compile("Final|As of"))
    expect(beside.locator("#golden .reverted").first).to_be_visible()


def test_stop_all_ends_the_fault_from_any_page(ada: Visitor) -> None:
    page = ada.page()
    started(page, ada.origin, delay="400", share="30", seconds="90")
    elsewhere = ada.open("/experiments")
    elsewhere.get_by_role("button", name="STOP ALL").click()
    dialog = elsewhere.get_by_role("dialog", name="Stop every fault in demo?")
    expect(dialog).to_contain_text("Latency +400")
    dialog.get_by_role("button", name="Stop all faults now").click()
    elsewhere.wait_for_url(re.compile(r"/runs/\d+$"))
    expect(elsewhere.locator("#verdict")).to_contain_text("STOP ALL")
    expect(page.locator("#verdict")).to_contain_text("Aborted")


def test_typing_is_not_disturbed_while_the_page_is_kept_fresh(ada: Visitor) -> None:
    page = ada.open("/services/shop")
    expect(page.locator("#liveness")).to_have_text("Live")
    page.get_by_text("Spread and guardrail").click()
    field = page.get_by_label("Abort at errors of")
    field.fill("33")
    clock = page.locator("#as-of").inner_text()
    expect(page.locator("#as-of")).not_to_have_text(clock)
    expect(field).to_have_value("33")
    expect(field).to_be_focused()
    expect(page.locator("#preview")).to_contain_text("What will happen")


def test_a_field_that_cannot_be_used_says_what_would_be_right(ada: Visitor) -> None:
    page = ada.open("/services/shop")
    page.get_by_label("Added delay").fill("soon")
    expect(page.locator("#preview")).to_contain_text("a duration such as 500ms")
    page.get_by_role("button", name="Review and start").click()
    field = page.get_by_label("Added delay")
    expect(field).to_have_value("soon")
    expect(field).to_have_attribute("aria-invalid", "true")
    ada.faults = [fault for fault in ada.faults if "422" not in fault]


def test_without_script_a_fault_is_started_and_everything_stopped(
    session: str, demo: Program, visit: Visit
) -> None:
    page = visit(demo, who="session", size=PHONE, java_script_enabled=False).page()
    started(page, demo.portal, delay="300", share="20", seconds="60")
    expect(page.locator(".recorder svg").first).to_be_visible()
    expect(page.locator("#liveness")).to_have_text("As of")
    page.goto(f"{demo.portal}/stop-all")
    expect(page.get_by_role("heading", name="Stop every fault in demo?")).to_be_visible()
    page.locator("main").get_by_role("button", name="Stop all faults now").click()
    page.wait_for_url(re.compile(r"/runs/\d+$"))
    for _ in range(60):
        if page.locator("#verdict").is_visible():
            break
        page.reload()
    expect(page.locator("#verdict")).to_contain_text("Aborted")


def test_a_flag_is_switched_off_and_the_page_says_who_has_it(ada: Visitor) -> None:
    onlooker = ada.open("/flags?set=shop")
    expect(onlooker.locator("#liveness")).to_have_text("Live")
    page = ada.open("/flags/shop/checkout-open")
    for act in ("Disable", "Enable"):
        page.get_by_role("link", name=act).click()
        page.get_by_label("Reason").fill("a journey")
        page.get_by_role("button", name=act).click()
        expect(page.locator("#flag-since")).to_contain_text("a journey")
        expect(page.locator("#flag-seen")).to_contain_text(re.compile(r"1 of 1 in [\d.]+\s*ms"))
        state = f"{act.lower()}d"
        expect(onlooker.locator("[id='flag-shop/checkout-open']")).to_contain_text(state)
    expect(page.locator("#history")).to_contain_text("1 line new, 1 gone")

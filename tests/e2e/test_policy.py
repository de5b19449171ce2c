"""The Content-Security-Policy in a real browser: no page breaks it, and what would break it is stopped."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from sre_portal.web.middleware.headers import FEATURES
from tests.e2e.conftest import Program, Visit
from tests.e2e.test_looks import PAGES

pytestmark = pytest.mark.xdist_group("stage")  # one server, one browser

LISTEN = """
addEventListener("securitypolicyviolation", event => {
  const known = JSON.parse(sessionStorage.getItem("violations") ?? "[]");
  known.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
  sessionStorage.setItem("violations", JSON.stringify(known));
});
"""


def test_no_page_breaks_the_policy(stage: Program, visit: Visit) -> None:
    """The visitor fails for what the console says; the event says it also where the console does not."""
    visitor = visit(stage, who="omar")
    visitor.context.add_init_script(LISTEN)
    page = visitor.page()
    for path in PAGES:
        page.goto(stage.portal + path)
    assert page.evaluate("JSON.parse(sessionStorage.getItem('violations') ?? '[]')") == []


def test_a_fragment_still_finds_its_way_into_the_page(stage: Program, visit: Visit) -> None:
    page = visit(stage, who="omar").open("/services/shop")
    page.get_by_label("Share, %").fill("700")
    expect(page.locator("#preview")).to_contain_text("percent")


@pytest.mark.parametrize(
    ("attack", "directive"),
    [
        ("document.body.innerHTML = '<img src=x>'", "require-trusted-types-for"),
        (
            "document.body.append(new DOMParser().parseFromString('<b>', 'text/html').body)",
            "require-trusted-types-for",
        ),
        ("trustedTypes.createPolicy('mine', {})", "trusted-types"),
        (
            "document.body.append(Object.assign(document.createElement('style'), {textContent: 'b{}'}))",
            "style-src-elem",
        ),
        ("document.body.append(Object.assign(new Image(), {src: 'https://evil.example/'}))", "img-src"),
        ("fetch('https://evil.example/').catch(() => {})", "connect-src"),
        (
            "document.body.append(Object.assign(document.createElement('iframe'), {src: '/status'}))",
            "frame-src",
        ),
        (
            "document.head.append(Object.assign(document.createElement('base'), {href: 'https://evil.example'}))",
            "base-uri",
        ),
    ],
)
def test_what_an_injected_script_would_try_is_stopped(
    stage: Program, visit: Visit, attack: str, directive: str
) -> None:
    visitor = visit(stage, who="omar")
    page = visitor.page()
    page.goto(stage.portal + "/status")
    told = page.evaluate(
        f"""() => new Promise(done => {{
            addEventListener("securitypolicyviolation", event => done(event.violatedDirective));
            try {{ {attack} }} catch {{}}
        }})"""
    )
    assert told == directive
    visitor.faults.clear()  # the console tells the violation that was asked for


def test_no_feature_of_the_browser_is_open_that_reaches_a_device(stage: Program, visit: Visit) -> None:
    page = visit(stage, who="omar").open("/status")
    known = set(page.evaluate("document.featurePolicy.features()"))
    assert known >= set(FEATURES)  # what Chromium does not know it complains about on each page
    allowed = set(page.evaluate("document.featurePolicy.allowedFeatures()"))
    assert not allowed & set(FEATURES)
    assert not allowed & {"camera", "microphone", "geolocation", "usb", "serial", "hid", "midi", "payment"}

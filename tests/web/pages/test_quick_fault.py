from __future__ import annotations

import re
from collections.abc import Mapping

import httpx2
import pytest

from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.core.experiment import AbortFault, ErrorFault, LatencyFault
from sre_portal.web.pages.quick_fault import QuickFault, expected_words, quick_fault_document
from sre_portal.web.pages.quick_form import DEFAULTS, errors_bound, field_of, filled
from tests.web.pages.conftest import Read
from tests.web.pages.markup import Markup
from tests.web.pages.scene import OMAR, Scene, scene


def fields(**given: str) -> dict[str, str]:
    return {**DEFAULTS, "service": "shop", **given}


def test_the_defaults_make_a_document_with_guardrails_and_expectations() -> None:
    experiment = quick_fault_document(fields(), scene(quiet=True).ports)
    fault = experiment.spec.faults[0]
    assert isinstance(fault, LatencyFault)
    assert fault.delay.total_seconds() == 0.6
    assert experiment.name == "quick-latency-shop"
    assert [one.type for one in experiment.spec.guardrails] == ["traffic", "errors"]
    assert re.search(r"error-rate of [a-z-]+ fires", expected_words(experiment))
    assert "9 alerts silent" in expected_words(experiment)


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"fault": "error", "status": "500"}, ErrorFault),
        ({"fault": "abort"}, AbortFault),
        ({"distribution": "normal", "spread_ms": "50"}, LatencyFault),
    ],
)
def test_every_choice_of_the_panel_is_a_fault(given: Mapping[str, str], fault: type) -> None:
    experiment = quick_fault_document(fields(**given), scene(quiet=True).ports)
    assert isinstance(experiment.spec.faults[0], fault)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"delay_ms": "soon"}, "delay_ms"),
        ({"distribution": "normal", "spread_ms": "-1"}, "spread_ms"),
        ({"distribution": "odd"}, "distribution"),
        ({"fault": "error", "status": "teapot"}, "status"),
        ({"percent": "140"}, "percent"),
        ({"of": "cats"}, "of"),
        ({"duration_s": "0"}, "duration_s"),
        ({"route": "no-slash"}, "route"),
        ({"errors_below": "200"}, "errors_below"),
    ],
)
def test_a_problem_is_shown_at_its_field_and_what_was_typed_is_kept(
    given: Mapping[str, str], field: str
) -> None:
    here = scene(quiet=True)
    view = QuickFault.of(here.ports, OMAR, "shop", fields(**given))
    assert field in view.problems
    assert view.values == {**DEFAULTS, **given}
    assert view.effect is None
    with pytest.raises(InvalidInput):
        quick_fault_document(fields(**given), here.ports)


def test_every_problem_is_told_at_once() -> None:
    view = QuickFault.of(
        scene(quiet=True).ports, OMAR, "shop", fields(delay_ms="x", percent="y", duration_s="z")
    )
    assert set(view.problems) == {"delay_ms", "percent", "duration_s"}


@pytest.mark.parametrize(
    ("given", "bound"),
    [
        ({}, "10"),
        ({"errors_below": "3"}, "3"),
        ({"fault": "error", "percent": "20"}, "40"),
        ({"fault": "abort", "percent": "60"}, ""),
        ({"fault": "error", "percent": "half"}, "100"),
    ],
)
def test_errors_that_are_asked_for_do_not_abort_the_run(given: Mapping[str, str], bound: str) -> None:
    assert errors_bound(filled(given)) == bound


def test_a_problem_of_no_field_is_not_lost() -> None:
    assert field_of(Problem("metadata.name", "x", "y")) == ""


async def test_the_preview_says_what_will_happen(here: Scene, read: Read) -> None:
    page = await read("/services/shop/preview?fault=latency&delay_ms=900&percent=30&duration_s=60")
    assert page.faults == []
    text = page.by_id("preview").text
    for words in ("What will happen", "p99", "up to", "error-rate of shop-latency fires", "5 s leases"):
        assert words in text


async def test_the_preview_of_a_wrong_field_says_what_would_be_right(read: Read) -> None:
    page = await read("/services/shop/preview?delay_ms=soon")
    assert "a duration such as 500ms" in page.by_id("preview").text


async def test_while_a_run_holds_the_service_nothing_can_be_started(read: Read) -> None:
    page = await read("/services/payments")
    assert "Run 2417 holds payments" in page.by_id("quick-start").text
    assert "Would be refused" not in page.words


async def test_the_address_fills_the_panel(read: Read) -> None:
    page = await read("/services/shop?fault=error&status=500&percent=12")
    values = {
        one.attributes["name"]: one.attributes.get("value")
        for one in page.all("input")
        if not one.attributes.get("type")
    }
    assert (values["status"], values["percent"], values["delay_ms"]) == ("500", "12", "600")
    checked = [one for one in page.all("input", type="radio") if "checked" in one.attributes]
    assert [one.attributes["value"] for one in checked] == ["error"]


async def test_the_review_says_what_will_happen_and_starts_with_what_was_typed(
    here: Scene, browser: httpx2.AsyncClient
) -> None:
    form = {**DEFAULTS, "delay_ms": "700", "csrf": "csrf-of-omar"}
    answer = await browser.post("/services/shop/review", data=form)
    page = Markup(answer.text)
    assert (answer.status_code, page.faults) == (200, [])
    kept = page.fields("/services/shop/quick-fault")
    assert (kept["delay_ms"], kept["csrf"]) == ("700", "csrf-of-omar")
    for words in (
        "Latency +700",
        "50 % of requests",
        "1 m 30 s",
        "Expected",
    ):
        assert words in page.words
    assert any("delay_ms=700" in link for link in page.links())


async def test_a_review_of_what_cannot_be_used_keeps_what_was_typed(browser: httpx2.AsyncClient) -> None:
    form = {**DEFAULTS, "delay_ms": "<soon>", "csrf": "csrf-of-omar"}
    answer = await browser.post("/services/shop/review", data=form)
    page = Markup(answer.text)
    assert (answer.status_code, page.faults) == (422, [])
    delay = next(one for one in page.all("input") if one.attributes.get("name") == "delay_ms")
    assert delay.attributes["value"] == "<soon>"
    assert delay.attributes["aria-invalid"] == "true"


async def test_a_start_that_is_refused_says_every_reason(browser: httpx2.AsyncClient) -> None:
    form = {**DEFAULTS, "csrf": "csrf-of-omar"}
    answer = await browser.post("/services/payments/quick-fault", data=form)
    page = Markup(answer.text)
    assert (answer.status_code, page.faults) == (409, [])
    assert "overlap: run 2417" in page.words


async def test_a_viewer_may_not_review(here: Scene, browser: httpx2.AsyncClient) -> None:
    browser.cookies.set("sre_portal_session", here.sessions["vera"])
    answer = await browser.post("/services/shop/review", data={**DEFAULTS, "csrf": "csrf-of-vera"})
    assert answer.status_code == 403

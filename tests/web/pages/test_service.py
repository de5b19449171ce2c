from __future__ import annotations

import json
from dataclasses import replace

import httpx2
import pytest
from fastapi import FastAPI

from sre_portal.core.alert import AlertChange, AlertState
from sre_portal.core.run import Run
from sre_portal.core.signal import Signal
from sre_portal.web.pages.axis import Axis
from sre_portal.web.pages.event import Event, events_of, flags_of, stretches_of
from sre_portal.web.pages.golden import RANGES, Range, summed
from sre_portal.web.pages.services import service_page
from sre_portal.web.pages.status import headline_of, state_of
from tests.web.pages.conftest import Read
from tests.web.pages.memory import NOW
from tests.web.pages.scene import Scene


async def test_every_chart_has_the_same_axis_bands_and_letters(here: Scene) -> None:
    view = await service_page(here.ports, "payments", RANGES[0])
    assert [chart.title for chart in view.charts] == ["Requests", "Errors", "Latency", "Burn rate"]
    for chart in view.charts:
        assert chart.plot.stretches == view.charts[0].plot.stretches
        assert chart.plot.flags == view.charts[0].plot.flags
        assert chart.plot.ticks == view.charts[0].plot.ticks
    assert [one.kind for one in view.charts[0].plot.stretches] == ["faulted"]
    assert [marker.letter for marker in view.markers] == ["A"]


async def test_a_fault_that_ended_is_violet_and_one_that_lasts_is_red(here: Scene) -> None:
    view = await service_page(here.ports, "payments", RANGES[1])
    assert [one.kind for one in view.charts[0].plot.stretches] == ["faulted", "reverted"]


async def test_the_values_behind_a_line_are_there_for_the_cursor(here: Scene) -> None:
    view = await service_page(here.ports, "payments", RANGES[0])
    series = json.loads(view.charts[0].series)
    known = [value for value in series["values"] if value is not None]
    assert (series["step"], series["unit"], len(known)) == (1, "/s", 300)
    assert all(30 < value < 50 for value in known)


async def test_an_objective_is_a_dashed_line_with_its_name(here: Scene) -> None:
    view = await service_page(here.ports, "payments", RANGES[0])
    latency = next(chart for chart in view.charts if chart.title == "Latency")
    assert [rule.label for rule in latency.plot.rules] == ["objective 200\N{NARROW NO-BREAK SPACE}ms"]


@pytest.mark.parametrize("shown", RANGES)
async def test_every_range_has_points(shown: Range, here: Scene) -> None:
    view = await service_page(here.ports, "payments", shown)
    assert view.charts[0].plot.strokes[0].d


async def test_a_run_that_proved_an_alert_is_named_beside_it(here: Scene) -> None:
    view = await service_page(here.ports, "payments", RANGES[0])
    cells = [(row.slo, one) for row in view.alerts.rows for one in row.cells]
    proven = [(slo, one.name, one.proof_run) for slo, one in cells if one.proof_run]
    assert proven == [("payments-latency", "error-rate", 2416)]


async def test_an_instance_says_which_lease_it_holds(read: Read) -> None:
    text = (await read("/services/payments")).by_id("instances").text
    assert text.count("Holds a lease") == 2
    assert "run 2417" in text


async def test_budgets_show_planned_and_organic_burn(read: Read) -> None:
    text = " ".join((await read("/services/payments")).by_id("budgets").text.split())
    for words in (
        "payments-availability",
        "payments-latency",
        "Planned burn",
        "Organic burn",
        "Budget left, 30 d",
    ):
        assert words in text


async def test_a_service_without_reports_and_slos_says_so(here: Scene, read: Read) -> None:
    here.watch.instances = ()
    page = await read("/services/shop")
    assert "No agent has reported" in page.words
    assert "Would be refused. agents" in page.words


def test_letters_step_aside_and_their_lines_do_not() -> None:
    events = [Event(at, "x") for at in (10, 11, 12, 90)]
    flags = flags_of(events, Axis(0, 100))
    assert [flag.x for flag in flags] == ["10.00%", "11.00%", "12.00%", "90.00%"]
    assert [flag.letter_x for flag in flags] == ["10.00%", "14.50%", "19.00%", "90.00%"]


def test_events_are_what_happened_in_the_stretch(here: Scene) -> None:
    run: Run = here.live()
    at = NOW
    changes = [
        AlertChange("payments-latency", "payments", "error-rate", state, at, 0.5)
        for state in (AlertState.PENDING, AlertState.FIRING)
    ]
    end = int(NOW.timestamp()) + 1
    found = events_of([run], changes, Axis(end - 300, end))
    assert [one.text.split(",")[0] for one in found] == ["first request hit", "error-rate firing"]
    assert events_of([run], changes, Axis(end - 3000, end - 2000)) == []
    assert stretches_of([run], Axis(end - 3000, end - 2000)) == ()


def test_a_day_of_minutes_is_summed_to_the_step() -> None:
    points = summed([Signal(0, 10, 1, {9: 10}), Signal(60, 20, 0, {9: 20}), Signal(600, 5)], 600)
    assert [(one.at, one.requests, one.errors) for one in points] == [(0, 30, 1), (600, 5, 0)]


async def test_the_list_of_services_says_what_is_promised_and_who_reports(read: Read) -> None:
    text = (await read("/services")).words
    for words in ("8 services, 4 healthy", "99.9 % without errors", "99 % within 200 ms", "2 instances"):
        assert words in text


async def test_the_library_says_what_was_learned(read: Read) -> None:
    text = (await read("/experiments")).words
    for words in ("3 documents, 2 run so far", "Fault active", "Invalid", "never run"):
        assert words in text


async def test_an_experiment_shows_its_document_and_what_it_would_do(read: Read) -> None:
    page = await read("/experiments/aborts-for-some")
    document = next(one for one in page.all("pre"))
    assert "kind: Experiment" in document.text
    assert page.fields("/experiments/aborts-for-some/run")["csrf"] == "csrf-of-omar"
    assert "What will happen" in page.words


async def test_an_experiment_that_names_what_is_not_there_cannot_be_started(
    app: FastAPI, here: Scene, read: Read
) -> None:
    held = tuple(slo for slo in here.catalogue.held_slos if slo.name != "shop-availability")
    app.state.ports = replace(here.ports, catalogue=replace(here.catalogue, held_slos=held))
    page = await read("/experiments/aborts-for-some")
    assert "shop-availability" in page.words
    buttons = [one for one in page.all("button") if one.text == "Start run"]
    assert [one.attributes.get("aria-disabled") for one in buttons] == ["true"]


@pytest.mark.parametrize(
    ("states", "headline"),
    [
        (["up", "up"], "Everything works"),
        (["up", "slow"], "Slower than usual"),
        (["slow", "down", "unknown"], "Some requests fail"),
        (["up", "unknown"], "Not everything is known"),
        ([], "Nothing is watched yet"),
    ],
)
def test_the_public_headline_is_the_worst(states: list[str], headline: str) -> None:
    assert headline_of(states)[0] == headline


def test_a_service_is_slow_where_its_latency_objective_is_missed(here: Scene) -> None:
    end = int(NOW.timestamp())
    own = [slo for slo in here.catalogue.slos() if slo.spec.service == "payments"]
    assert state_of(here.ports, own, end - 300, end) == "slow"
    assert state_of(here.ports, own[:1], end - 300, end) == "up"
    assert state_of(here.ports, [], end - 300, end) == "unknown"


async def test_the_public_page_may_be_cached(browser: httpx2.AsyncClient) -> None:
    browser.cookies.clear()
    answer = await browser.get("/status")
    assert answer.headers["cache-control"].startswith("public, max-age=")
    assert "Slower than usual" in answer.text

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from fastapi import FastAPI

from sre_portal.core.alert import AlertState
from sre_portal.core.instance import Instance
from sre_portal.web.pages.overview import OverviewPage, summary_of
from sre_portal.web.pages.standing import Severity, judge_severity, standings
from tests.web.pages.conftest import Read
from tests.web.pages.scene import OMAR, Scene, scene


def names(view: OverviewPage) -> list[str]:
    return [row.name for row in view.rows]


def test_the_worst_comes_first(here: Scene) -> None:
    view = OverviewPage.of(here.ports, OMAR, ())
    assert names(view)[:4] == ["payments", "search", "checkout", "notifications"]
    assert view.summary == "8 services: 1 under fault, 1 short of budget, 1 burning, 1 not heard of"


def test_at_risk_leaves_out_what_is_healthy(here: Scene) -> None:
    view = OverviewPage.of(here.ports, OMAR, (), show="risk")
    assert (names(view), view.all_count, view.risk_count) == (
        ["payments", "search", "checkout", "notifications"],
        8,
        4,
    )


def test_the_search_narrows_the_rows(here: Scene) -> None:
    assert names(OverviewPage.of(here.ports, OMAR, (), query="CAT")) == ["notifications", "catalogue"]


async def test_the_address_holds_filter_and_search(read: Read) -> None:
    page = await read("/?show=risk&q=pay")
    assert [row.attributes["data-name-of"] for row in page.elements if "data-name-of" in row.attributes] == [
        "payments"
    ]
    assert page.all("input", type="search")[0].attributes["value"] == "pay"


async def test_a_live_run_has_a_banner_that_says_what_it_does_and_how_to_end_it(read: Read) -> None:
    page = await read("/")
    banner = page.by_id("banner").text
    for words in ("Fault active", "Latency +600", "omar", "ends by itself at 12:08:49 UTC", "escrow"):
        assert words in banner
    assert {"/runs/2417", "/runs/2417/abort"} <= page.links()


def test_without_a_run_there_is_no_banner_and_no_fault() -> None:
    view = OverviewPage.of(scene(quiet=True).ports, OMAR, ())
    assert view.banners == ()
    assert all(row.fault is None for row in view.rows)


async def test_an_alert_that_the_run_set_off_is_told_from_an_organic_one(read: Read) -> None:
    firing = (await read("/")).by_id("firing").text
    assert "run 2417" in firing
    assert "organic" in firing


async def test_a_service_that_fell_silent_is_stale_and_its_fault_unknown(read: Read) -> None:
    row = (await read("/")).by_id("service-notifications")
    assert "Stale 9\N{NARROW NO-BREAK SPACE}m 42\N{NARROW NO-BREAK SPACE}s" in row.text
    assert "unknown" in row.text
    assert row.attributes["data-is"] == "stale"


async def test_last_verdicts_say_when_the_alert_came_against_the_prediction(read: Read) -> None:
    verdicts = (await read("/")).by_id("verdicts").text
    for words in ("Passed", "Failed", "Invalid", "Aborted", "Inconclusive", "in band", "0:27 late"):
        assert words in verdicts


async def test_an_empty_portal_says_what_to_do(app: FastAPI, here: Scene, read: Read) -> None:
    nothing = replace(here.catalogue, held_slos=(), held_experiments=())
    app.state.ports = replace(here.ports, catalogue=nothing)
    here.watch.instances = ()
    here.watch.live = {}
    here.runs.held = {}
    assert "No service yet" in (await read("/")).words
    assert "No experiment yet" in (await read("/experiments")).words
    assert "No run here" in (await read("/runs")).words


@pytest.mark.parametrize(
    ("left", "state", "silent_s", "faulted", "severity"),
    [
        (0.9, AlertState.INACTIVE, 0.5, False, Severity.HEALTHY),
        (0.9, AlertState.INACTIVE, 0.5, True, Severity.FAULT),
        (0.9, AlertState.INACTIVE, 60, True, Severity.FAULT),
        (0.9, AlertState.INACTIVE, 60, False, Severity.STALE),
        (0.9, AlertState.INACTIVE, None, False, Severity.SILENT),
        (0.9, AlertState.PENDING, 0.5, False, Severity.HEALTHY),
        (0.9, AlertState.FIRING, 0.5, False, Severity.BURNING),
        (0.2, AlertState.INACTIVE, 0.5, False, Severity.SHORT),
        (0.0, AlertState.FIRING, 0.5, False, Severity.SPENT),
        (-0.1, AlertState.INACTIVE, 60, False, Severity.STALE),
    ],
)
def test_what_is_worst_decides(
    left: float, state: AlertState, silent_s: float | None, faulted: bool, severity: Severity
) -> None:
    found = next(one for one in standings(scene().ports) if one.service == "cart").slos[0]
    alert = replace(found.alerts[0], state=state)
    slo = replace(found, budget=replace(found.budget, left_ratio=left), alerts=(alert,))
    silence = None if silent_s is None else timedelta(seconds=silent_s)
    assert judge_severity([slo], silence, faulted=faulted) is severity


def test_a_service_that_only_its_agent_knows_is_shown(here: Scene) -> None:
    stranger: Instance = replace(here.watch.instances[0], service="stranger")
    here.watch.instances = (*here.watch.instances, stranger)
    view = OverviewPage.of(here.ports, OMAR, ())
    row = next(row for row in view.rows if row.name == "stranger")
    assert (row.meter, row.burn_5m.text, row.requests.text) == (None, "no data", "no data")


def test_a_healthy_portal_says_so() -> None:
    found = [one for one in standings(scene(quiet=True).ports) if one.severity is Severity.HEALTHY]
    assert summary_of(found) == f"{len(found)} services: all healthy"


async def test_nothing_at_risk_says_so(app: FastAPI, read: Read) -> None:
    quiet = scene(quiet=True)
    healthy = tuple(slo for slo in quiet.catalogue.slos() if slo.spec.service in {"shop", "cart"})
    quiet.watch.instances = tuple(one for one in quiet.watch.instances if one.service in {"shop", "cart"})
    nothing = replace(quiet.catalogue, held_slos=healthy, held_experiments=())
    app.state.ports = replace(quiet.ports, catalogue=nothing, sessions=app.state.ports.sessions)
    page = await read("/?show=risk")
    assert "Nothing is at risk" in page.by_id("none-shown").text
    assert "hidden" not in page.by_id("none-shown").attributes
    assert "hidden" in (await read("/")).by_id("none-shown").attributes

"""The JSON API: what it answers, and what bad input gets."""

from __future__ import annotations

import json

import pytest

from sre_portal.core.run import Phase
from sre_portal.web.body_size import LARGEST_BODY_BYTES
from tests.operations.world import EXPERIMENT
from tests.web.door import Door

BAD = {
    "an unknown key": (EXPERIMENT.replace("duration: 20s", "duration: 20s\n  colour: red"), "spec.colour"),
    "a wrong type": (EXPERIMENT.replace("percent: 50", "percent: many"), "spec.target.share.percent"),
    "over 100 percent": (EXPERIMENT.replace("percent: 50", "percent: 150"), "spec.target.share.percent"),
    "a negative duration": (EXPERIMENT.replace("duration: 20s", "duration: -20s"), "spec.duration"),
    "no end": (EXPERIMENT.replace("  duration: 20s\n", ""), "spec.duration"),
    "an unknown service": (
        EXPERIMENT.replace("{service: shop, share", "{service: shap, share"),
        "spec.target.service",
    ),
    "an unknown route": (
        EXPERIMENT.replace("{service: shop, share", "{service: shop, route: /nowhere, share"),
        "spec.target.route",
    ),
    "an unknown SLO": (
        EXPERIMENT.replace("slo: shop-availability, alert", "slo: shop, alert"),
        "spec.expectations[0].slo",
    ),
    "not YAML": ("spec: [", ""),
    "empty": ("", ""),
}


@pytest.mark.parametrize("case", BAD)
async def test_bad_input_gets_its_path_the_value_and_what_would_be_right(door: Door, case: str) -> None:
    text, path = BAD[case]
    answer = await door.client("ada").post("/api/v1/runs", json={"document": text})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problems = answer.json()["problems"]
    assert any(problem["path"].endswith(path) and problem["expected"] for problem in problems), problems
    assert not door.world.ports.watch.live


async def test_every_problem_comes_at_once(door: Door) -> None:
    text = EXPERIMENT.replace("percent: 50", "percent: 150").replace("duration: 20s", "duration: soon")
    answer = await door.client("ada").post("/api/v1/runs", json={"document": text})
    assert len(answer.json()["problems"]) == 2


async def test_a_run_is_started_read_and_ended(door: Door) -> None:
    client = door.client("ada")
    started = (await client.post("/api/v1/runs", json={"document": EXPERIMENT})).json()
    assert (started["live"], started["phase"]) == (True, "inject")
    await door.world.until(Phase.OBSERVE, started["id"])
    aborted = (await client.post(f"/api/v1/runs/{started['id']}/abort", json={"reason": "enough"})).json()
    assert aborted["phase"] in {"revert", "judge", "done"}
    await door.world.finish(started["id"])
    shown = (await client.get(f"/api/v1/runs/{started['id']}")).json()
    assert shown["verdict"] == "aborted"
    assert shown["reasons"]
    assert shown["timeline"]["effective_at"]
    assert shown["timeline"]["reverted_at"]


async def test_a_refusal_names_every_objection(door: Door) -> None:
    client = door.client("ada")
    await client.post("/api/v1/runs", json={"document": EXPERIMENT})
    answer = await client.post("/api/v1/runs", json={"document": EXPERIMENT})
    assert answer.status_code == 409
    assert [one["guard"] for one in answer.json()["objections"]] == ["overlap"]


async def test_lint_starts_nothing(door: Door) -> None:
    client = door.client("vera")
    good = await client.post("/api/v1/experiments/lint", json={"document": EXPERIMENT})
    assert good.json()["problems"] == []
    bad = await client.post("/api/v1/experiments/lint", json={"document": BAD["no end"][0]})
    assert bad.json()["problems"]
    assert not door.world.ports.watch.live


async def test_predict_tells_the_band_and_starts_nothing(door: Door) -> None:
    answer = await door.client("vera").post("/api/v1/experiments/predict", json={"document": EXPERIMENT})
    alerts = {one["alert"]: one for one in answer.json()["alerts"]}
    assert alerts["error-rate"]["outcome"] == "fires"
    assert not door.world.ports.watch.live


@pytest.mark.parametrize(
    "path",
    [
        "/runs",
        "/experiments",
        "/slos",
        "/services",
        "/services/shop",
        "/services/shop/signals?seconds=60",
        "/alerts",
        "/audit",
    ],
)
async def test_what_a_page_shows_the_api_returns(door: Door, path: str) -> None:
    answer = await door.client("ada").get(f"/api/v1{path}")
    assert answer.status_code == 200
    assert answer.json() is not None


@pytest.mark.parametrize("path", ["/runs/999", "/services/nothing", "/runs/999/journal"])
async def test_what_is_not_there_is_not_found(door: Door, path: str) -> None:
    assert (await door.client("ada").get(f"/api/v1{path}")).status_code == 404


@pytest.mark.parametrize(
    "path", ["/runs/abc", "/runs?limit=0", "/runs?limit=x", "/services/shop/signals?seconds=-1"]
)
async def test_a_bad_parameter_is_told_with_its_name(door: Door, path: str) -> None:
    answer = await door.client("ada").get(f"/api/v1{path}")
    assert answer.status_code == 422
    assert answer.json()["problems"][0]["path"]


async def test_a_body_over_the_limit_is_refused_before_it_is_read(door: Door) -> None:
    answer = await door.client("ada").post("/api/v1/runs", content=b"x" * (LARGEST_BODY_BYTES + 1))
    assert answer.status_code == 413


async def test_a_report_that_is_no_report_is_refused(door: Door) -> None:
    for body in (b"", b"{", b"[]", json.dumps({"service": "shop"}).encode()):
        answer = await door.client("agent").post("/agents/v1/reports", content=body)
        assert answer.status_code == 422


async def test_metrics_need_a_token_of_the_least_role(door: Door) -> None:
    assert (await door.client().get("/metrics")).status_code == 401
    assert "sre_portal_live_runs 0.0" in (await door.client("vera").get("/metrics")).text


async def test_the_probes_answer_without_login(door: Door) -> None:
    client = door.client()
    assert (await client.get("/healthz")).status_code == 200
    assert (await client.get("/readyz")).status_code == 200


async def test_a_loop_that_stands_still_is_not_ready(door: Door) -> None:
    door.world.clock.move(60)
    assert (await door.client().get("/readyz")).status_code == 503


async def test_the_public_status_page_holds_no_internals(door: Door) -> None:
    page = (await door.client().get("/status")).text
    for secret in ("shop-1", "lease", "admin", "SQLite"):
        assert secret not in page


async def test_the_api_describes_itself(door: Door) -> None:
    described = (await door.client("vera").get("/api/v1/openapi.json")).json()
    assert "/api/v1/runs" in described["paths"]

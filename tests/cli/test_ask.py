"""The commands that ask one thing."""

import json
from collections.abc import Mapping

import pytest

from tests.cli.conftest import Invoke
from tests.cli.stub import Reply, StubPortal, run_json

EXPERIMENTS = [
    {"name": "latency-checkout", "title": "Slow", "service": "shop", "last_run": run_json(verdict="passed")},
    {"name": "slow-payments", "title": "Slower", "service": "payments", "last_run": None},
]


def test_experiments_are_listed_with_their_last_run(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("GET /experiments", Reply(200, EXPERIMENTS))
    assert invoke("experiment", "list").stdout.splitlines() == [
        "NAME              SERVICE   LAST RUN        TITLE",
        "latency-checkout  shop      passed (run 7)  Slow",
        "slow-payments     payments  never           Slower",
    ]


def test_runs_are_listed(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("GET /runs?limit=2", Reply(200, [run_json(), run_json(verdict="failed", id=6)]))
    assert invoke("run", "list", "--limit", "2").stdout.splitlines() == [
        "ID  EXPERIMENT        SERVICE  STATE    STARTED",
        "7   latency-checkout  shop     observe  2026-11-23 10:00:00 UTC",
        "6   latency-checkout  shop     failed   2026-11-23 10:00:00 UTC",
    ]


@pytest.mark.parametrize(
    ("command", "route", "text"),
    [
        (["experiment", "list"], "GET /experiments", "The portal holds no experiment.\n"),
        (["run", "list"], "GET /runs?limit=20", "There was no run yet.\n"),
    ],
)
def test_an_empty_list_says_so(
    invoke: Invoke, portal: StubPortal, command: list[str], route: str, text: str
) -> None:
    portal.on(route, Reply(200, []))
    assert invoke(*command).stdout == text


def test_a_run_is_shown_with_reasons_expectations_and_events(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("GET /runs/7", Reply(200, run_json(verdict="failed")))
    result = invoke("run", "show", "7")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Run 7 (A slow checkout pages us): failed",
        "  the alert fired 31 s after the first hit",
        "  met     error-rate fires: predicted 29 to 34 s; seen 31 s",
        f"  {portal.url}/runs/7",
        "    -1.0s  leases went out",
    ]


def test_a_run_is_aborted_with_a_reason(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("POST /runs/7/abort", Reply(200, run_json("revert")))
    result = invoke("run", "abort", "7", "--reason", "the wrong shop")
    assert (result.exit_code, result.stdout) == (0, "Run 7 is aborted.\n")
    assert portal.asked == [("POST /runs/7/abort", {"reason": "the wrong shop"})]


def test_aborting_a_run_that_is_over_says_how_it_ended(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("POST /runs/7/abort", Reply(200, run_json(verdict="passed")))
    assert invoke("run", "abort", "7").stdout == "Run 7 is over: passed.\n"


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ({"ended": [7, 8]}, "Every lease is withdrawn. Ended: run 7, run 8.\n"),
        ({"ended": []}, "Every lease is withdrawn. No run was under way.\n"),
    ],
)
def test_stop_all_says_what_it_ended(
    invoke: Invoke, portal: StubPortal, answer: Mapping[str, object], text: str
) -> None:
    portal.on("POST /stop-all", Reply(200, answer))
    assert invoke("stop-all").stdout == text


@pytest.mark.parametrize(
    ("command", "route", "answer"),
    [
        (["experiment", "list"], "GET /experiments", EXPERIMENTS),
        (["run", "list"], "GET /runs?limit=20", [run_json()]),
        (["run", "show", "7"], "GET /runs/7", run_json()),
        (["run", "abort", "7"], "POST /runs/7/abort", run_json("revert")),
        (["stop-all"], "POST /stop-all", {"ended": [7]}),
    ],
)
def test_with_json_the_answer_is_all_there_is_on_stdout(
    invoke: Invoke, portal: StubPortal, command: list[str], route: str, answer: object
) -> None:
    portal.on(route, Reply(200, answer))
    result = invoke(*command, "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == answer

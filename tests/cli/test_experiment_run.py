"""`sre-portal experiment run`: exit codes, what is said, and Ctrl-C."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke
from tests.cli.stub import NO_ANSWER, STARTED, Reply, StubPortal, in_turn, run_json


def starts(portal: StubPortal) -> None:
    portal.on("POST /runs", Reply(201, run_json("inject")))


@pytest.mark.parametrize(
    ("verdict", "code"), [("passed", 0), ("failed", 1), ("inconclusive", 3), ("invalid", 3), ("aborted", 4)]
)
def test_the_exit_code_is_the_verdict(
    portal: StubPortal, invoke: Invoke, document: Path, verdict: str, code: int
) -> None:
    starts(portal)
    portal.on("GET /runs/7", Reply(200, run_json(verdict=verdict)))
    result = invoke("experiment", "run", str(document))
    assert result.exit_code == code
    assert f"Run 7 (A slow checkout pages us): {verdict}" in result.stdout
    assert "the alert fired 31 s after the first hit" in result.stdout
    assert f"{portal.url}/runs/7" in result.stdout


def test_the_document_is_sent_as_it_is(portal: StubPortal, invoke: Invoke, document: Path) -> None:
    portal.on("POST /runs", Reply(201, run_json(verdict="passed")))
    invoke("experiment", "run", str(document))
    assert portal.asked == [("POST /runs", {"document": "kind: Experiment\n"})]


def test_a_log_has_each_event_once_also_one_that_was_learnt_of_late(
    portal: StubPortal, invoke: Invoke, document: Path
) -> None:
    def event(offset_s: float | None, text: str) -> dict[str, object]:
        return {"at": STARTED, "offset_s": offset_s, "kind": "note", "text": text}

    early, first = event(None, "start"), event(0.0, "hit")
    late, last = event(0.5, "pending"), event(1.0, "counted")
    starts(portal)
    seen = [
        Reply(200, run_json("observe", timeline={"events": [early, first, last]})),
        Reply(
            200,
            run_json(verdict="passed", timeline={"events": [{**early, "offset_s": -1}, first, late, last]}),
        ),
    ]
    portal.on("GET /runs/7", in_turn(*seen))
    lines = invoke("experiment", "run", str(document)).stdout.splitlines()
    assert lines[:6] == [
        "Run 7: A slow checkout pages us, started by omar",
        "    -1.0s  leases went out",
        "           start",
        "    +0.0s  hit",
        "    +1.0s  counted",
        "    +0.5s  pending",
    ]


def test_with_json_the_final_run_is_all_there_is_on_stdout(
    portal: StubPortal, invoke: Invoke, document: Path
) -> None:
    starts(portal)
    final = run_json(verdict="failed", extra={"of": "a newer portal"})
    portal.on("GET /runs/7", in_turn(Reply(200, run_json()), Reply(200, final)))
    result = invoke("experiment", "run", str(document), "--json")
    assert json.loads(result.stdout) == final
    assert (result.exit_code, result.stderr) == (1, "")


def test_an_invalid_document_is_bad_input_with_every_problem_on_its_line(
    portal: StubPortal, invoke: Invoke, document: Path
) -> None:
    problems = [
        {"path": "spec.duration", "seen": "'soon'", "expected": "a duration such as 45s"},
        {"path": "spec.target", "seen": "nothing", "expected": "a target"},
    ]
    portal.on("POST /runs", Reply.problem(422, "two problems", problems=problems))
    result = invoke("experiment", "run", str(document))
    assert result.exit_code == 2
    assert result.stderr.splitlines()[1:] == [
        "  spec.duration: 'soon'; expected a duration such as 45s",
        "  spec.target: nothing; expected a target",
    ]
    assert result.stdout == ""


def test_a_refused_run_proves_nothing_and_says_every_reason(
    portal: StubPortal, invoke: Invoke, document: Path
) -> None:
    objections = [{"guard": "agents", "reason": "no agent of shop is live"}]
    portal.on("POST /runs", Reply.problem(409, "no", objections=objections))
    result = invoke("experiment", "run", str(document), "--json")
    assert result.exit_code == 3
    assert "  agents: no agent of shop is live" in result.stderr
    told = json.loads(result.stdout)
    assert (told["exit_code"], told["objections"]) == (3, objections)


def test_a_portal_that_was_lost_for_a_moment_is_asked_again(
    portal: StubPortal, invoke: Invoke, document: Path
) -> None:
    starts(portal)
    replies = (
        NO_ANSWER,
        Reply.problem(503, "the database does not answer"),
        Reply(200, run_json(verdict="passed")),
    )
    portal.on("GET /runs/7", in_turn(*replies))
    result = invoke("experiment", "run", str(document))
    assert result.exit_code == 0
    assert "Trying on for 15 s." in result.stderr
    assert "The portal answers again." in result.stderr


def test_ctrl_c_aborts_waits_for_the_revert_and_exits_4(
    portal: StubPortal, invoke: Invoke, document: Path
) -> None:
    def interrupt() -> Reply:
        os.kill(os.getpid(), signal.SIGINT)
        portal.on(
            "GET /runs/7", in_turn(Reply(200, run_json("observe")), Reply(200, run_json(verdict="aborted")))
        )
        return Reply(200, run_json("observe"))

    starts(portal)
    portal.on("GET /runs/7", interrupt)
    portal.on("POST /runs/7/abort", Reply(200, run_json("revert")))
    result = invoke("experiment", "run", str(document), "--json")
    assert result.exit_code == 4
    assert "Ctrl-C again leaves at once" in result.stderr
    assert json.loads(result.stdout)["verdict"] == "aborted"
    assert [route for route, _ in portal.asked].count("POST /runs/7/abort") == 1


def test_ctrl_c_during_the_start_aborts_the_run_that_was_started(
    portal: StubPortal, invoke: Invoke, document: Path
) -> None:
    def interrupt() -> Reply:
        os.kill(os.getpid(), signal.SIGTERM)
        return Reply(201, run_json("inject"))

    portal.on("POST /runs", interrupt)
    portal.on("POST /runs/7/abort", Reply(200, run_json("revert")))
    portal.on("GET /runs/7", Reply(200, run_json(verdict="aborted")))
    assert invoke("experiment", "run", str(document)).exit_code == 4
    assert "POST /runs/7/abort" in [route for route, _ in portal.asked]


def test_a_second_ctrl_c_leaves_at_once_and_says_what_happens_to_the_fault(
    portal: StubPortal, invoke: Invoke, document: Path
) -> None:
    def interrupt(reply: Reply) -> Reply:
        os.kill(os.getpid(), signal.SIGINT)
        return reply

    starts(portal)
    portal.on("GET /runs/7", lambda: interrupt(Reply(200, run_json("observe"))))
    portal.on("POST /runs/7/abort", lambda: interrupt(NO_ANSWER))
    result = invoke("experiment", "run", str(document))
    assert result.exit_code == 4
    assert "Leases end by themselves within 5 s" in result.stderr


def test_a_run_that_was_over_before_the_abort_arrived_keeps_its_verdict(
    portal: StubPortal, invoke: Invoke, document: Path
) -> None:
    over = Reply(200, run_json(verdict="passed"))

    def interrupt() -> Reply:
        os.kill(os.getpid(), signal.SIGINT)
        portal.on("GET /runs/7", over)
        return Reply(200, run_json("judge"))

    starts(portal)
    portal.on("GET /runs/7", interrupt)
    portal.on("POST /runs/7/abort", over)
    assert invoke("experiment", "run", str(document)).exit_code == 0


def test_the_signals_are_python_s_own_again_after_a_run(
    portal: StubPortal, invoke: Invoke, document: Path
) -> None:
    before = signal.getsignal(signal.SIGINT)
    portal.on("POST /runs", Reply(201, run_json(verdict="passed")))
    invoke("experiment", "run", str(document))
    assert signal.getsignal(signal.SIGINT) == before

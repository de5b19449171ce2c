"""`sre-portal flags drills`, `certificate` and `verify`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sre_portal.core.certificate import certificates_of
from sre_portal.core.checkpoint import Signer
from sre_portal.core.run import Run, Verdict
from tests.cli.conftest import Invoke
from tests.cli.stub import Reply, StubPortal, run_json
from tests.unit.core.drills import drill_run, finished
from tests.unit.core.given import at

SIGNER = Signer("sre-portal/audit/test", b"a" * 32)
KEY = str(SIGNER.keys[0])
STANDING = {
    "flag_set": "shop",
    "flag": "recommendations",
    "standing": "drilled",
    "every_days": 30.0,
    "passed_at": "2026-11-25T12:00:00Z",
    "run": 12,
    "due_at": "2026-12-25T12:00:00Z",
}


def text_of(run: Run) -> str:
    return certificates_of(run, "f" * 64, SIGNER, at(60))[0].text


TEXT = text_of(finished(drill_run()))


def told(flag: str = "recommendations", text: str = TEXT) -> dict[str, object]:
    return {"run": 12, "flag_set": "shop", "flag": flag, "verdict": "passed", "certificate": text}


def test_switches_are_listed_and_one_that_is_due_is_an_exit_code(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("GET /drills", Reply(200, [STANDING]))
    result = invoke("flags", "drills")
    assert result.exit_code == 0
    assert "shop/recommendations" in result.stdout
    assert "drilled" in result.stdout
    never = {**STANDING, "standing": "never", "passed_at": None, "run": None, "due_at": None}
    portal.on("GET /drills?set=shop", Reply(200, [STANDING, never]))
    result = invoke("flags", "drills", "--set", "shop")
    assert (result.exit_code, "never drilled" in result.stdout) == (1, True)
    assert json.loads(invoke("flags", "drills", "--set", "shop", "--json").stdout)[1]["standing"] == "never"


def test_without_switches_it_says_so(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("GET /drills", Reply(200, []))
    assert invoke("flags", "drills").stdout == "There are no kill switches.\n"


def test_a_certificate_is_printed_or_written_byte_for_byte(
    invoke: Invoke, portal: StubPortal, tmp_path: Path
) -> None:
    portal.on("GET /runs/12/certificates", Reply(200, [told()]))
    assert invoke("flags", "certificate", "12").stdout == TEXT
    result = invoke("flags", "certificate", "12", "--out", str(tmp_path / "drill.txt"))
    assert (result.exit_code, result.stdout) == (0, "")
    assert (tmp_path / "drill.txt").read_bytes() == TEXT.encode()


def test_of_several_certificates_one_is_chosen(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("GET /runs/12/certificates", Reply(200, [told("a", "A"), told("b", "B")]))
    result = invoke("flags", "certificate", "12")
    assert result.exit_code == 2
    assert "--flag: shop/a, shop/b" in result.stderr
    assert invoke("flags", "certificate", "12", "--flag", "shop/b").stdout == "B"
    assert invoke("flags", "certificate", "12", "--flag", "shop/c").exit_code == 2


@pytest.mark.parametrize("answer", [{"a": 1}, [{"flag": 1}], "no"])
def test_an_answer_that_is_none_is_no_crash(invoke: Invoke, portal: StubPortal, answer: object) -> None:
    portal.on("GET /drills", Reply(200, answer))
    portal.on("GET /runs/12/certificates", Reply(200, answer))
    assert invoke("flags", "drills").exit_code == 5
    assert invoke("flags", "certificate", "12").exit_code == 5


def test_a_certificate_is_checked_without_a_portal(
    invoke: Invoke, portal: StubPortal, tmp_path: Path
) -> None:
    (tmp_path / "drill.txt").write_bytes(TEXT.encode())
    result = invoke("flags", "verify", str(tmp_path / "drill.txt"), "--key", KEY)
    assert (result.exit_code, portal.asked) == (0, [])
    assert result.stdout.splitlines() == [
        "Genuine: signed by sre-portal/audit/test.",
        "shop/recommendations was off in run 12.",
        "verdict: passed",
        "flipped: 2026-11-23T12:00:00.200000Z, seen by shop-1 after 40 ms, shop-2 after 60 ms",
        "effect: 12 evaluations gave off",
        "restored: 2026-11-23T12:00:20.300000Z, seen by shop-1 after 30 ms, shop-2 after 50 ms",
        "issued: 2026-11-23T12:01:00.000000Z",
    ]
    document = json.loads(
        invoke("flags", "verify", str(tmp_path / "drill.txt"), "--key", KEY, "--json").stdout
    )
    assert document["seen_ms"] == {"shop-1": 40, "shop-2": 60}


def test_a_certificate_of_a_drill_that_failed_is_genuine_and_exits_as_its_run(
    invoke: Invoke, tmp_path: Path
) -> None:
    run = finished(drill_run(), told={"shop-1": 40.0})
    assert run.verdict is Verdict.FAILED
    (tmp_path / "drill.txt").write_bytes(text_of(run).encode())
    result = invoke("flags", "verify", str(tmp_path / "drill.txt"), "--key", KEY)
    assert result.exit_code == 1
    assert "Genuine" in result.stdout
    assert "shop-2 not" in result.stdout


def test_what_is_not_genuine_is_refused(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "drill.txt").write_bytes(TEXT.replace("passed", "Passed").encode())
    result = invoke("flags", "verify", str(tmp_path / "drill.txt"), "--key", KEY)
    assert (result.exit_code, "does not fit its text" in result.stderr) == (1, True)
    result = invoke("flags", "verify", str(tmp_path / "drill.txt"), "--key", "x+1+2")
    assert result.exit_code == 2
    assert invoke("flags", "verify", str(tmp_path / "none"), "--key", KEY).exit_code == 2
    assert invoke("flags", "verify", str(tmp_path / "drill.txt")).exit_code == 2


DRILL = ("flags", "drill", "shop@eu", "recommendations", "--variant", "off")


@pytest.mark.parametrize(("verdict", "code"), [("passed", 0), ("failed", 1), ("aborted", 4)])
def test_a_drill_is_followed_to_its_verdict(
    invoke: Invoke, portal: StubPortal, verdict: str, code: int
) -> None:
    portal.on("POST /flags/shop%40eu/recommendations/drill", Reply(201, run_json("inject")))
    portal.on("GET /runs/7", Reply(200, run_json(verdict=verdict)))
    result = invoke(*DRILL, "--percent", "20", "--for", "45s", "--reason", "a rehearsal")
    assert (result.exit_code, f": {verdict}" in result.stdout) == (code, True)
    said = {"variant": "off", "duration": "45s", "seen_within": "2s", "reason": "a rehearsal"}
    route = "POST /flags/shop%40eu/recommendations/drill"
    assert portal.asked[0] == (route, {**said, "percent": "20"})


def test_a_drill_of_everybody_is_asked_for_in_so_many_words(invoke: Invoke, portal: StubPortal) -> None:
    assert invoke(*DRILL).exit_code == 2
    many = invoke(*DRILL, "--percent", "900")
    assert (many.exit_code, "a percentage from 0 to 100" in many.stderr, portal.asked) == (2, True, [])
    portal.on("POST /flags/shop%40eu/recommendations/drill", Reply(201, run_json(verdict="passed")))
    assert invoke(*DRILL, "--percent", "all").exit_code == 0
    [(_, body)] = portal.asked
    assert isinstance(body, dict)
    assert "percent" not in body

"""What a user can get wrong: each ends in a sentence and an exit code, never in a traceback."""

import json
from pathlib import Path

import pytest
from typer.testing import Result

from tests.cli.conftest import Invoke
from tests.cli.stub import Reply, StubPortal


def failed(result: Result, code: int, text: str) -> None:
    assert result.exit_code == code, result.output
    assert text in result.stderr
    assert "Traceback" not in result.output
    assert result.stdout == ""


def test_a_missing_file(invoke: Invoke) -> None:
    failed(invoke("experiment", "run", "no/such.yaml"), 2, "There is no file no/such.yaml.")


def test_a_folder(invoke: Invoke, tmp_path: Path) -> None:
    failed(invoke("experiment", "run", str(tmp_path)), 2, "is a folder; give one file")


@pytest.mark.parametrize("content", [b"\x89PNG\r\n\x1a\n\xff", b"kind: \0"])
def test_a_binary_file(invoke: Invoke, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "picture.yaml").write_bytes(content)
    failed(invoke("experiment", "run", str(tmp_path / "picture.yaml")), 2, "is not a text file in UTF-8")


def test_a_file_larger_than_any_experiment(invoke: Invoke, tmp_path: Path) -> None:
    (tmp_path / "big.yaml").write_bytes(b"#" * 300_000)
    failed(invoke("experiment", "run", str(tmp_path / "big.yaml")), 2, "is larger than 256 KiB")


@pytest.mark.parametrize(
    "url", ["portal", "ftp://portal", "http://", "http://[::1", "http://portal:port", "https:portal"]
)
def test_an_address_that_is_none(invoke: Invoke, url: str) -> None:
    failed(invoke("run", "show", "7", "--portal", url), 2, "is not an address")


def test_a_portal_that_is_not_there(invoke: Invoke) -> None:
    failed(invoke("run", "show", "7", "--portal", "http://127.0.0.1:1"), 5, "is not reachable")


def test_a_host_that_nobody_knows(invoke: Invoke) -> None:
    failed(invoke("run", "show", "7", "--portal", "http://portal.invalid"), 5, "is not reachable")


def test_tls_to_a_server_that_does_not_speak_it(invoke: Invoke, portal: StubPortal) -> None:
    url = portal.url.replace("http:", "https:")
    failed(invoke("run", "show", "7", "--portal", url), 5, "cannot be trusted")


def test_a_wrong_token(invoke: Invoke) -> None:
    result = invoke("run", "show", "7", "--token", "token-of-nils")
    failed(result, 2, "Not logged in")
    assert "SRE_PORTAL_TOKEN" in result.stderr


def test_no_token(invoke: Invoke) -> None:
    failed(invoke("run", "show", "7", SRE_PORTAL_TOKEN=""), 2, "Not logged in")


@pytest.mark.parametrize("token", ["a\nb", "tökèn", "a b"])
def test_a_token_that_cannot_be_one(invoke: Invoke, token: str) -> None:
    failed(invoke("run", "show", "7", "--token", token), 2, "characters that no token has")


def test_a_permission_that_is_missing(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("POST /stop-all", Reply.problem(403, "this needs the permission harm:stop, which operator has"))
    failed(invoke("stop-all"), 2, "Not permitted: this needs the permission harm:stop, which operator has.")


def test_a_run_that_does_not_exist(invoke: Invoke) -> None:
    failed(invoke("run", "show", "99"), 2, "status 404")


@pytest.mark.parametrize("run_id", ["-1", "0", "latest"])
def test_a_run_number_that_is_none(invoke: Invoke, run_id: str) -> None:
    result = invoke("run", "show", "--", run_id)
    assert result.exit_code == 2
    assert "Invalid value" in result.stderr


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (Reply(200, b"<html>", "text/html"), "does not answer like a portal: status 200, text/html"),
        (Reply(502, b"Bad Gateway", "text/plain"), "does not answer like a portal: status 502"),
        (Reply(302, b"", headers=(("location", "https://login.example"),)), "leads to https://login.example"),
        (Reply(200, []), "is not a run"),
        (Reply(200, {"id": "seven"}), "is not a run"),
        (Reply.problem(500, "This is our bug"), "cannot answer (status 500): This is our bug"),
        (Reply.problem(429, "too many requests"), "cannot answer (status 429): too many requests"),
    ],
)
def test_an_answer_that_no_portal_gives(invoke: Invoke, portal: StubPortal, reply: Reply, text: str) -> None:
    portal.on("GET /runs/7", reply)
    failed(invoke("run", "show", "7"), 5, text)


@pytest.mark.parametrize("command", [["experiment", "list"], ["run", "list"]])
def test_a_list_that_is_none(invoke: Invoke, portal: StubPortal, command: list[str]) -> None:
    portal.on("GET /experiments", Reply(200, {"a": 1}))
    portal.on("GET /runs?limit=20", Reply(200, [1]))
    failed(invoke(*command), 5, "is not a list of")


def test_with_json_a_mistake_is_a_document_too(invoke: Invoke) -> None:
    result = invoke("run", "show", "7", "--json", "--token", "token-of-nils")
    told = json.loads(result.stdout)
    assert result.exit_code == told["exit_code"] == 2
    assert told["error"].startswith("Not logged in")
    assert (told["problems"], told["objections"]) == ([], [])


def test_a_proxy_for_the_outside_is_not_asked_for_a_portal_on_this_machine(
    invoke: Invoke, portal: StubPortal
) -> None:
    portal.on("POST /stop-all", Reply(200, {"ended": []}))
    assert invoke("stop-all", HTTP_PROXY="http://127.0.0.1:1", http_proxy="http://127.0.0.1:1").exit_code == 0

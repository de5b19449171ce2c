"""Commands that need no portal: lint, config check, and a serve that cannot start."""

import json
import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sre_portal.cli.app import app
from tests.cli.conftest import Invoke
from tests.cli.stub import Reply, StubPortal

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SOUND = EXAMPLES / "latency-checkout.yaml"


def alone(*arguments: str, **environment: str) -> Result:
    """A command in a shell that knows of no portal."""
    empty = {"SRE_PORTAL_URL": "", "SRE_PORTAL_TOKEN": "", "COLUMNS": "120"}
    return CliRunner().invoke(app, list(arguments), env=empty | environment)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "broken.yaml"
    text = SOUND.read_text(encoding="utf-8")
    path.write_text(
        text.replace("duration: 45s", "duration: soon").replace("400ms", "fast"), encoding="utf-8"
    )
    return path


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_demo_s_experiments_are_sound(path: Path) -> None:
    result = alone("experiment", "lint", str(path))
    assert result.exit_code == 0
    assert result.stdout.splitlines()[-1] == f"{path}: no problem found"


def test_every_problem_is_told_at_once_each_on_its_line(broken: Path) -> None:
    result = alone("experiment", "lint", str(broken))
    assert result.exit_code == 2
    problems = [line for line in result.stdout.splitlines() if "; expected " in line]
    assert len(problems) >= 2
    assert any("spec.duration" in line and "soon" in line for line in problems)
    assert any("delay" in line and "fast" in line for line in problems)


def test_problems_are_a_document_with_json(broken: Path) -> None:
    result = alone("experiment", "lint", str(broken), "--json")
    told = json.loads(result.stdout)
    assert result.exit_code == 2
    assert all({"path", "seen", "expected"} <= set(problem) for problem in told["problems"])
    assert "spec.duration" in {problem["path"] for problem in told["problems"]}
    assert told["advice"] == []


def test_a_portal_adds_what_only_it_knows(invoke: Invoke, portal: StubPortal) -> None:
    problem = {"path": "spec.target.service", "seen": "'shop'", "expected": "a service of this portal"}
    portal.on(
        "POST /experiments/lint", Reply(200, {"problems": [problem], "advice": ["no guardrail on p99"]})
    )
    result = invoke("experiment", "lint", str(SOUND))
    assert result.exit_code == 2
    assert "spec.target.service: 'shop'; expected a service of this portal" in result.stdout
    assert "advice: no guardrail on p99" in result.stdout


@pytest.mark.parametrize("arguments", [["--offline"], ["--offline", "--json"]])
def test_a_portal_is_not_asked_where_it_should_not_be(
    invoke: Invoke, portal: StubPortal, arguments: list[str]
) -> None:
    assert invoke("experiment", "lint", str(SOUND), *arguments).exit_code == 0
    assert portal.asked == []


def test_a_document_with_problems_is_not_sent_to_the_portal(
    invoke: Invoke, portal: StubPortal, broken: Path
) -> None:
    assert invoke("experiment", "lint", str(broken)).exit_code == 2
    assert portal.asked == []


def test_a_portal_that_is_not_there_is_said_to_be(invoke: Invoke) -> None:
    result = invoke("experiment", "lint", str(SOUND), "--portal", "http://127.0.0.1:1")
    assert result.exit_code == 5
    assert "is not reachable" in result.stderr


def test_an_answer_to_lint_that_no_portal_gives(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("POST /experiments/lint", Reply(200, {"problems": "none"}))
    assert invoke("experiment", "lint", str(SOUND)).exit_code == 5


def test_sound_settings_have_no_problem() -> None:
    folders = {
        "SRE_PORTAL_SLO_DIRS": str(ROOT / "examples/slo"),
        "SRE_PORTAL_EXPERIMENT_DIRS": str(EXAMPLES),
    }
    result = alone("config", "check", **folders)
    assert (result.exit_code, result.stdout) == (0, "no problem found\n")


def test_a_bad_setting_does_not_hide_what_is_wrong_with_the_folders(broken: Path) -> None:
    bad = {
        "SRE_PORTAL_PORT": "eighty",
        "SRE_PORTAL_COLOUR": "blue",
        "SRE_PORTAL_SLO_DIRS": "/no/such/folder",
        "SRE_PORTAL_EXPERIMENT_DIRS": str(broken.parent),
    }
    result = alone("config", "check", **bad)
    assert result.exit_code == 2
    for needed in ("SRE_PORTAL_PORT", "SRE_PORTAL_COLOUR", "/no/such/folder", "spec.duration"):
        assert needed in result.stdout
    told = json.loads(alone("config", "check", "--json", **bad).stdout)
    assert told["problems"] == result.stdout.splitlines()


def test_a_portal_with_bad_settings_does_not_start_and_says_every_reason() -> None:
    result = alone("serve", SRE_PORTAL_PORT="eighty", SRE_PORTAL_COLOUR="blue")
    assert (result.exit_code, result.stdout) == (2, "")
    for needed in ("The portal cannot start", "SRE_PORTAL_PORT", "SRE_PORTAL_COLOUR"):
        assert needed in result.stderr


def test_a_portal_whose_port_is_busy_does_not_start(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        result = alone("serve", "--port", str(port), "--data-dir", str(tmp_path))
    assert result.exit_code == 2
    assert str(port) in result.stderr
    assert "Traceback" not in result.output


WRONG_ACCESS = """
apiVersion: sre-portal.dev/v1
kind: Access
metadata: {name: access}
spec:
  providers:
    - {type: oidc, name: company, issuer: "http://id.example.com", clientId: portal}
    - {type: oidc, name: google, issuer: "https://accounts.google.com", clientId: x, clientSecretFile: /no}
  rules:
    - {name: sre, group: sre, role: superuser}
    - {name: all, role: viewer}
    - {name: pay, provider: okta, role: operator, services: [payments, nothing]}
"""


def test_a_portal_with_a_wrong_access_document_says_every_reason_with_its_place(tmp_path: Path) -> None:
    document = tmp_path / "access.yaml"
    document.write_text(WRONG_ACCESS)
    told = {"SRE_PORTAL_PORT": "eighty", "SRE_PORTAL_ACCESS_FILE": str(document)}
    result = alone("serve", "--data-dir", str(tmp_path), **told)
    assert result.exit_code == 2
    for needed in (
        "SRE_PORTAL_PORT",
        f"{document}:7: spec.providers[0].issuer",
        f"{document}:10: spec.rules[0].role",
    ):
        assert needed in result.stderr
    document.write_text(WRONG_ACCESS.replace("superuser", "viewer").replace("http://id", "https://id"))
    result = alone("serve", "--data-dir", str(tmp_path), **told)
    for needed in (
        "SRE_PORTAL_PORT",
        "spec.rules[1]: no condition",
        'spec.rules[2].provider: "okta"; expected one of the providers: ',
        "spec.rules[2].services[1]",
    ):
        assert needed in result.stderr
    assert "Traceback" not in result.output


def test_a_portal_whose_provider_has_no_secret_or_whose_address_is_unknown_does_not_start(
    tmp_path: Path,
) -> None:
    document = tmp_path / "access.yaml"
    document.write_text(
        "apiVersion: sre-portal.dev/v1\nkind: Access\nmetadata: {name: a}\nspec:\n  providers:\n"
        "    - {type: oidc, name: google, issuer: 'https://accounts.google.com', clientId: x,\n"
        "       clientSecretFile: /no}\n"
    )
    result = alone("serve", "--data-dir", str(tmp_path), SRE_PORTAL_ACCESS_FILE=str(document))
    assert result.exit_code == 2
    for needed in ("providers.google.clientSecretFile", "SRE_PORTAL_PUBLIC_URL"):
        assert needed in result.stderr


def test_an_unprotected_address_is_told_together_with_what_is_wrong_with_the_documents(
    tmp_path: Path,
) -> None:
    document = tmp_path / "access.yaml"
    document.write_text(WRONG_ACCESS)
    result = alone("serve", "--host", "0.0.0.0", SRE_PORTAL_ACCESS_FILE=str(document))  # noqa: S104
    assert result.exit_code == 2
    for needed in ("0.0.0.0 is not loopback", "cookies travel unprotected", "spec.rules[0].role"):
        assert needed in result.stderr
    assert result.stderr.count("SRE_PORTAL_PUBLIC_URL") == 1

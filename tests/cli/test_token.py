"""`sre-portal token`."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Invoke
from tests.cli.stub import Reply, StubPortal

NEW = {
    "name": "ci",
    "role": "operator",
    "services": ["shop"],
    "agent": None,
    "owner": "ci",
    "ends_at": "2026-12-23T12:00:00Z",
    "last_used_at": None,
    "origin": "issued",
    "secret": "srp_secret",
}


def test_the_secret_alone_is_on_the_standard_output(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("POST /tokens", Reply(201, NEW))
    options = (
        "--role",
        "operator",
        "--services",
        "shop",
        "--owner",
        "robots",
        "--days",
        "30",
        "--reason",
        "runs",
    )
    result = invoke("token", "issue", "ci", *options)
    assert (result.exit_code, result.stdout) == (0, "srp_secret\n")
    assert result.stderr == "ci: operator on shop, until 2026-12-23 12:00 UTC. The secret is told once:\n"
    body = {
        "name": "ci",
        "days": 30,
        "role": "operator",
        "services": ["shop"],
        "agent": None,
        "owner": "robots",
        "reason": "runs",
    }
    assert portal.asked == [("POST /tokens", body)]


def test_an_agent_s_token_names_its_service(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("POST /tokens", Reply(201, NEW | {"role": None, "services": None, "agent": "shop"}))
    result = invoke("token", "issue", "agents-1", "--agent", "shop")
    assert result.stdout == "srp_secret\n"
    assert "agent of shop" in result.stderr
    assert portal.asked[0][1] == {
        "name": "agents-1",
        "days": 90,
        "role": None,
        "services": None,
        "agent": "shop",
        "owner": "",
        "reason": "",
    }


@pytest.mark.parametrize("options", [(), ("--role", "viewer", "--agent", "shop")])
def test_a_token_is_for_one_thing(invoke: Invoke, portal: StubPortal, options: tuple[str, ...]) -> None:
    result = invoke("token", "issue", "ci", *options)
    assert result.exit_code == 2
    assert "Name one: --role" in result.stderr
    assert portal.asked == []


def test_with_json_the_whole_answer_is_told(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("POST /tokens", Reply(201, NEW))
    result = invoke("token", "issue", "ci", "--role", "operator", "--json")
    assert json.loads(result.stdout) == NEW
    assert result.stderr == ""


def test_tokens_are_listed(invoke: Invoke, portal: StubPortal) -> None:
    admin = {"name": "admin", "role": "admin", "services": None, "origin": "settings"}
    used = NEW | {"last_used_at": "2026-11-23T11:59:00Z"}
    portal.on("GET /tokens", Reply(200, [admin, used]))
    assert invoke("token", "list").stdout.splitlines() == [
        "TOKEN  MAY AT MOST       OWNER  LAST USED             ENDS",
        "admin  admin everywhere         never                 never",
        "ci     operator on shop  ci     2026-11-23 11:59 UTC  2026-12-23 12:00 UTC",
    ]
    portal.on("GET /tokens", Reply(200, []))
    assert invoke("token", "list").stdout == "There is no token.\n"


def test_a_token_is_rotated_with_an_overlap(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("POST /tokens/ci/rotate", Reply(201, NEW | {"name": "ci-2"}))
    result = invoke("token", "rotate", "ci", "ci-2", "--overlap", "90m")
    assert (result.exit_code, result.stdout) == (0, "srp_secret\n")
    assert portal.asked == [("POST /tokens/ci/rotate", {"name": "ci-2", "overlap_hours": 1.5})]


def test_an_overlap_has_a_unit(invoke: Invoke, portal: StubPortal) -> None:
    result = invoke("token", "rotate", "ci", "ci-2", "--overlap", "24")
    assert result.exit_code == 2
    assert "--overlap: a duration such as" in result.stderr


def test_a_token_is_revoked(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("POST /tokens/agent%3Ashop/revoke", Reply(200, NEW))
    result = invoke("token", "revoke", "agent:shop", "--reason", "seen in a log")
    assert (result.exit_code, result.stdout) == (0, "agent:shop is revoked.\n")
    assert portal.asked == [("POST /tokens/agent%3Ashop/revoke", {"reason": "seen in a log"})]


@pytest.mark.parametrize(
    ("command", "route", "answer"),
    [
        (("issue", "ci", "--role", "viewer"), "POST /tokens", {"name": "ci"}),
        (("rotate", "ci", "ci-2"), "POST /tokens/ci/rotate", []),
        (("list",), "GET /tokens", {"tokens": []}),
    ],
)
def test_an_answer_that_no_portal_gives(
    invoke: Invoke, portal: StubPortal, command: tuple[str, ...], route: str, answer: object
) -> None:
    portal.on(route, Reply(200, answer))
    assert invoke("token", *command).exit_code == 5

"""`sre-portal access`: offline over a document, and through the portal's API."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sre_portal.cli.app import app
from tests.cli.conftest import Invoke
from tests.cli.stub import Reply, StubPortal

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "access" / "access.yaml")
ISSUER = "https://login.example.com"
OMAR = {
    "id": 7,
    "name": "Omar",
    "provider": "sso",
    "issuer": ISSUER,
    "email": "omar@example.com",
    "groups": ["sre"],
}
GRANT = {"role": "operator", "services": ["shop"], "until": None, "source": "rule sre"}
EXPLAINED = {
    "account": OMAR | {"grants": [GRANT]},
    "held": [{"permission": "run:start", "where": "shop", "by": ["rule sre"]}],
    "rules": [
        {"name": "sre", "fits": True, "misses": [], "gives": GRANT},
        {
            "name": "ops",
            "fits": False,
            "misses": ["not in the group ops"],
            "gives": GRANT | {"services": None},
        },
    ],
    "decision": None,
}
NAMED = f"account 7, Omar, known by sso at {ISSUER}"
FIND = "GET /access/explain?who=omar"


def alone(*arguments: str) -> Result:
    """A command in a shell that knows of no portal."""
    environment = {"SRE_PORTAL_URL": "", "SRE_PORTAL_TOKEN": "", "COLUMNS": "120"}
    return CliRunner().invoke(app, ["access", *arguments], env=environment)


def of_file(*arguments: str) -> Result:
    return alone("explain", "--file", EXAMPLE, *arguments)


@pytest.mark.parametrize(
    ("person", "question", "code", "answer"),
    [
        (
            ("--provider", "github", "--groups", "example/shop"),
            ("run:start", "shop"),
            0,
            "yes: somebody may run:start on shop: rule shop-team",
        ),
        (
            ("--provider", "keycloak", "--groups", "staff, interns"),
            ("run:start", "shop"),
            1,
            "no: somebody may not run:start on shop: it takes operator on shop, and this is viewer",
        ),
        (
            ("--provider", "keycloak", "--groups", "sre", "--environment", "staging"),
            ("token:issue", ""),
            0,
            "yes: somebody may token:issue: rule sre-elsewhere",
        ),
        (
            ("--provider", "keycloak", "--groups", "sre", "--environment", "production"),
            ("token:issue", ""),
            1,
            "no: somebody may not token:issue: it takes admin everywhere, and this is viewer everywhere",
        ),
    ],
)
def test_rules_are_tested_where_they_are_written(
    person: tuple[str, ...], question: tuple[str, str], code: int, answer: str
) -> None:
    permission, service = question
    result = of_file(*person, "--permission", permission, *(("--service", service) if service else ()))
    assert result.exit_code == code
    assert result.stdout.splitlines()[0].startswith(answer)


def test_every_rule_is_told_with_why_it_does_not_fit() -> None:
    result = of_file("--provider", "github", "--groups", "example/shop", "--email", "nils@example.com")
    assert result.exit_code == 0
    assert "groups: example/shop; e-mail: nils@example.com" in result.stdout
    rows = {line.split()[0]: line for line in result.stdout.splitlines() if line.strip()}
    assert rows["shop-team"].endswith("fits")
    assert rows["sre"].endswith("the provider is github, not keycloak; not in the group sre")


def test_the_answer_about_a_file_is_the_document_of_the_api() -> None:
    result = of_file("--provider", "keycloak", "--permission", "portal:read", "--json")
    told = json.loads(result.stdout)
    assert told["decision"] == {
        "permission": "portal:read",
        "service": None,
        "allowed": True,
        "reason": "somebody may portal:read: rule staff-look",
    }
    assert set(told) == {"account", "held", "rules", "decision"}


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("explain",), "Name one: a USER, or --file"),
        (("explain", "omar", "--file", EXAMPLE), "Name one: a USER, or --file"),
        (("explain", "--file", EXAMPLE), "There is no provider ''"),
        (("explain", "--file", EXAMPLE, "--provider", "keyclaok"), "keycloak, github"),
        (("explain", "--file", EXAMPLE, "--provider", "github", "--permission", "run:sart"), "run:start"),
        (("explain", "--file", "/no/such/file"), "There is no file"),
        (("check", "/no/such/file"), "There is no file"),
    ],
)
def test_a_mistake_is_answered_with_a_sentence(arguments: tuple[str, ...], told: str) -> None:
    result = alone(*arguments)
    assert result.exit_code == 2
    assert told in result.stderr


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    path = tmp_path / "access.yaml"
    text = Path(EXAMPLE).read_text(encoding="utf-8")
    text = text.replace("role: viewer", "role: king").replace("https://keycloak", "http://keycloak")
    path.write_text(text, encoding="utf-8")
    return path


def test_the_example_has_no_problem() -> None:
    result = alone("check", EXAMPLE)
    assert (result.exit_code, result.stdout) == (0, f"{EXAMPLE}: no problem found\n")


def test_every_problem_of_a_document_is_told_at_once(broken: Path) -> None:
    result = alone("check", str(broken))
    assert result.exit_code == 2
    assert "issuer" in result.stdout
    assert "one of program, viewer, operator, admin" in result.stdout
    told = json.loads(alone("check", str(broken), "--json").stdout)
    assert len(told["problems"]) == len(result.stdout.splitlines())
    refused = alone("explain", "--file", str(broken), "--provider", "github")
    assert refused.exit_code == 2
    assert "one of program, viewer, operator, admin" in refused.stderr


def test_an_account_is_explained_by_the_portal(invoke: Invoke, portal: StubPortal) -> None:
    portal.on(FIND, Reply(200, EXPLAINED))
    result = invoke("access", "explain", "omar")
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Omar, account 7, known by sso",
        "groups: sre; e-mail: omar@example.com",
        "",
        "MAY        WHERE  BY",
        "run:start  shop   rule sre",
        "",
        "RULE  GIVES                FITS, OR WHY NOT",
        "sre   operator on shop     fits",
        "ops   operator everywhere  not in the group ops",
    ]


def test_one_permission_decides_the_exit_code(invoke: Invoke, portal: StubPortal) -> None:
    route = "GET /access/explain?who=omar&permission=run%3Astart&service=shop"
    for allowed, code in ((True, 0), (False, 1)):
        answer = {"permission": "run:start", "allowed": allowed, "reason": "because"}
        portal.on(route, Reply(200, EXPLAINED | {"decision": answer}))
        result = invoke("access", "explain", "omar", "--permission", "run:start", "--service", "shop")
        assert result.exit_code == code
        assert result.stdout.splitlines()[0] == f"{'yes' if allowed else 'no'}: because"


def test_a_blocked_account_that_may_nothing_is_said_to_be(invoke: Invoke, portal: StubPortal) -> None:
    blocked = {"account": OMAR | {"blocked": True}, "held": [], "rules": []}
    portal.on(FIND, Reply(200, blocked))
    told = invoke("access", "explain", "omar").stdout
    assert "BLOCKED" in told
    assert "It may nothing." in told


def test_who_may_is_a_table(invoke: Invoke, portal: StubPortal) -> None:
    holder = {"kind": "person", "id": "7", "name": "Omar", "where": "shop", "by": ["rule sre"]}
    until = "2026-11-23T13:00:00Z"
    portal.on("GET /access/who?permission=run%3Astart&service=shop", Reply(200, [holder | {"until": until}]))
    result = invoke("access", "who", "run:start", "--service", "shop")
    assert result.stdout.splitlines() == [
        "WHO   KIND    ID  WHERE  BY        UNTIL",
        "Omar  person  7   shop   rule sre  2026-11-23 13:00 UTC",
    ]
    portal.on("GET /access/who?permission=run%3Astart", Reply(200, []))
    assert invoke("access", "who", "run:start").stdout == "Nobody may.\n"


@pytest.mark.parametrize(
    ("until", "sent"),
    [
        ((), {}),
        (("--until", "8h"), {"lasts_seconds": 28_800}),
        (("--until", "2026-12-01T18:00:00Z"), {"until": "2026-12-01T18:00:00Z"}),
    ],
)
def test_a_role_is_given_to_whoever_is_meant(
    invoke: Invoke, portal: StubPortal, until: tuple[str, ...], sent: dict[str, object]
) -> None:
    portal.on(FIND, Reply(200, EXPLAINED))
    portal.on("POST /access/accounts/7/grants", Reply(201, {"id": 12}))
    services = ("--services", "shop, payments")
    result = invoke("access", "grant", "omar", "operator", "--reason", "game day", *services, *until)
    assert (result.exit_code, result.stdout) == (0, f"{NAMED}, is operator: grant 12.\n")
    body = {"role": "operator", "services": ["shop", "payments"], "reason": "game day", **sent}
    assert portal.asked[-1] == ("POST /access/accounts/7/grants", body)


@pytest.mark.parametrize(
    ("command", "route", "answer", "text"),
    [
        ("block", "POST /access/accounts/7/block", OMAR, f"{NAMED}, is blocked.\n"),
        ("unblock", "POST /access/accounts/7/unblock", OMAR, f"{NAMED}, is not blocked any more.\n"),
        (
            "sign-out",
            "POST /access/accounts/7/sign-out",
            {"ended": 2},
            f"{NAMED}, is signed out: 2 sessions ended.\n",
        ),
    ],
)
def test_an_account_is_changed_with_a_reason(
    invoke: Invoke, portal: StubPortal, command: str, route: str, answer: object, text: str
) -> None:
    portal.on(FIND, Reply(200, EXPLAINED))
    portal.on(route, Reply(200, answer))
    result = invoke("access", command, "omar", "--reason", "left")
    assert (result.exit_code, result.stdout) == (0, text)
    assert portal.asked[-1] == (route, {"reason": "left"})
    assert invoke("access", command, "omar").exit_code == 2


def test_a_change_as_json_says_whom_it_changed(invoke: Invoke, portal: StubPortal) -> None:
    portal.on(FIND, Reply(200, EXPLAINED))
    portal.on("POST /access/accounts/7/sign-out", Reply(200, {"ended": 2}))
    told = json.loads(invoke("access", "sign-out", "omar", "--reason", "left", "--json").stdout)
    account = {"id": 7, "name": "Omar", "provider": "sso", "issuer": ISSUER}
    assert told == {"ended": 2, "account": account}


def test_a_grant_is_withdrawn(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("POST /access/grants/12/withdraw", Reply(200, OMAR))
    result = invoke("access", "withdraw", "12", "--reason", "over")
    assert (result.exit_code, result.stdout) == (0, f"{NAMED}: grant 12 is withdrawn.\n")


@pytest.mark.parametrize("answer", [[], {"account": 7}, "omar"])
@pytest.mark.parametrize("command", [("explain", "omar"), ("block", "omar", "--reason", "x")])
def test_an_answer_that_no_portal_gives(
    invoke: Invoke, portal: StubPortal, command: tuple[str, ...], answer: object
) -> None:
    portal.on(FIND, Reply(200, answer))
    assert invoke("access", *command).exit_code == 5


def test_a_refusal_of_the_portal_is_told(invoke: Invoke, portal: StubPortal) -> None:
    portal.on(FIND, Reply.problem(403, "this needs the permission access:read, which admin everywhere has"))
    result = invoke("access", "explain", "omar")
    assert result.exit_code == 2
    assert "which admin everywhere has" in result.stderr

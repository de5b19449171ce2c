"""Who may do what over the JSON API."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from sre_portal.core.access import Permission, Role
from sre_portal.core.account import Account
from sre_portal.core.grant_rule import Rule
from tests.operations.people import person, session_for
from tests.operations.world import START, World
from tests.web.door import Door

SHOP = frozenset({"shop"})
RULES = (Rule(name="staff", group="staff", role=Role.VIEWER), Rule(name="sre", group="sre", role=Role.ADMIN))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A portal without traffic, with two rules."""
    opened = await World(tmp_path).open()
    opened.ports = replace(opened.ports, policy=replace(opened.ports.policy, rules=RULES))
    yield opened
    await opened.close()


@pytest.fixture
async def omar(world: World) -> Account:
    return await person(world.ports, "omar", Role.OPERATOR, SHOP)


@pytest.fixture
def ada(door: Door) -> httpx2.AsyncClient:
    return door.client("ada")


def bearer(door: Door, secret: str) -> httpx2.AsyncClient:
    client = door.client()
    client.headers["authorization"] = f"Bearer {secret}"
    return client


async def test_whoever_asks_is_told_what_they_may(door: Door) -> None:
    told = (await door.client("omar").get("/api/v1/me")).json()
    assert (told["id"], told["name"]) == ("token:omar", "omar")
    assert [one["permission"] for one in told["held"]] == [
        "portal:read",
        "metrics:read",
        "run:start",
        "run:abort",
        "harm:stop",
        "glass:break",
        "flag:ask",
        "flag:read",
        "flag:flip",
    ]
    assert told["within"] is None


async def test_a_token_of_an_account_is_told_what_bounds_it(door: Door, ada: httpx2.AsyncClient) -> None:
    body = {"name": "ci", "role": "operator", "services": ["shop"], "days": 7}
    new = (await ada.post("/api/v1/tokens", json=body)).json()
    told = (await bearer(door, new["secret"]).get("/api/v1/me")).json()
    assert [(one["role"], one["services"]) for one in told["within"]] == [("operator", ["shop"])]
    assert {one["where"] for one in told["held"] if one["permission"] == "run:start"} == {"shop"}


async def test_who_may_is_a_list_with_kinds_and_sources(ada: httpx2.AsyncClient, omar: Account) -> None:
    query = {"permission": "run:start", "service": "shop"}
    told = (await ada.get("/api/v1/access/who", params=query)).json()
    assert [(one["kind"], one["id"], one["where"], one["by"]) for one in told] == [
        ("person", str(omar.id), "shop", ["given by test"]),
        ("token", "ada", "everywhere", ["token ada"]),
        ("token", "omar", "everywhere", ["token omar"]),
    ]


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/api/v1/access/who", "permission"),
        ("/api/v1/access/who?permission=world:rule", "permission"),
        ("/api/v1/access/who?permission=run:start&service=shpo", "one of shop"),
        ("/api/v1/access/explain", "who"),
        ("/api/v1/access/explain?who=omar&service=shpo", "one of shop"),
        ("/api/v1/access/accounts?limit=0", "limit"),
        ("/api/v1/access/accounts/99999999999", "account_id"),
        ("/api/v1/access/accounts/none", "account_id"),
    ],
)
async def test_a_wrong_question_is_answered_with_what_is_wrong(
    ada: httpx2.AsyncClient, omar: Account, path: str, told: str
) -> None:
    answer = await ada.get(path)
    assert answer.status_code == 422
    assert told in answer.text


@pytest.mark.parametrize(
    "who",
    ["{id}", "account:{id}", "omar", "omar@example.com", "sub-omar", "https://login.example.com#sub-omar"],
)
async def test_an_account_is_explained_by_whatever_names_it(
    ada: httpx2.AsyncClient, omar: Account, who: str
) -> None:
    query = {"who": who.format(id=omar.id), "permission": "run:start", "service": "shop"}
    told = (await ada.get("/api/v1/access/explain", params=query)).json()
    assert told["account"]["id"] == omar.id
    assert told["decision"] == {
        "permission": "run:start",
        "service": "shop",
        "allowed": True,
        "reason": "omar may run:start on shop: given by test",
    }
    assert [(one["name"], one["fits"], one["misses"]) for one in told["rules"]] == [
        ("staff", True, []),
        ("sre", False, ["not in the group sre"]),
    ]


async def test_what_nobody_can_choose_names_an_account_first(
    ada: httpx2.AsyncClient, omar: Account, world: World
) -> None:
    now = world.clock.now()
    for name in (str(omar.id), "omar@example.com"):
        told = Account(0, "person", "sso", "https://login.example.com", f"mallory-{name}", name)
        await world.ports.accounts.log_in(told, now)
        found = (await ada.get("/api/v1/access/explain", params={"who": name})).json()
        assert found["account"]["id"] == omar.id


@pytest.mark.parametrize("name", ["new@example.com", "https://login.example.com#newhire", "x#y"])
async def test_a_name_is_never_taken_for_a_key_or_an_e_mail(
    ada: httpx2.AsyncClient, world: World, name: str
) -> None:
    """People choose their names: whoever is called like somebody to come is not that person."""
    told = Account(0, "person", "github", "https://github.com", "666", name)
    await world.ports.accounts.log_in(told, world.clock.now())
    query = {"who": name, "permission": "run:start"}
    assert (await ada.get("/api/v1/access/explain", params=query)).status_code == 404
    body = {
        "subject": {"type": "account", "id": name},
        "action": {"name": "portal:read"},
        "resource": {"type": "portal", "id": "demo"},
    }
    answer = (await ada.post("/access/v1/evaluation", json=body)).json()
    assert answer["decision"] is False
    assert "no account" in answer["context"]["reason_admin"]["en"]


async def test_an_e_mail_of_two_accounts_means_neither(ada: httpx2.AsyncClient, world: World) -> None:
    for issuer in ("https://a.example", "https://b.example"):
        told = Account(0, "person", "sso", issuer, "1", "Bob", "bob@corp.com")
        await world.ports.accounts.log_in(told, world.clock.now())
    answer = await ada.get("/api/v1/access/explain", params={"who": "bob@corp.com"})
    assert answer.status_code == 422
    assert "is 2 accounts" in answer.text


async def test_a_name_that_means_two_is_refused_with_their_ids(
    ada: httpx2.AsyncClient, omar: Account, world: World
) -> None:
    twin = Account(0, "person", "github", "https://github.com", "7", "omar")
    other = await world.ports.accounts.log_in(twin, world.clock.now())
    answer = await ada.get("/api/v1/access/explain?who=omar")
    assert answer.status_code == 422
    assert f"{omar.id} (sso), {other.id} (github)" in answer.text


@pytest.mark.parametrize("who", ["nobody", "404", "%00", "9" * 30, "https://login.example.com%23sub-ada"])
async def test_nobody_of_that_name_is_not_found(ada: httpx2.AsyncClient, who: str) -> None:
    assert (await ada.get(f"/api/v1/access/explain?who={who}")).status_code == 404


async def test_accounts_are_listed_and_shown(ada: httpx2.AsyncClient, omar: Account, world: World) -> None:
    await session_for(world.ports, omar)
    listed = (await ada.get("/api/v1/access/accounts")).json()
    assert [(one["name"], one["blocked"]) for one in listed] == [("omar", False)]
    shown = (await ada.get(f"/api/v1/access/accounts/{omar.id}")).json()
    assert [one["role"] for one in shown["account"]["grants"]] == ["viewer", "operator"]
    assert [one["reason"] for one in shown["given"]] == ["test"]
    assert [one["browser"] for one in shown["sessions"]] == ["Firefox/131.0 Linux"]
    assert "digest" not in str(shown)
    assert (await ada.get("/api/v1/access/accounts/404")).status_code == 404


@pytest.mark.parametrize(
    ("ends", "until"),
    [
        ({}, None),
        ({"lasts_seconds": 3600}, START + timedelta(hours=1)),
        ({"until": "2026-11-23T15:00:00+02:00"}, START + timedelta(hours=1)),
    ],
)
async def test_a_role_is_given_and_withdrawn(
    ada: httpx2.AsyncClient, omar: Account, world: World, ends: dict[str, object], until: object
) -> None:
    body = {"role": "admin", "reason": "game day", **ends}
    answer = await ada.post(f"/api/v1/access/accounts/{omar.id}/grants", json=body)
    assert answer.status_code == 201, answer.text
    number = answer.json()["id"]
    given = {one.id: one for one in await world.ports.accounts.given(omar.id)}
    assert given[number].grant.ends_at == until
    gone = await ada.post(f"/api/v1/access/grants/{number}/withdraw", json={"reason": "over"})
    assert [one["role"] for one in gone.json()["grants"]] == ["viewer", "operator"]
    again = await ada.post(f"/api/v1/access/grants/{number}/withdraw", json={"reason": "over"})
    assert again.status_code == 404


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"role": "admin", "reason": ""}, "reason"),
        ({"role": "admin"}, "reason"),
        ({"role": "king", "reason": "x"}, "role"),
        ({"role": "admin", "reason": "x", "services": []}, "services"),
        ({"role": "admin", "reason": "x", "services": ["shpo"]}, "services"),
        ({"role": "admin", "reason": "x", "until": "2026-11-23T15:00:00"}, "until"),
        ({"role": "admin", "reason": "x", "until": "2020-01-01T00:00:00Z"}, "until"),
        ({"role": "admin", "reason": "x", "until": "0001-01-01T00:00:00+14:00"}, "until"),
        ({"role": "admin", "reason": "x", "until": "9999-12-31T23:59:59-14:00"}, "until"),
        ({"role": "admin", "reason": "x", "lasts_seconds": 1}, "lasts_seconds"),
        (
            {"role": "admin", "reason": "x", "lasts_seconds": 60, "until": "2027-01-01T00:00:00Z"},
            "lasts_seconds",
        ),
        ({"role": "admin", "reason": "x", "colour": "blue"}, "colour"),
    ],
)
async def test_a_wrong_grant_is_answered_with_its_problem(
    ada: httpx2.AsyncClient, omar: Account, body: dict[str, object], path: str
) -> None:
    answer = await ada.post(f"/api/v1/access/accounts/{omar.id}/grants", json=body)
    assert answer.status_code == 422
    assert [one["path"] for one in answer.json()["problems"]] == [path]


async def test_an_account_is_blocked_and_its_tokens_may_nothing(
    door: Door, ada: httpx2.AsyncClient, omar: Account
) -> None:
    new = (await ada.post("/api/v1/tokens", json={"name": "ci", "role": "viewer", "days": 7})).json()
    robot = bearer(door, new["secret"])
    assert (await robot.get("/api/v1/runs")).status_code == 200
    path = f"/api/v1/access/accounts/{new['owner_id']}"
    assert (await ada.post(f"{path}/block", json={"reason": "leaked"})).json()["blocked"] is True
    assert (await robot.get("/api/v1/runs")).status_code == 403
    assert (await ada.post(f"{path}/unblock", json={"reason": "was not"})).json()["blocked"] is False
    assert (await robot.get("/api/v1/runs")).status_code == 200


async def test_somebody_is_signed_out_everywhere(
    ada: httpx2.AsyncClient, omar: Account, world: World
) -> None:
    session = await session_for(world.ports, omar)
    path = f"/api/v1/access/accounts/{omar.id}/sign-out"
    assert (await ada.post(path, json={"reason": "a lost laptop"})).json() == {"ended": 1}
    assert await world.ports.sessions.find(session.digest) is None
    assert (await ada.post(path, json={"reason": ""})).status_code == 422


async def test_tokens_are_issued_listed_rotated_and_revoked(door: Door, ada: httpx2.AsyncClient) -> None:
    body = {"name": "ci", "role": "operator", "services": ["shop"], "days": 7, "reason": "nightly"}
    answer = await ada.post("/api/v1/tokens", json=body)
    assert answer.status_code == 201
    first = answer.json()["secret"]
    listed = {one["name"]: one for one in (await ada.get("/api/v1/tokens")).json()}
    assert (listed["ci"]["owner"], listed["ci"]["origin"], listed["ada"]["origin"]) == (
        "ci",
        "issued",
        "settings",
    )
    assert all("secret" not in one and "digest" not in one for one in listed.values())
    rotated = await ada.post("/api/v1/tokens/ci/rotate", json={"name": "ci-2", "overlap_hours": 1.5})
    assert rotated.status_code == 201
    for secret in (first, rotated.json()["secret"]):
        assert (await bearer(door, secret).get("/api/v1/runs")).status_code == 200
    assert (await ada.post("/api/v1/tokens", json=body)).status_code == 409
    assert (await ada.post("/api/v1/tokens/ci/revoke", json={"reason": "rotated"})).status_code == 200
    assert (await bearer(door, first).get("/api/v1/runs")).status_code == 401
    assert (await ada.post("/api/v1/tokens/ci/revoke")).status_code == 404
    assert (await ada.post("/api/v1/tokens/ada/revoke")).status_code == 404
    await_door = (await ada.post("/api/v1/tokens/agent:shop/rotate", json={"name": "agents-2"})).status_code
    assert await_door == 404


@pytest.mark.parametrize(
    "body",
    [
        {"name": "ci", "days": 7},
        {"name": "ci", "days": 7, "role": "viewer", "agent": "shop"},
        {"name": "ci", "days": 7, "agent": "shpo"},
        {"name": "C I", "days": 7, "role": "viewer"},
        {"name": "ci", "days": 999, "role": "viewer"},
        {"name": "ci", "days": 7, "role": "viewer", "services": ["shpo"]},
        {"name": "\u0000", "days": 7, "role": "viewer"},
        [],
    ],
)
async def test_a_wrong_order_is_refused(ada: httpx2.AsyncClient, body: object) -> None:
    assert (await ada.post("/api/v1/tokens", json=body)).status_code == 422


@pytest.mark.parametrize("name", ["omar", "vera"])
async def test_who_may_not_is_told_what_it_takes(door: Door, omar: Account, name: str) -> None:
    client = door.client(name)
    for method, path, permission in (
        ("GET", "/access/accounts", Permission.ACCESS_READ),
        ("GET", "/access/who?permission=run:start", Permission.ACCESS_READ),
        ("POST", f"/access/accounts/{omar.id}/block", Permission.ACCESS_CHANGE),
        ("POST", "/tokens", Permission.TOKEN_ISSUE),
    ):
        answer = await client.request(method, f"/api/v1{path}")
        assert answer.status_code == 403
        assert f"{permission.value}, which admin everywhere has" in answer.json()["detail"]

"""Planned changes and environments over the API: 202 for what waits, decisions, schedules, copies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from sre_portal.core.access import Role
from sre_portal.operations.flag_making import make_due
from sre_portal.operations.sessions import Origin, new_session
from sre_portal.web.cookies import SESSION
from tests.operations.people import person
from tests.operations.world import World
from tests.web.door import Door

SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "off"}
DEAR = {**SWITCH, "metadata": {"protected": True}}
API = "/api/v1"
CART = f"{API}/flags/shop/new-cart"
STAGED = f"{API}/flags/shop@staging/new-cart"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path, agents=[]).open()
    yield opened
    await opened.close()


async def logged_in(door: Door, name: str) -> httpx2.AsyncClient:
    """Somebody with an account and a session, who may flip the shop's flags."""
    ports = door.world.ports
    account = await person(ports, name, Role.OPERATOR, frozenset({"shop"}))
    secret, session = await new_session(ports, account, Origin())
    client = door.client()
    client.cookies.set(SESSION, secret)
    client.headers["x-csrf-token"] = session.csrf
    return client


@pytest.fixture
async def ana(door: Door) -> httpx2.AsyncClient:
    """With a protected flag made."""
    client = await logged_in(door, "ana")
    made = await client.post(CART, json={"definition": DEAR, "reason": "a first try"})
    assert made.status_code == 200
    return client


@pytest.fixture
async def bo(door: Door) -> httpx2.AsyncClient:
    return await logged_in(door, "bo")


async def off(client: httpx2.AsyncClient) -> dict[str, object]:
    """The plan that switching the protected flag off becomes."""
    answer = await client.post(f"{CART}/toggle", json={"enabled": False, "reason": "an incident"})
    assert answer.status_code == 202
    told: dict[str, object] = answer.json()
    return told


async def test_a_protected_flag_answers_202_and_a_second_person_makes_it(
    ana: httpx2.AsyncClient, bo: httpx2.AsyncClient
) -> None:
    plan = await off(ana)
    assert (plan["state"], plan["kind"], plan["text"], plan["version"]) == (
        "waiting",
        "toggle",
        "switch it off",
        1,
    )
    assert plan["approver"] == "another person who is operator on shop"
    path = f"{API}/flag-plans/{plan['id']}"
    shown = (await bo.get(path)).json()
    assert (shown["before"]["state"], shown["after"]["state"]) == ("ENABLED", "DISABLED")
    assert shown["step"] == {"enabled": False}
    own = await ana.post(f"{path}/approve", json={"reason": "mine"})
    assert (own.status_code, "Nobody approves their own" in own.json()["detail"]) == (403, True)
    made = await bo.post(f"{path}/approve", json={"reason": "looked at it"})
    assert (made.status_code, made.json()["state"], made.json()["outcome"]) == (200, "done", "version 2")
    assert (await ana.get(CART)).json()["changed_by"] == f"ana, planned {plan['id']}"
    late = await bo.post(f"{path}/approve", json={"reason": "again"})
    assert (late.status_code, "decided by bo" in late.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (CART, {"definition": SWITCH, "version": 1}),
        (f"{CART}/remove", {"version": 1}),
        (f"{CART}/share", {"variant": "on", "percent": 25}),
        (f"{API}/flag-sets/shop/import", {"document": {"flags": {}}}),
    ],
)
async def test_every_way_to_change_it_waits(
    ana: httpx2.AsyncClient, path: str, body: dict[str, object]
) -> None:
    answer = await ana.post(path, json={**body, "reason": "x"})
    assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
    assert (await ana.get(CART)).json()["version"] == 1


async def test_a_program_proposes_nothing_that_takes_two_people(door: Door, ana: httpx2.AsyncClient) -> None:
    omar = door.client("omar")
    answer = await omar.post(f"{CART}/toggle", json={"enabled": False, "reason": "x"})
    assert (answer.status_code, "takes two people" in answer.json()["detail"]) == (403, True)


async def test_a_plan_is_refused_or_cancelled_with_a_reason(
    ana: httpx2.AsyncClient, bo: httpx2.AsyncClient
) -> None:
    one, two = await off(ana), await off(ana)
    assert (await bo.post(f"{API}/flag-plans/{one['id']}/refuse", json={"reason": " "})).status_code == 422
    refused = await bo.post(f"{API}/flag-plans/{one['id']}/refuse", json={"reason": "not today"})
    assert (refused.json()["state"], refused.json()["decision"]) == ("refused", "not today")
    cancelled = await ana.post(f"{API}/flag-plans/{two['id']}/cancel", json={"reason": "my mistake"})
    assert cancelled.json()["outcome"] == "cancelled by ana: my mistake"
    listed = (await bo.get(f"{API}/flag-plans", params={"set": "shop", "key": "new-cart"})).json()
    assert [(found["id"], found["state"]) for found in listed] == [
        (two["id"], "cancelled"),
        (one["id"], "refused"),
    ]
    some = await bo.get(f"{API}/flag-plans", params={"state": ["refused", "waiting"]})
    assert [found["id"] for found in some.json()] == [one["id"]]
    assert (await bo.get(f"{API}/flag-plans/99")).status_code == 404


async def test_a_rollout_is_planned_at_once_and_made_when_it_is_due(
    world: World, door: Door, ana: httpx2.AsyncClient
) -> None:
    omar = door.client("omar")
    await omar.post(f"{API}/flags/shop/free", json={"definition": SWITCH, "reason": "first"})
    later = world.clock.now() + timedelta(hours=1)
    steps: list[dict[str, object]] = [
        {"kind": "share", "variant": "on", "percent": 1},
        {"kind": "share", "variant": "on", "percent": 10, "not_before": later.isoformat()},
    ]
    body = {"reason": "a rollout", "steps": steps}
    refused = await omar.post(f"{API}/flags/shop/free/plans", json=body)
    assert refused.status_code == 202
    assert [one["state"] for one in refused.json()] == ["scheduled", "scheduled"]
    await make_due(world.ports)
    assert (await omar.get(f"{API}/flag-plans", params={"state": "scheduled"})).json()[0]["text"] == (
        "give on to 10 %"
    )


@pytest.mark.parametrize(
    "step",
    [
        {"kind": "toggle", "enabled": True, "not_before": "soon"},
        {"kind": "toggle", "enabled": True, "not_before": "2020-12-01T12:00:00Z"},
        {"kind": "toggle", "enabled": True, "not_before": "2031-12-01T12:00:00+01:00"},
        {"kind": "toggle"},
        {"kind": "rename"},
        {"kind": "share", "variant": "on", "percent": 101},
        {"kind": "share", "variant": "on", "percent": "NaN"},
        {"kind": "share", "variant": "on", "percent": 12.345},
        {"kind": "share", "variant": "blue", "percent": 10},
        {"kind": "put", "definition": SWITCH},
        {"kind": "remove"},
    ],
)
async def test_a_wrong_step_is_told_what_is_wrong(ana: httpx2.AsyncClient, step: object) -> None:
    answer = await ana.post(f"{CART}/plans", json={"reason": "x", "steps": [step]})
    assert answer.status_code == 422
    assert all(one["path"].startswith("steps.0") for one in answer.json()["problems"])


async def test_a_flag_is_compared_and_copied_into_another_environment(
    ana: httpx2.AsyncClient, bo: httpx2.AsyncClient
) -> None:
    shown = (await ana.get(f"{CART}/compare", params={"to": "staging"})).json()
    assert (shown["there"], shown["there_set"], shown["there_version"]) == (None, "shop@staging", 0)
    assert shown["differs"] == ["all of it"]
    body = {"to_environment": "staging", "reason": "try it there"}
    assert (await ana.post(f"{CART}/copy", json=body)).status_code == 422
    dry = await ana.post(f"{CART}/copy", json={**body, "dry_run": True})
    assert dry.json() == shown
    made = await ana.post(f"{CART}/copy", json={**body, "version": 0})
    assert (made.status_code, made.json()["flag_set"], made.headers["etag"]) == (200, "shop@staging", '"1"')
    assert (await ana.get(STAGED)).json()["definition"] == DEAR
    same = await ana.get(f"{STAGED}/compare")
    assert (same.json()["differs"], same.json()["there_set"]) == ([], "shop")
    again = await ana.post(f"{CART}/copy", json={**body, "version": 0})
    assert again.status_code == 409


async def test_a_copy_onto_a_protected_flag_waits_there(
    ana: httpx2.AsyncClient, bo: httpx2.AsyncClient
) -> None:
    await ana.post(STAGED, json={"definition": {**SWITCH, "defaultVariant": "on"}, "reason": "other"})
    differs = (await ana.get(f"{STAGED}/compare")).json()["differs"]
    assert differs == ["defaultVariant", "metadata"]
    held = await ana.post(f"{STAGED}/copy", json={"to_environment": "", "version": 1, "reason": "it works"})
    assert (held.status_code, held.json()["flag_set"]) == (202, "shop")
    await bo.post(f"{API}/flag-plans/{held.json()['id']}/approve", json={"reason": "seen it"})
    assert (await ana.get(CART)).json()["definition"]["defaultVariant"] == "on"


async def test_a_service_shows_its_flags_in_each_environment(door: Door, ana: httpx2.AsyncClient) -> None:
    await ana.post(STAGED, json={"definition": {**SWITCH, "state": "DISABLED"}, "reason": "first"})
    await ana.post(f"{API}/flags/shop@staging/more", json={"definition": SWITCH, "reason": "first"})
    told = (await door.client("vera").get(f"{API}/flag-environments/shop")).json()
    assert told["environments"] == ["", "staging"]
    states = {
        one["key"]: [(place["flag_set"], place["version"], place["enabled"]) for place in one["places"]]
        for one in told["flags"]
    }
    assert states == {
        "more": [("shop", 0, False), ("shop@staging", 1, True)],
        "new-cart": [("shop", 1, True), ("shop@staging", 1, False)],
    }
    assert all(one["differs"] for one in told["flags"])
    assert (await ana.get(f"{API}/flag-environments/pay")).status_code == 404


@pytest.mark.parametrize("name", ["shop@", "shop@own", "shop@a.b", "shop@Staging", "@staging", "a@b@c"])
async def test_a_name_of_an_environment_is_plain(door: Door, name: str) -> None:
    answer = await door.client("ada").post(
        f"{API}/flags/{name}/new-cart", json={"definition": SWITCH, "reason": "x"}
    )
    assert answer.status_code == 422


async def test_whoever_flips_the_service_flips_its_environments_and_no_other_s(
    ana: httpx2.AsyncClient,
) -> None:
    body = {"definition": SWITCH, "reason": "x"}
    assert (await ana.post(f"{API}/flags/shop@eu/a", json=body)).status_code == 200
    assert (await ana.post(f"{API}/flags/pay@shop/a", json=body)).status_code == 403


async def test_a_set_of_another_environment_is_asked_for_by_its_name(
    door: Door, ana: httpx2.AsyncClient
) -> None:
    await ana.post(STAGED, json={"definition": {**SWITCH, "defaultVariant": "on"}, "reason": "first"})
    vera, path = door.client("vera"), "/ofrep/v1/evaluate/flags/new-cart"
    for headers, query in (
        ({"x-flag-set": "shop@staging"}, ""),
        ({"flagd-selector": "flagSetId=shop@staging"}, ""),
        ({}, "?set=shop%40staging"),
    ):
        assert (await vera.post(path + query, json={}, headers=headers)).json()["value"] is True
    assert (await vera.post(path, json={}, headers={"x-flag-set": "shop"})).json()["value"] is False


async def test_whoever_approves_what_waits_for_nobody_is_told_so_first(
    door: Door, ana: httpx2.AsyncClient
) -> None:
    steps = [{"kind": "toggle", "enabled": False, "not_before": "2026-11-23T18:00:00Z"}]
    made = await ana.post(f"{API}/flags/shop/free/plans", json={"steps": steps, "reason": "tonight"})
    assert made.status_code == 404
    await ana.post(f"{API}/flags/shop/free", json={"definition": SWITCH, "reason": "a first try"})
    made = await ana.post(f"{API}/flags/shop/free/plans", json={"steps": steps, "reason": "tonight"})
    [plan] = made.json()
    answer = await door.client("omar").post(f"{API}/flag-plans/{plan['id']}/approve", json={"reason": "x"})
    told = answer.json()
    assert (answer.status_code, told["title"]) == (409, "Nothing to decide")
    assert told["detail"] == f"plan {plan['id']} is scheduled, and waits for nobody"


async def test_instants_are_written_as_on_the_pages(ana: httpx2.AsyncClient) -> None:
    def steps(*instants: str) -> dict[str, object]:
        told = [{"kind": "share", "variant": "on", "percent": 5, "not_before": one} for one in instants]
        return {"steps": told, "reason": "a rollout"}

    made = await ana.post(f"{CART}/plans", json=steps("14:30", "+3h", "2026-11-23T17:00:00+01:00"))
    assert [one["not_before"] for one in made.json()] == [
        "2026-11-23T14:30:00Z",
        "2026-11-23T15:00:00Z",
        "2026-11-23T16:00:00Z",
    ]
    wrong = await ana.post(f"{CART}/plans", json=steps("soon", "+1h", "later"))
    assert wrong.status_code == 422
    paths = [one["path"] for one in wrong.json()["problems"]]
    assert paths == ["steps.0.not_before", "steps.2.not_before"]


async def test_a_copy_brings_the_shared_rules_along_that_it_needs_where_that_is_asked(
    ana: httpx2.AsyncClient,
) -> None:
    staff = {"or": [{"$ref": "by-mail"}, {"var": "staff"}]}
    rules = {"is-staff": staff, "by-mail": {"ends_with": [{"var": "email"}, "@shop.example"]}, "more": staff}
    targeting = {"if": [{"$ref": "is-staff"}, "on", "off"]}
    file = {"flags": {"beta": {**SWITCH, "targeting": targeting}, "new-cart": DEAR}, "$evaluators": rules}
    body = {"document": file, "reason": "rules"}
    plan = (await ana.post(f"{API}/flag-sets/shop@test/import", json=body)).json()
    assert plan["added"] == ["beta", "new-cart"]
    path = f"{API}/flags/shop@test/beta"
    compared = (await ana.get(f"{path}/compare", params={"to": "eu"})).json()
    assert compared["missing_rules"] == ["by-mail", "is-staff"]
    copy = {"to_environment": "eu", "version": 0, "reason": "it works"}
    refused = await ana.post(f"{path}/copy", json=copy)
    assert refused.status_code == 422
    assert [(one["path"], one["seen"]) for one in refused.json()["problems"]] == [
        ("$evaluators.by-mail", "not in shop@eu"),
        ("$evaluators.is-staff", "not in shop@eu"),
    ]
    made = await ana.post(f"{path}/copy", json={**copy, "with_rules": True})
    assert (made.status_code, made.json()["flag_set"]) == (200, "shop@eu")
    exported = (await ana.get(f"{API}/flag-sets/shop@eu/export")).json()
    assert (sorted(exported["flags"]), sorted(exported["$evaluators"])) == (["beta"], ["by-mail", "is-staff"])


async def test_rules_that_a_second_person_has_to_approve_wait_and_the_copy_comes_after_them(
    ana: httpx2.AsyncClient, bo: httpx2.AsyncClient
) -> None:
    rule = {"ends_with": [{"var": "email"}, "@shop.example"]}
    beta = {**SWITCH, "targeting": {"if": [{"$ref": "is-staff"}, "on", "off"]}}
    file = {"flags": {"beta": beta}, "$evaluators": {"is-staff": rule}}
    await ana.post(f"{API}/flag-sets/shop@test/import", json={"document": file, "reason": "rules"})
    copy = {"to_environment": "", "version": 0, "reason": "it works", "with_rules": True}
    held = await ana.post(f"{API}/flags/shop@test/beta/copy", json=copy)
    assert (held.status_code, held.json()["kind"], held.json()["key"]) == (202, "import", "")
    await bo.post(f"{API}/flag-plans/{held.json()['id']}/approve", json={"reason": "seen it"})
    assert (await ana.post(f"{API}/flags/shop@test/beta/copy", json=copy)).status_code == 200
    assert (await ana.get(CART)).json()["version"] == 1

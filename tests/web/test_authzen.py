"""The AuthZEN Authorization API 1.0."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.access import Permission, Role
from sre_portal.core.account import Account
from sre_portal.web.authzen_wire import (
    Evaluations,
    Malformed,
    SubjectSearch,
    page_of,
    parse_question,
)
from tests.operations.people import person
from tests.operations.world import World
from tests.web.door import Door

SHOP = frozenset({"shop"})
EVALUATION, EVALUATIONS = "/access/v1/evaluation", "/access/v1/evaluations"
READ = {"name": "portal:read"}
START = {"name": "run:start"}
ON_SHOP = {"type": "service", "id": "shop"}
ON_PORTAL = {"type": "portal", "id": "demo"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A portal without traffic: nothing here needs any."""
    opened = await World(tmp_path).open()
    yield opened
    await opened.close()


@pytest.fixture
async def omar(world: World) -> Account:
    return await person(world.ports, "omar", Role.OPERATOR, SHOP)


@pytest.fixture
def ada(door: Door) -> httpx2.AsyncClient:
    return door.client("ada")


def question(**parts: object) -> dict[str, object]:
    """May omar start runs on the shop, unless a part is another."""
    usual = {"subject": {"type": "account", "id": "omar"}, "action": START, "resource": ON_SHOP}
    return {**usual, **parts}


async def asked(client: httpx2.AsyncClient, path: str, body: object) -> dict[str, object]:
    answer = await client.post(path, json=body)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    found: dict[str, object] = answer.json()
    return found


async def decision(client: httpx2.AsyncClient, **parts: object) -> object:
    return (await asked(client, EVALUATION, question(**parts)))["decision"]


async def test_a_permitted_act_is_permitted_and_the_reason_told(
    ada: httpx2.AsyncClient, omar: Account
) -> None:
    assert await asked(ada, EVALUATION, question()) == {
        "decision": True,
        "context": {"reason_admin": {"en": "omar may run:start on shop: given by test"}},
    }


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ({"action": {"name": "access:read"}}, "it takes admin everywhere"),
        ({"action": {"name": "fly"}}, "no action 'fly'"),
        ({"subject": {"type": "account", "id": "eve"}}, "no account 'eve'"),
        ({"subject": {"type": "account", "id": "\u0000"}}, "no account"),
        ({"subject": {"type": "token", "id": "nothing"}}, "no API token 'nothing'"),
        ({"subject": {"type": "token", "id": "agent:shop"}}, "no API token 'agent:shop'"),
        ({"subject": {"type": "user", "id": "omar"}}, "no subjects of the type 'user'"),
        ({"resource": {"type": "service", "id": "shpo"}}, "no service 'shpo'"),
        ({"resource": {"type": "portal", "id": "elsewhere"}}, "no portal 'elsewhere'"),
        ({"resource": {"type": "book", "id": "1"}}, "no book '1'"),
        ({"resource": ON_PORTAL}, "omar may run:start on shop, not everywhere"),
    ],
)
async def test_whatever_is_not_known_or_not_allowed_is_denied(
    ada: httpx2.AsyncClient, omar: Account, parts: Mapping[str, object], reason: str
) -> None:
    answer = await ada.post(EVALUATION, json=question(**parts))
    told = answer.json()
    assert (answer.status_code, told["decision"]) == (200, False)
    assert reason in told["context"]["reason_admin"]["en"]
    assert told["context"]["reason_user"] == {"en": "You may not do this here."}


@pytest.mark.parametrize(
    "name", ["{id}", "omar", "omar@example.com", "https://login.example.com#sub-omar", "account:{id}"]
)
async def test_an_account_has_several_names(ada: httpx2.AsyncClient, omar: Account, name: str) -> None:
    assert await decision(ada, subject={"type": "account", "id": name.format(id=omar.id)})


async def test_a_token_is_a_subject(ada: httpx2.AsyncClient, world: World) -> None:
    assert await decision(ada, subject={"type": "token", "id": "ada"}, action={"name": "token:issue"})
    assert not await decision(ada, subject={"type": "token", "id": "vera"})
    body = {"name": "short", "role": "operator", "days": 1}
    assert (await ada.post("/api/v1/tokens", json=body)).status_code == 201
    assert await decision(ada, subject={"type": "token", "id": "short"})
    world.clock.move(86_400)
    assert not await decision(ada, subject={"type": "token", "id": "short"})


async def test_the_answer_is_that_of_the_portal_itself(ada: httpx2.AsyncClient, omar: Account) -> None:
    found = {
        one.value: await decision(ada, action={"name": one.value}, resource=ON_PORTAL) for one in Permission
    }
    assert [name for name, allowed in found.items() if allowed] == [
        "portal:read",
        "metrics:read",
        "run:abort",
        "harm:stop",
        "glass:break",
        "flag:read",
    ]


async def test_many_are_evaluated_with_the_defaults_of_the_question(
    ada: httpx2.AsyncClient, omar: Account
) -> None:
    body = question(
        evaluations=[
            {},
            {"action": {"name": "audit:read"}},
            {"subject": {"type": "token", "id": "ada"}, "action": {"name": "audit:read"}},
            {"resource": {"type": "service", "id": "shpo"}},
        ]
    )
    told = await asked(ada, EVALUATIONS, body)
    assert "decision" not in told
    assert decisions(told) == [True, False, True, False]


async def test_one_wrong_evaluation_is_denied_and_the_others_are_answered(
    ada: httpx2.AsyncClient, omar: Account
) -> None:
    body = {
        "subject": {"type": "account", "id": "omar"},
        "action": START,
        "evaluations": [{"resource": ON_SHOP}, {}, {"resource": {"type": "service"}}, {"resource": 7}],
    }
    told = await asked(ada, EVALUATIONS, body)
    assert decisions(told) == [True, False, False, False]
    assert "resource: Field required" in json.dumps(told)


@pytest.mark.parametrize(
    ("semantic", "expected"),
    [
        ("execute_all", [True, False, True]),
        ("deny_on_first_deny", [True, False]),
        ("permit_on_first_permit", [True]),
    ],
)
async def test_the_semantic_says_when_to_stop(
    ada: httpx2.AsyncClient, omar: Account, semantic: str, expected: list[bool]
) -> None:
    body = question(
        options={"evaluations_semantic": semantic},
        evaluations=[{}, {"action": {"name": "audit:read"}}, {}],
    )
    assert decisions(await asked(ada, EVALUATIONS, body)) == expected


async def test_without_evaluations_one_is_answered_as_one(ada: httpx2.AsyncClient, omar: Account) -> None:
    for body in (question(), question(evaluations=[])):
        assert (await asked(ada, EVALUATIONS, body))["decision"] is True


def decisions(told: Mapping[str, object]) -> list[object]:
    found = told["evaluations"]
    assert isinstance(found, list)
    return [one["decision"] for one in found]


async def search(client: httpx2.AsyncClient, kind: str, **parts: object) -> tuple[list[object], object]:
    told = await asked(client, f"/access/v1/search/{kind}", parts)
    results = told["results"]
    assert isinstance(results, list)
    return results, told["page"]


async def test_subjects_are_found_and_each_is_permitted(ada: httpx2.AsyncClient, omar: Account) -> None:
    accounts, page = await search(ada, "subject", subject={"type": "account"}, action=START, resource=ON_SHOP)
    assert accounts == [{"type": "account", "id": str(omar.id)}]
    assert page == {"next_token": "", "count": 1, "total": 1}
    tokens, _ = await search(ada, "subject", subject={"type": "token"}, action=START, resource=ON_SHOP)
    assert tokens == [{"type": "token", "id": "ada"}, {"type": "token", "id": "omar"}]
    for one in [*accounts, *tokens]:
        assert await decision(ada, subject=one)


async def test_resources_are_found(ada: httpx2.AsyncClient, omar: Account) -> None:
    who = {"type": "account", "id": "omar"}
    found, _ = await search(ada, "resource", subject=who, action=START, resource={"type": "service"})
    assert found == [ON_SHOP]
    found, _ = await search(ada, "resource", subject=who, action=START, resource={"type": "portal"})
    assert found == []
    found, _ = await search(
        ada, "resource", subject=who, action=READ, resource={"type": "portal", "id": "any"}
    )
    assert found == [ON_PORTAL]


async def test_actions_are_found(ada: httpx2.AsyncClient, omar: Account) -> None:
    who = {"type": "account", "id": "omar"}
    found, _ = await search(ada, "action", subject=who, resource=ON_SHOP)
    assert {"name": "run:start"} in found
    assert {"name": "audit:read"} not in found
    on_portal, _ = await search(ada, "action", subject=who, resource=ON_PORTAL)
    assert {"name": "run:start"} not in on_portal


async def test_what_is_not_known_finds_nothing(ada: httpx2.AsyncClient, omar: Account) -> None:
    who, nobody = {"type": "account", "id": "omar"}, {"type": "account", "id": "eve"}
    for kind, parts in (
        ("subject", {"subject": {"type": "user"}, "action": START, "resource": ON_SHOP}),
        ("subject", {"subject": {"type": "account"}, "action": {"name": "fly"}, "resource": ON_SHOP}),
        (
            "subject",
            {"subject": {"type": "account"}, "action": START, "resource": {"type": "book", "id": "1"}},
        ),
        ("resource", {"subject": nobody, "action": START, "resource": {"type": "service"}}),
        ("resource", {"subject": who, "action": START, "resource": {"type": "book"}}),
        ("action", {"subject": nobody, "resource": ON_SHOP}),
        ("action", {"subject": who, "resource": {"type": "book", "id": "1"}}),
    ):
        assert (await search(ada, kind, **parts))[0] == []


async def test_a_long_answer_comes_in_pages(ada: httpx2.AsyncClient, world: World) -> None:
    people = [await person(world.ports, f"p{number}", Role.VIEWER) for number in range(5)]
    parts: dict[str, object] = {"subject": {"type": "account"}, "action": READ, "resource": ON_SHOP}
    found: list[object] = []
    page: dict[str, object] = {"limit": 2}
    for _ in range(3):
        results, after = await search(ada, "subject", **parts, page=page)
        assert isinstance(after, dict)
        assert after["total"] == 5
        found += results
        page = {"token": after["next_token"]}
    assert page == {"token": ""}
    assert found == [{"type": "account", "id": str(one.id)} for one in people]


async def test_an_answer_that_leaves_accounts_off_says_so_and_no_total(
    ada: httpx2.AsyncClient, world: World, door: Door
) -> None:
    for number in range(3):
        await person(world.ports, f"p{number}", Role.VIEWER)
    door.app.state.ports = replace(world.ports, policy=replace(world.ports.policy, most_accounts=2))
    body = {"subject": {"type": "account"}, "action": READ, "resource": ON_SHOP}
    told = await asked(ada, "/access/v1/search/subject", body)
    assert told["page"] == {"next_token": "", "count": 2}
    assert "only the first 2" in json.dumps(told["context"])
    tokens = await asked(ada, "/access/v1/search/subject", body | {"subject": {"type": "token"}})
    assert "context" not in tokens


async def test_a_page_belongs_to_its_question(ada: httpx2.AsyncClient, world: World) -> None:
    for number in range(3):
        await person(world.ports, f"p{number}", Role.VIEWER)
    parts: dict[str, object] = {"subject": {"type": "account"}, "action": READ, "resource": ON_SHOP}
    _, page = await search(ada, "subject", **parts, page={"limit": 1})
    assert isinstance(page, dict)
    token = page["next_token"]
    for other in (
        {**parts, "action": START, "page": {"token": token}},
        {**parts, "page": {"token": token, "limit": 2}},
        {**parts, "page": {"token": "made up"}},
        {**parts, "page": {"token": "MS4xLjE="}},
    ):
        answer = await ada.post("/access/v1/search/subject", json=other)
        assert answer.status_code == 400
        assert "page." in answer.json()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"7",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"subject": NaN}',
        b'{"subject": {"type": "account", "id": "a", "id": "b"}}',
        json.dumps(question(subject={"type": "account", "id": "\ud800"})).encode(),
        json.dumps(question(context={"half": ["\ud800"]})).encode(),
        json.dumps(question(subject={"type": "account", "id": 7})).encode(),
        b'{"action": {"name": "portal:read"}}',
        b'{"evaluations": 7}',
        b'{"options": {"evaluations_semantic": "guess"}, "evaluations": [{}]}',
    ],
)
async def test_what_cannot_be_understood_is_a_bad_request_with_a_sentence(
    ada: httpx2.AsyncClient, body: bytes
) -> None:
    headers = {"x-request-id": "42", "content-type": "application/json"}
    answer = await ada.post(EVALUATIONS, content=body, headers=headers)
    assert answer.status_code == 400
    assert isinstance(answer.json(), str)
    assert answer.headers["x-request-id"] == "42"


async def test_the_name_of_a_request_comes_back(door: Door, omar: Account) -> None:
    headers = {"x-request-id": "bfe9eb29-ab87-4ca3"}
    for name, status in (("ada", 200), ("omar", 403), ("", 401)):
        answer = await door.client(name).post(EVALUATION, json=question(), headers=headers)
        assert answer.status_code == status
        assert answer.headers["x-request-id"] == "bfe9eb29-ab87-4ca3"
        assert isinstance(answer.json(), str if status > 200 else dict)
    assert "x-request-id" not in (await door.client("ada").post(EVALUATION, json=question())).headers


async def test_the_endpoints_are_found_without_a_login(door: Door) -> None:
    answer = await door.client().get("/.well-known/authzen-configuration")
    told = answer.json()
    url = door.world.ports.policy.url
    assert told == {
        "policy_decision_point": url,
        "access_evaluation_endpoint": f"{url}/access/v1/evaluation",
        "access_evaluations_endpoint": f"{url}/access/v1/evaluations",
        "search_subject_endpoint": f"{url}/access/v1/search/subject",
        "search_resource_endpoint": f"{url}/access/v1/search/resource",
        "search_action_endpoint": f"{url}/access/v1/search/action",
    }
    assert "max-age" in answer.headers["cache-control"]
    routes = {str(getattr(route, "path", "")) for route in door.app.routes}
    assert {
        endpoint.removeprefix(url) for name, endpoint in told.items() if name.endswith("endpoint")
    } <= routes


@given(st.lists(st.integers(0, 9), max_size=12), st.integers(1, 5))
def test_pages_hold_every_result_once_and_in_order(numbers: list[int], limit: int) -> None:
    results = [{"type": "account", "id": f"{index}-{number}"} for index, number in enumerate(numbers)]
    body: dict[str, object] = {"subject": {"type": "account"}, "action": READ, "resource": ON_SHOP}
    found: list[object] = []
    page: dict[str, object] = {"limit": limit}
    for _ in range(20):
        asked = parse_question(json.dumps({**body, "page": page}).encode(), SubjectSearch)
        told = page_of(asked, results)
        shown, after = told["results"], told["page"]
        assert isinstance(shown, list)
        assert isinstance(after, dict)
        found += shown
        if not after["next_token"]:
            break
        page = {"token": after["next_token"]}
    assert found == results


@given(st.binary(max_size=200))
def test_no_bytes_break_the_parser(body: bytes) -> None:
    with suppress(Malformed):
        parse_question(body, Evaluations)

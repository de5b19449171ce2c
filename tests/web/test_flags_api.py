"""Flags over the JSON API: seen, changed with a reason, imported, exported and explained."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from typer.testing import CliRunner, Result

from sre_portal.cli.app import app
from tests.operations.world import World
from tests.providers.served import served
from tests.web.door import SECRETS, Door

EXAMPLE = Path(__file__).parents[2] / "examples" / "flags" / "shop.flagd.json"

SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
STAFF = {
    **SWITCH,
    "defaultVariant": "off",
    "targeting": {"if": [{"ends_with": [{"var": "email"}, "@shop.example"]}, "on", None]},
}
CART = "/api/v1/flags/shop/new-cart"
SHOP = "/api/v1/flag-sets/shop"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path, agents=[]).open()
    yield opened
    await opened.close()


@pytest.fixture
async def omar(door: Door) -> httpx2.AsyncClient:
    """With one flag made."""
    client = door.client("omar")
    made = await client.post(CART, json={"definition": SWITCH, "reason": "a first try"})
    assert (made.status_code, made.headers["etag"]) == (200, '"1"')
    return client


async def test_a_flag_is_shown_with_who_and_why(omar: httpx2.AsyncClient) -> None:
    answer = await omar.get(CART)
    told = answer.json()
    assert answer.headers["etag"] == '"1"'
    assert told["definition"] == SWITCH
    assert (told["version"], told["changed_by"], told["reason"]) == (1, "omar", "a first try")
    assert (await omar.get("/api/v1/flags", params={"set": "shop"})).json() == [told]
    assert (await omar.get("/api/v1/flags")).json() == [told]
    assert (await omar.get("/api/v1/flag-sets")).json() == [{"name": "shop", "version": 1, "flags": 1}]


@pytest.mark.parametrize(
    "path", ["/flags?set=pay", "/flags/shop/other", "/flags/pay/new-cart", "/flag-sets/pay/export"]
)
async def test_what_is_not_there_is_not_found(omar: httpx2.AsyncClient, path: str) -> None:
    assert (await omar.get(f"/api/v1{path}")).status_code == 404


@pytest.mark.parametrize("by_header", [True, False])
async def test_the_second_editor_is_shown_the_first_one_s_change(
    door: Door, omar: httpx2.AsyncClient, by_header: bool
) -> None:
    ada = door.client("ada")
    off = {**SWITCH, "defaultVariant": "off"}

    async def change(client: httpx2.AsyncClient, reason: str) -> httpx2.Response:
        body: dict[str, object] = {"definition": off if client is ada else STAFF, "reason": reason}
        if by_header:
            return await client.post(CART, json=body, headers={"if-match": '"1"'})
        return await client.post(CART, json=body | {"version": 1})

    assert (await change(ada, "an incident")).json()["version"] == 2
    late = await change(omar, "staff first")
    assert late.status_code == 409
    told = late.json()
    assert told["detail"] == "expected version 1, found version 2 by ada: an incident"
    assert told["current"]["definition"] == off
    assert (await omar.get(CART)).json()["definition"] == off


async def test_without_a_version_a_flag_is_only_made(omar: httpx2.AsyncClient) -> None:
    answer = await omar.post(CART, json={"definition": STAFF, "reason": "again"})
    assert (answer.status_code, answer.json()["current"]["version"]) == (409, 1)


@pytest.mark.parametrize(
    ("body", "header"),
    [
        ({"definition": SWITCH, "reason": "x", "version": 1}, '"2"'),
        ({"definition": SWITCH, "reason": "x"}, "*"),
        ({"definition": SWITCH, "reason": " ", "version": 1}, ""),
        ({"definition": SWITCH, "version": 1}, ""),
        ({"definition": SWITCH, "reason": "x", "more": 1}, ""),
        ({"definition": [], "reason": "x"}, ""),
        ({"reason": "x"}, ""),
    ],
)
async def test_a_wrong_change_is_told_what_is_wrong(
    omar: httpx2.AsyncClient, body: object, header: str
) -> None:
    answer = await omar.post(CART, json=body, headers={"if-match": header} if header else {})
    assert answer.status_code == 422
    assert answer.json()["problems"]


async def test_every_problem_of_a_definition_has_its_path(omar: httpx2.AsyncClient) -> None:
    bad = {"state": "ON", "variants": {"on": True}, "defaultVariant": "of"}
    answer = await omar.post(CART, json={"definition": bad, "reason": "x", "version": 1})
    assert answer.status_code == 422
    paths = [one["path"] for one in answer.json()["problems"]]
    assert paths == ["flags.new-cart.state", "flags.new-cart.defaultVariant"]
    assert (await omar.get(CART)).json()["version"] == 1


async def test_a_switch_is_flipped_and_a_flag_removed(omar: httpx2.AsyncClient) -> None:
    off = await omar.post(f"{CART}/toggle", json={"enabled": False, "reason": "an incident"})
    assert (off.json()["version"], off.json()["definition"]["state"]) == (2, "DISABLED")
    unseen = await omar.post(f"{CART}/remove", json={"reason": "done with it"})
    assert unseen.status_code == 422
    gone = await omar.post(f"{CART}/remove", json={"reason": "done with it"}, headers={"if-match": '"2"'})
    assert (gone.json()["version"], gone.json()["definition"]) == (3, None)
    told = (await omar.get(f"{CART}/history")).json()
    assert [(one["version"], one["reason"]) for one in told] == [
        (3, "done with it"),
        (2, "an incident"),
        (1, "a first try"),
    ]
    older = (await omar.get(f"{CART}/history", params={"before": 3, "limit": 1})).json()
    assert [one["version"] for one in older] == [2]


async def test_another_share_is_given_at_once_and_it_is_told_whom_it_moves(
    door: Door, omar: httpx2.AsyncClient
) -> None:
    off = {**SWITCH, "defaultVariant": "off"}
    await omar.post(CART, json={"definition": off, "reason": "nobody yet", "version": 1})
    body: dict[str, object] = {"variant": "on", "percent": 12.5, "reason": "a quiet night"}
    made = await omar.post(f"{CART}/share", json=body)
    assert (made.status_code, made.headers["etag"], made.json()["version"]) == (200, '"3"', 3)
    assert made.json()["moves"]["share_ratio"] == 0.125
    assert made.json()["definition"]["targeting"] == {"fractional": [["on", 25], ["off", 175]]}
    late = await omar.post(f"{CART}/share", json=body | {"percent": "25", "version": 2})
    assert (late.status_code, late.json()["current"]["version"]) == (409, 3)
    grown = await omar.post(f"{CART}/share", json=body | {"percent": "25"}, headers={"if-match": '"3"'})
    assert grown.json()["moves"]["share_ratio"] == 0.125
    events = await door.client("ada").get("/api/v1/audit", params={"object": "flag:shop/new-cart"})
    assert events.json()[0]["reason"] == "a quiet night"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"variant": "blue", "percent": 10}, "variant"),
        ({"variant": "on", "percent": 101}, "percent"),
        ({"variant": "on", "percent": "NaN"}, "percent"),
        ({"variant": "on", "percent": 1.234}, "percent"),
        ({"variant": "on"}, "percent"),
        ({"variant": "on", "percent": 10, "reason": ""}, "reason"),
    ],
)
async def test_a_wrong_share_is_told_what_is_wrong(
    omar: httpx2.AsyncClient, body: dict[str, object], path: str
) -> None:
    off = {**SWITCH, "defaultVariant": "off"}
    await omar.post(CART, json={"definition": off, "reason": "nobody yet", "version": 1})
    answer = await omar.post(f"{CART}/share", json={"reason": "x"} | body)
    assert answer.status_code == 422
    assert [one["path"] for one in answer.json()["problems"]] == [path]


async def test_a_file_is_compared_imported_and_exported(omar: httpx2.AsyncClient) -> None:
    file = {"flags": {"staff": STAFF}, "metadata": {"owner": "shop"}}
    difference = {
        "added": ["staff"],
        "changed": [],
        "removed": ["new-cart"],
        "shared": True,
        "moves": {},
        "unknown_facts": {},
    }
    assert (await omar.post(f"{SHOP}/diff", json={"document": file})).json() == difference | {"version": 1}
    body = {"document": file, "reason": "from Git"}
    done = await omar.post(f"{SHOP}/import", json=body, headers={"if-match": '"1"'})
    assert done.json() == difference | {"version": 2}
    assert (await omar.get(f"{SHOP}/export")).json() == file
    late = await omar.post(f"{SHOP}/import", json=body | {"version": 1})
    assert (late.status_code, late.json()["current"]["set_version"]) == (409, 2)


async def test_a_file_with_problems_changes_nothing(omar: httpx2.AsyncClient) -> None:
    document = '{"flags": {"a": {"state": "ON"}, "b/c": 1, "b/c": 2}}'
    for path, body in (("diff", {}), ("import", {"reason": "from Git"})):
        answer = await omar.post(f"{SHOP}/{path}", json={"document": document, **body})
        assert answer.status_code == 422
        assert len(answer.json()["problems"]) >= 3
    assert (await omar.get(CART)).json()["version"] == 1


async def test_a_preview_says_what_and_why(door: Door, omar: httpx2.AsyncClient) -> None:
    await omar.post(CART, json={"definition": STAFF, "reason": "staff first", "version": 1})
    vera = door.client("vera")
    context = {"targetingKey": "ada", "email": "ada@shop.example"}
    told = (await vera.post(f"{CART}/preview", json={"context": context})).json()
    assert (told["value"], told["variant"], told["reason"]) == (True, "on", "TARGETING_MATCH")
    assert told["branch"] == "flags.new-cart.targeting.if[1]"
    assert [(one["path"], one["value"]) for one in told["looked"]] == [
        ("flags.new-cart.targeting.if[0].ends_with[0]", "ada@shop.example"),
        ("flags.new-cart.targeting.if[0]", True),
        ("flags.new-cart.targeting", "on"),
    ]


async def test_a_preview_shows_numbers_that_json_does_not_have(omar: httpx2.AsyncClient) -> None:
    rule = {"if": [{">": [{"/": [1, 0]}, 5]}, "on", "off"]}
    await omar.post(CART, json={"definition": {**SWITCH, "targeting": rule}, "reason": "x", "version": 1})
    told = (await omar.post(f"{CART}/preview", json={})).json()
    assert "inf" in [one["value"] for one in told["looked"]]


async def test_a_viewer_reads_and_changes_nothing(door: Door, omar: httpx2.AsyncClient) -> None:
    vera = door.client("vera")
    assert (await vera.get(CART)).status_code == 200
    denied = await vera.post(f"{CART}/toggle", json={"enabled": False, "reason": "x"})
    assert denied.status_code == 403


async def test_flips_have_a_pace_that_no_person_meets(omar: httpx2.AsyncClient) -> None:
    body = {"enabled": True, "reason": "again"}
    statuses = [(await omar.post(f"{CART}/toggle", json=body)).status_code for _ in range(201)]
    assert (set(statuses[:190]), statuses[-1]) == ({200}, 429)


async def test_a_file_goes_from_the_command_line_to_the_portal_and_back(door: Door, tmp_path: Path) -> None:
    async with served(door.app) as url:
        given = {"SRE_PORTAL_URL": url, "SRE_PORTAL_TOKEN": SECRETS["omar"][0]}

        async def run(*arguments: str) -> Result:
            return await asyncio.to_thread(CliRunner().invoke, app, ["flags", *arguments], env=given)

        done = await run("import", str(EXAMPLE), "--set", "shop", "--reason", "from Git")
        assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "shop: version 1")
        assert (await run("export", "--set", "shop")).stdout == EXAMPLE.read_text()
        assert (await run("diff", str(EXAMPLE), "--set", "shop")).exit_code == 0
        await run("toggle", "checkout-open", "off", "--set", "shop", "--reason", "an incident")
        assert (await run("diff", str(EXAMPLE), "--set", "shop")).stdout.startswith("~ checkout-open\n")
        asked = await door.client("vera").post(
            "/ofrep/v1/evaluate/flags/checkout-open", json={}, headers={"x-flag-set": "shop"}
        )
        assert asked.json()["reason"] == "DISABLED"


@pytest.mark.parametrize("way", ["put", "diff", "import"])
async def test_a_safety_that_would_be_off_in_silence_is_a_problem_with_its_path(
    omar: httpx2.AsyncClient, way: str
) -> None:
    wrong = {**SWITCH, "metadata": {"killSwitch": "yes", "drillEveryDays": "weekly"}}
    file = {"document": {"flags": {"new-cart": wrong}}}
    bodies = {
        "put": (CART, {"definition": wrong, "reason": "a switch", "version": 1}),
        "diff": (f"{SHOP}/diff", file),
        "import": (f"{SHOP}/import", {**file, "reason": "a switch"}),
    }
    path, body = bodies[way]
    answer = await omar.post(path, json=body)
    assert answer.status_code == 422
    found = [(one["path"], one["seen"]) for one in answer.json()["problems"]]
    at = "flags.new-cart.metadata"
    assert found == [(f"{at}.killSwitch", '"yes"'), (f"{at}.drillEveryDays", '"weekly"')]


@pytest.mark.parametrize(
    ("body", "seen"),
    [
        ('{"definition": ', "no JSON at character 15 (Expecting value)"),
        ("", "nothing"),
        (
            '{"definition":' + '{"!":' * 3000 + "1" + "}" * 3001,
            "lists and objects in each other, hundreds of levels deep",
        ),
        (b'{"definition": "\xff"}', "bytes that are no text"),
    ],
)
async def test_a_body_that_cannot_be_read_is_a_problem_in_words(
    omar: httpx2.AsyncClient, body: str | bytes, seen: str
) -> None:
    answer = await omar.post(CART, content=body, headers={"content-type": "application/json"})
    told = answer.json()
    assert answer.status_code == 422
    assert [(one["path"], one["seen"]) for one in told["problems"]] == [("body", seen)]
    assert "nothing at" not in answer.text


async def test_a_key_too_many_and_one_too_few_are_told_as_such(omar: httpx2.AsyncClient) -> None:
    answer = await omar.post(f"{CART}/toggle", json={"enabled": True, "why": "night"})
    assert [(one["path"], one["seen"], one["expected"]) for one in answer.json()["problems"]] == [
        ("reason", "nothing", "a value: this key is required"),
        ("why", 'the unknown key "why"', "only keys that this request has"),
    ]


async def test_only_what_is_not_there_is_said_not_to_be_there(omar: httpx2.AsyncClient) -> None:
    assert (await omar.get("/api/v1/nowhere")).json()["detail"] == "There is nothing at /api/v1/nowhere."
    wrong = await omar.delete(CART)
    assert (wrong.status_code, wrong.json()["detail"]) == (405, f"DELETE is nothing that {CART} does.")

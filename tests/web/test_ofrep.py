"""Flags are asked for over OFREP, by the official provider too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import FlagNotFoundError, GeneralError, OpenFeatureError

from sre_portal.core.flag.flag_set import PART
from sre_portal.core.flag_change import FlagEdit, SetChange
from sre_portal.core.flag_step import Toggle
from sre_portal.operations.flag_import import ImportOrder, import_flags
from sre_portal.operations.flags import FlagOrder, change_flag
from sre_portal.web.body_size import LARGEST_QUESTION_BYTES
from sre_portal.web.holder import Holder
from sre_portal.web.ofrep import AskedForAll, answer_all
from tests.operations.world import OMAR, START, World
from tests.providers.served import served
from tests.web.door import AGENT_SECRET, SECRETS, Door

SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
FLAGS = {
    "metadata": {"owner": "shop"},
    "flags": {
        "new-cart": SWITCH,
        "limit": {**SWITCH, "variants": {"low": 10.0, "high": 20.5}, "defaultVariant": "low"},
        "retries": {**SWITCH, "variants": {"few": 3}, "defaultVariant": "few"},
        "theme": {**SWITCH, "variants": {"on": {"colour": "färbung", "sizes": [1, 2.0]}}},
        "gone": {**SWITCH, "state": "DISABLED"},
        "own-default": {**SWITCH, "defaultVariant": None},
        "staff": {
            **SWITCH,
            "defaultVariant": "off",
            "targeting": {"if": [{"ends_with": [{"var": "email"}, "@shop.example"]}, "on", None]},
        },
        "half": {**SWITCH, "targeting": {"fractional": [["on", 50], ["off", 50]]}},
        "broken": {**SWITCH, "targeting": {"var": "wanted"}},
    },
}
KEYS = ["new-cart", "limit", "retries", "theme", "gone", "own-default", "staff", "half", "broken"]
ONE = "/ofrep/v1/evaluate/flags/"
ALL = "/ofrep/v1/evaluate/flags"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path, agents=[]).open()
    await import_flags(opened.ports, OMAR, ImportOrder("default", "test"), FLAGS)
    shop = {"flags": {"new-cart": {**SWITCH, "defaultVariant": "off"}}}
    await import_flags(opened.ports, OMAR, ImportOrder("shop", "test"), shop)
    yield opened
    await opened.close()


@pytest.fixture
def vera(door: Door) -> httpx2.AsyncClient:
    return door.client("vera")


@pytest.mark.parametrize(
    ("key", "context", "expected"),
    [
        ("new-cart", {}, {"value": True, "variant": "on", "reason": "STATIC"}),
        (
            "staff",
            {"email": "ada@shop.example"},
            {"value": True, "variant": "on", "reason": "TARGETING_MATCH"},
        ),
        ("staff", {"email": "eve@else.example"}, {"value": False, "variant": "off", "reason": "DEFAULT"}),
        ("half", {}, {"value": True, "variant": "on", "reason": "DEFAULT"}),
        ("gone", {}, {"variant": "", "reason": "DISABLED"}),
        ("own-default", {}, {"variant": "", "reason": "DEFAULT"}),
    ],
)
async def test_one_flag_is_told_in_full(
    vera: httpx2.AsyncClient, key: str, context: object, expected: dict[str, object]
) -> None:
    answer = await vera.post(ONE + key, json={"context": context})
    told = answer.json()
    epoch = {"bucketingEpoch": 3} if key == "half" else {}
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert told == {"key": key, "metadata": {"owner": "shop"} | epoch, **expected}


async def test_a_float_stays_one_and_an_object_is_whole(vera: httpx2.AsyncClient) -> None:
    assert '"value":10.0' in (await vera.post(ONE + "limit", json={})).text
    theme = (await vera.post(ONE + "theme", json={"context": {}})).json()["value"]
    assert theme == {"colour": "färbung", "sizes": [1, 2.0]}


@pytest.mark.parametrize("body", [b"", b"{}", b'{"context": null}', b'{"context": {}, "more": 1}'])
async def test_a_context_that_is_left_out_is_an_empty_one(vera: httpx2.AsyncClient, body: bytes) -> None:
    assert (await vera.post(ONE + "new-cart", content=body)).json()["value"] is True


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "PARSE_ERROR"),
        (b"[]", "PARSE_ERROR"),
        (b"\xff", "PARSE_ERROR"),
        (b"[" * 50_000, "PARSE_ERROR"),
        (b'{"context": []}', "INVALID_CONTEXT"),
        (b'{"context": "me"}', "INVALID_CONTEXT"),
    ],
)
async def test_a_request_that_makes_no_sense_is_told_why(
    vera: httpx2.AsyncClient, body: bytes, code: str
) -> None:
    one, many = await vera.post(ONE + "new-cart", content=body), await vera.post(ALL, content=body)
    assert (one.status_code, many.status_code) == (400, 400)
    assert (one.json()["key"], one.json()["errorCode"], many.json()["errorCode"]) == ("new-cart", code, code)
    assert one.json()["errorDetails"] == many.json()["errorDetails"] != ""


async def test_an_unknown_flag_and_a_rule_that_fails_have_their_codes(vera: httpx2.AsyncClient) -> None:
    unknown = await vera.post(ONE + "nothing", json={})
    assert (unknown.status_code, unknown.json()) == (
        404,
        {"key": "nothing", "errorCode": "FLAG_NOT_FOUND", "errorDetails": "no flag 'nothing'"},
    )
    broken = await vera.post(ONE + "broken", json={"context": {"wanted": "green"}})
    assert (broken.status_code, broken.json()["errorCode"]) == (400, "GENERAL")
    assert "'green', which is no variant" in broken.json()["errorDetails"]


async def test_all_flags_come_at_once_and_only_once(vera: httpx2.AsyncClient, world: World) -> None:
    context = {"context": {"targetingKey": "ada", "wanted": "green"}}
    first = await vera.post(ALL, json=context)
    told = {one["key"]: one for one in first.json()["flags"]}
    assert set(told) == set(KEYS)
    assert told["broken"]["errorCode"] == "GENERAL"
    assert "value" not in told["gone"]
    tag = first.headers["etag"]
    again = await vera.post(ALL, json=context, headers={"if-none-match": f'"x", W/{tag}'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    other = await vera.post(ALL, json={"context": {"wanted": "off"}}, headers={"if-none-match": tag})
    assert other.status_code == 200
    await change_flag(world.ports, OMAR, FlagOrder("default", "new-cart", "test"), Toggle(False))
    changed = await vera.post(ALL, json=context, headers={"if-none-match": tag})
    assert changed.status_code == 200
    assert changed.headers["etag"] != tag


async def test_whoever_asks_with_another_token_gets_a_ticket_of_its_own(
    door: Door, vera: httpx2.AsyncClient
) -> None:
    """A client that goes on with a new token brings the tag that it got with the old one."""
    first = await vera.post(ALL, json={})
    again = await door.client("omar").post(ALL, json={}, headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 200
    assert again.json()["flags"] == first.json()["flags"]
    assert again.json()["eventStreams"] != first.json()["eventStreams"]


@pytest.mark.parametrize(("number", "people"), [(5 * PART, []), (100, ["x"] * 4_000)], ids=["many", "costly"])
async def test_others_are_served_while_all_flags_of_a_large_set_are_looked_at(
    world: World, number: int, people: list[str]
) -> None:
    rule = {**SWITCH, "targeting": {"if": [{"in": ["ada", {"var": "people"}]}, "off", "on"]}}
    many = {"flags": {f"flag-{one}": rule for one in range(number)}}
    await import_flags(world.ports, OMAR, ImportOrder("many", "test"), many)
    body = json.dumps({"context": {"people": people}}).encode()
    asked = AskedForAll("many", body, Holder("token", "x"))
    asking, turns = asyncio.create_task(answer_all(world.ports, asked)), 0
    while not asking.done():
        await asyncio.sleep(0)
        turns += 1
    told = json.loads(asking.result().body)["flags"]
    assert {one.get("value") for one in told[:50]} == {True}
    assert len(told) == number
    assert turns > 5


async def test_a_question_above_its_bound_is_refused_before_it_is_looked_at(vera: httpx2.AsyncClient) -> None:
    fits = b'{"context": {}}'.ljust(LARGEST_QUESTION_BYTES)
    for path in (ALL, ONE + "new-cart"):
        assert (await vera.post(path, content=fits)).status_code == 200
        for body in (fits + b" ", parts(fits, b" ")):
            answer = await vera.post(path, content=body)
            assert (answer.status_code, answer.json()["errorCode"]) == (413, "GENERAL")
            assert answer.json()["errorDetails"] == "The request is larger than 65536 bytes."


async def parts(*told: bytes) -> AsyncIterator[bytes]:
    """A body that does not tell its length."""
    for one in told:
        yield one


@pytest.mark.parametrize(
    ("headers", "query"),
    [({"x-flag-set": "shop"}, {}), ({"flagd-selector": "flagSetId=shop"}, {}), ({}, {"set": "shop"})],
)
async def test_another_set_is_chosen_by_header_or_query(
    vera: httpx2.AsyncClient, headers: dict[str, str], query: dict[str, str]
) -> None:
    answer = await vera.post(ONE + "new-cart", json={}, headers=headers, params=query)
    assert answer.json()["value"] is False
    many = await vera.post(ALL, json={}, headers=headers, params=query)
    assert [one["key"] for one in many.json()["flags"]] == ["new-cart"]


async def test_a_set_that_is_not_there_is_an_error_and_not_an_empty_answer(vera: httpx2.AsyncClient) -> None:
    for path in (ALL, ONE + "new-cart"):
        answer = await vera.post(path, json={}, headers={"x-flag-set": "shpo"})
        assert (answer.status_code, answer.json()["errorDetails"]) == (400, "no flag set 'shpo'")


async def test_an_api_key_is_taken_here_and_nowhere_else(door: Door) -> None:
    client = door.client()
    client.headers["x-api-key"] = SECRETS["vera"][0]
    assert (await client.post(ONE + "new-cart", json={})).status_code == 200
    for path in ("/api/v1/flags", "/services", "/metrics"):
        assert (await client.get(path)).status_code == 401


@pytest.mark.parametrize(("secret", "status"), [("", 401), ("wrong", 401), (AGENT_SECRET, 401)])
async def test_who_may_not_is_told_as_the_protocol_says(door: Door, secret: str, status: int) -> None:
    client = door.client()
    client.headers["x-api-key"] = secret
    for path in (ONE + "new-cart", ALL):
        answer = await client.post(path, json={})
        assert answer.status_code == status
        assert answer.json()["errorCode"] == "GENERAL"
        assert answer.json()["errorDetails"]


async def test_a_version_that_cannot_be_compiled_is_in_the_metrics(
    vera: httpx2.AsyncClient, world: World
) -> None:
    assert 'sre_portal_flags_unsound{set="shop"} 0.0' in (await vera.get("/metrics")).text
    bad = SetChange("shop", 1, [FlagEdit("new-cart", 2, "{}")], START, "x", "x")
    assert await world.ports.flags.change(bad)
    await world.ports.flag_book.refresh(world.ports.flags)
    assert 'sre_portal_flags_unsound{set="shop"} 1.0' in (await vera.get("/metrics")).text
    answer = await vera.post(ONE + "new-cart", json={}, headers={"x-flag-set": "shop"})
    assert answer.json()["value"] is False


async def test_the_official_provider_gets_every_type_and_every_change(door: Door, world: World) -> None:
    async with served(door.app) as url:
        provider = OFREPProvider(
            url, headers_factory=lambda: {"Authorization": f"Bearer {SECRETS['vera'][0]}"}
        )
        someone = EvaluationContext("ada", {"email": "ada@shop.example"})

        async def asked() -> list[tuple[object, str | None, str]]:
            calls = [
                asyncio.to_thread(provider.resolve_boolean_details, "new-cart", False, someone),
                asyncio.to_thread(provider.resolve_float_details, "limit", 0.5, someone),
                asyncio.to_thread(provider.resolve_integer_details, "retries", 1, someone),
                asyncio.to_thread(provider.resolve_object_details, "theme", {}, someone),
                asyncio.to_thread(provider.resolve_boolean_details, "staff", False, someone),
                asyncio.to_thread(provider.resolve_boolean_details, "gone", True, someone),
                asyncio.to_thread(provider.resolve_boolean_details, "own-default", True, None),
            ]
            found = [await call for call in calls]
            return [(one.value, one.variant, str(one.reason)) for one in found]

        assert await asked() == [
            (True, "on", "STATIC"),
            (10.0, "low", "STATIC"),
            (3, "few", "STATIC"),
            ({"colour": "färbung", "sizes": [1, 2.0]}, "on", "STATIC"),
            (True, "on", "TARGETING_MATCH"),
            (True, "", "DISABLED"),
            (True, "", "DEFAULT"),
        ]
        await change_flag(world.ports, OMAR, FlagOrder("default", "new-cart", "test"), Toggle(False))
        assert (await asked())[0] == (False, "", "DISABLED")
        with pytest.raises(FlagNotFoundError):
            await asyncio.to_thread(provider.resolve_boolean_details, "nothing", False, someone)
        wanted = EvaluationContext("ada", {"wanted": "green"})
        with pytest.raises(GeneralError):
            await asyncio.to_thread(provider.resolve_boolean_details, "broken", False, wanted)
        stranger = OFREPProvider(url, headers_factory=lambda: {"X-API-Key": "wrong"})
        with pytest.raises(OpenFeatureError, match="unauthorized"):
            await asyncio.to_thread(stranger.resolve_boolean_details, "new-cart", False, someone)
        provider.session.close()
        stranger.session.close()


async def test_the_answer_is_json_whatever_a_browser_would_like(vera: httpx2.AsyncClient) -> None:
    answer = await vera.post(ONE + "new-cart", content=b"{}", headers={"accept": "text/html"})
    assert json.loads(answer.text)["value"] is True


async def test_a_context_that_is_too_deep_is_told_in_plain_words(vera: httpx2.AsyncClient) -> None:
    told = (await vera.post(ONE + "new-cart", content=b"[" * 50_000)).json()
    assert told["errorDetails"].endswith("lists and objects in each other, hundreds of levels deep")

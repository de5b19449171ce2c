"""Browser programs of named origins ask for flags, and for nothing else."""

from __future__ import annotations

import httpx2
import pytest

from sre_portal.web.app import build_app
from sre_portal.web.ofrep import EVENTS
from sre_portal.web.walls import Walls
from tests.web.door import SECRETS, Door

SHOP = "https://shop.example"
ONE, ALL = "/ofrep/v1/evaluate/flags/new-cart", "/ofrep/v1/evaluate/flags"
ALLOW = "access-control-allow-origin"
PREFLIGHT = {
    "origin": SHOP,
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,if-none-match",
}


@pytest.fixture
def vera(door: Door) -> httpx2.AsyncClient:
    """A program behind walls that know one origin."""
    door.app = build_app(door.world.ports, Walls(hosts={"portal.test"}, flag_origins=(SHOP,)))
    return door.client("vera")


def told(answer: httpx2.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


@pytest.mark.parametrize("path", [ONE, ALL, EVENTS])
async def test_a_preflight_is_answered_to_nobody_in_particular(door: Door, vera: object, path: str) -> None:
    answer = await door.client().request("OPTIONS", path, headers=PREFLIGHT)
    assert (answer.status_code, answer.content, answer.headers["vary"]) == (204, b"", "Origin")
    found = told(answer)
    assert found[ALLOW] == SHOP
    assert "POST" in found["access-control-allow-methods"]
    allowed = set(found["access-control-allow-headers"].split(", "))
    assert {"authorization", "content-type", "if-none-match", "x-api-key", "x-flag-set"} <= allowed
    assert "access-control-allow-credentials" not in found


@pytest.mark.parametrize("origin", ["https://else.example", "null", f"{SHOP}:8443", SHOP.upper(), "", "*"])
async def test_another_origin_is_told_nothing(vera: httpx2.AsyncClient, origin: str) -> None:
    preflight = await vera.request("OPTIONS", ALL, headers={**PREFLIGHT, "origin": origin})
    asked = await vera.post(ALL, json={}, headers={"origin": origin})
    assert (preflight.status_code, asked.status_code) == (405, 200)
    assert told(preflight) == told(asked) == {}
    assert preflight.headers["vary"] == asked.headers["vary"] == "Origin"


@pytest.mark.parametrize("path", [ONE, ALL])
async def test_an_answer_may_be_read_with_its_tag_and_never_with_a_cookie(
    vera: httpx2.AsyncClient, path: str
) -> None:
    answer = await vera.post(path, json={}, headers={"origin": SHOP})
    assert answer.status_code in {200, 404}
    assert told(answer) == {ALLOW: SHOP, "access-control-expose-headers": "ETag, Retry-After"}
    assert answer.headers["vary"] == "Origin"
    assert "content-security-policy" in answer.headers


async def test_a_program_can_read_that_it_was_refused_and_why(door: Door, vera: httpx2.AsyncClient) -> None:
    for client, path, status in (
        (door.client(), ALL, 401),
        (door.client("nils"), ONE, 401),
        (vera, "/ofrep/v1/nothing", 404),
    ):
        answer = await client.post(path, json={}, headers={"origin": SHOP})
        assert (answer.status_code, answer.headers[ALLOW]) == (status, SHOP)
    stream = await door.client().get(EVENTS, headers={"origin": SHOP})
    assert (stream.status_code, stream.headers[ALLOW]) == (401, SHOP)
    large = await vera.post(ALL, content=b"x" * (2 * 1024 * 1024 + 1), headers={"origin": SHOP})
    assert (large.status_code, large.headers[ALLOW]) == (413, SHOP)


@pytest.mark.parametrize("path", ["/", "/api/v1/flags", "/metrics", "/login", "/ofrepx", "/agents/v1/plan"])
async def test_nothing_else_of_the_portal_is_for_other_origins(vera: httpx2.AsyncClient, path: str) -> None:
    for method in ("GET", "OPTIONS", "POST"):
        answer = await vera.request(method, path, headers=PREFLIGHT)
        assert told(answer) == {}
        assert answer.headers.get("vary", "") != "Origin"


async def test_a_foreign_host_name_is_refused_before_any_origin_is_looked_at(
    vera: httpx2.AsyncClient,
) -> None:
    headers = {**PREFLIGHT, "host": "rebound.example"}
    answer = await vera.request("OPTIONS", ALL, headers=headers)
    assert (answer.status_code, told(answer)) == (421, {})


async def test_two_origins_in_one_request_are_none(vera: httpx2.AsyncClient) -> None:
    headers = [("origin", SHOP), ("origin", SHOP), ("access-control-request-method", "POST")]
    answer = await vera.request("OPTIONS", ALL, headers=headers)
    assert (answer.status_code, told(answer)) == (405, {})


async def test_without_the_setting_no_origin_is_allowed_and_none_is_spoken_of(door: Door) -> None:
    client = door.client("vera")
    preflight = await client.request("OPTIONS", ALL, headers=PREFLIGHT)
    asked = await client.post(ALL, json={}, headers={"origin": SHOP})
    assert (preflight.status_code, asked.status_code) == (405, 200)
    assert told(preflight) == told(asked) == {}
    assert "vary" not in asked.headers


async def test_an_answer_without_an_origin_says_that_it_depends_on_it(vera: httpx2.AsyncClient) -> None:
    assert (await vera.post(ALL, json={})).headers["vary"] == "Origin"
    key = {"x-api-key": SECRETS["vera"][0]}
    assert (await vera.post(ALL, json={}, headers=key)).headers["vary"] == "Origin"

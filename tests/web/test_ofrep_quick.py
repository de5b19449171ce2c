"""The short way of OFREP answers what the long way would have answered, and leaves everything else to it."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, MutableMapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from sre_portal.core.access import Grant, Role
from sre_portal.core.account import LOCAL, Account, GivenGrant
from sre_portal.core.flag_step import Toggle
from sre_portal.core.ports import Token
from sre_portal.operations.flag_book import FlagBook
from sre_portal.operations.flag_import import ImportOrder, import_flags
from sre_portal.operations.flags import FlagOrder, change_flag
from sre_portal.operations.sessions import digest_of
from sre_portal.web.app import build_app
from sre_portal.web.body_size import LARGEST_QUESTION_BYTES
from sre_portal.web.ofrep_quick import QuickFlags
from sre_portal.web.walls import WalledApp, Walls
from tests.operations.world import OMAR, START, World
from tests.web.door import AGENT_SECRET, SECRETS, Door
from tests.web.wire import Listener, listening

SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
FLAGS = {
    "new-cart": SWITCH,
    "limit": {**SWITCH, "variants": {"low": 10.0}, "defaultVariant": "low"},
    "gone": {**SWITCH, "state": "DISABLED"},
    "staff": {**SWITCH, "targeting": {"if": [{"ends_with": [{"var": "email"}, "@x"]}, "on", "off"]}},
    "broken": {**SWITCH, "targeting": {"var": "wanted"}},
    "färbung": SWITCH,
}
ONE, ALL = "/ofrep/v1/evaluate/flags/", "/ofrep/v1/evaluate/flags"
VERA = SECRETS["vera"][0]
LONG_WAY = {"origin": "https://nowhere.example"}
"""With these headers a request is unusual, and where no origin is allowed nothing else depends on them."""


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path, agents=[]).open()
    await import_flags(
        opened.ports, OMAR, ImportOrder("default", "test"), {"metadata": {"owner": "shop"}, "flags": FLAGS}
    )
    shop = {"flags": {"new-cart": {**SWITCH, "defaultVariant": "off"}}}
    await import_flags(opened.ports, OMAR, ImportOrder("shop", "test"), shop)
    yield opened
    await opened.close()


class Ways:
    """Counts the requests that go the long way."""

    def __init__(self, app: object) -> None:
        assert isinstance(app, WalledApp)
        assert isinstance(app.entrance, QuickFlags)
        self.long = 0
        self._app = app.entrance.long_way
        app.entrance.long_way = self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.long += 1
        await self._app(scope, receive, send)


@pytest.fixture
def ways(door: Door) -> Ways:
    return Ways(door.app)


def facts(answer: httpx2.Response) -> tuple[object, ...]:
    return answer.status_code, answer.content, dict(answer.headers)


@pytest.mark.parametrize("key", [*FLAGS, "nothing", "%C3%A4", ""])
@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"context": {"email": "a@x", "wanted": "green"}}', b"{", b"[]", b'{"context": 1}']
)
async def test_both_ways_give_the_same_answers(door: Door, ways: Ways, key: str, body: bytes) -> None:
    client = door.client("vera")
    path = ONE + key if key else ALL
    headers: Mapping[str, str] = {"content-length": str(len(body))}
    short = await client.post(path, content=body, headers=headers)
    assert ways.long == 0
    long = await client.post(path, content=body, headers={**headers, **LONG_WAY})
    assert ways.long == 1
    assert facts(short) == facts(long)


@pytest.mark.parametrize(
    "headers",
    [
        {"x-flag-set": "shop"},
        {"flagd-selector": "flagSetId=shop"},
        {"flagd-selector": "shop"},
        {"x-flag-set": "nothing"},
    ],
)
async def test_both_ways_find_the_same_set(door: Door, ways: Ways, headers: dict[str, str]) -> None:
    client = door.client("vera")
    for path in (ONE + "new-cart", ALL):
        short = await client.post(path, json={}, headers=headers)
        long = await client.post(path, json={}, headers={**headers, **LONG_WAY})
        assert facts(short) == facts(long)
    assert ways.long == 2


async def test_not_modified_is_said_on_both_ways(door: Door, ways: Ways) -> None:
    client = door.client("vera")
    tag = (await client.post(ALL, json={})).headers["etag"]
    short = await client.post(ALL, json={}, headers={"if-none-match": tag})
    long = await client.post(ALL, json={}, headers={"if-none-match": tag, **LONG_WAY})
    assert facts(short) == facts(long)
    assert (short.status_code, short.content, ways.long) == (304, b"", 1)


async def test_a_bearer_and_an_api_key_go_the_short_way(door: Door, ways: Ways) -> None:
    client = door.client()
    for headers in ({"authorization": f"bearer {VERA} "}, {"x-api-key": f" {VERA}"}):
        assert (await client.post(ONE + "new-cart", json={}, headers=headers)).status_code == 200
    assert ways.long == 0


@pytest.mark.parametrize(
    ("method", "path", "headers"),
    [
        ("GET", ONE + "new-cart", {}),
        ("OPTIONS", ALL, {}),
        ("POST", ONE + "a/b", {}),
        ("POST", ONE, {}),
        ("POST", ALL + "x", {}),
        ("POST", ALL + "?set=shop", {}),
        ("POST", ALL, {"authorization": ""}),
        ("POST", ALL, {"authorization": "Basic dmVyYTp4"}),
        ("POST", ALL, {"authorization": "Bearer wrong"}),
        ("POST", ALL, {"authorization": f"Bearer {SECRETS['nils'][0]}"}),
        ("POST", ALL, {"authorization": f"Bearer {AGENT_SECRET}"}),
        ("POST", ALL, {"host": "rebound.example"}),
        ("POST", ALL, {"host": ""}),
        ("POST", ALL, {"expect": "100-continue"}),
        ("POST", ALL, {"content-length": "9e9"}),
        ("POST", ALL, {"content-length": str(LARGEST_QUESTION_BYTES + 1)}),
    ],
)
async def test_what_is_not_plain_goes_the_long_way(
    door: Door, method: str, path: str, headers: dict[str, str]
) -> None:
    door.app = build_app(door.world.ports, Walls(hosts={"portal.test"}))
    ways = Ways(door.app)
    answer = await door.client("vera").request(method, path, content=b"{}", headers=headers)
    assert ways.long == 1
    assert "content-security-policy" in answer.headers


async def test_a_refusal_is_told_as_always_and_written_down(door: Door, ways: Ways, world: World) -> None:
    for secret in ("wrong", AGENT_SECRET):
        answer = await door.client().post(ALL, json={}, headers={"x-api-key": secret})
        assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert ways.long == 2
    denied = [one.action for one in await world.ports.audit.recent(10) if one.outcome == "denied"]
    assert denied == ["token:use"] * 2


async def test_a_token_that_is_taken_back_is_refused_at_once(door: Door, ways: Ways, world: World) -> None:
    client = door.client("vera")
    assert (await client.post(ONE + "new-cart", json={})).status_code == 200
    await world.ports.tokens.replace_settings([])
    assert (await client.post(ONE + "new-cart", json={})).status_code == 401
    assert ways.long == 1


async def test_a_token_that_loses_its_role_is_refused_at_once(door: Door, ways: Ways, world: World) -> None:
    client = door.client("vera")
    assert (await client.post(ONE + "new-cart", json={})).status_code == 200
    none = Token("vera", digest_of(VERA), None, None, START)
    await world.ports.tokens.replace_settings([none])
    assert (await client.post(ONE + "new-cart", json={})).status_code == 401


async def test_a_token_ends_by_itself_to_the_second(door: Door, ways: Ways, world: World) -> None:
    short = Token("short", digest_of("s" * 30), Role.VIEWER, None, START, ends_at=START + timedelta(hours=1))
    await world.ports.tokens.replace_settings([short])
    client = door.client()
    client.headers["x-api-key"] = "s" * 30
    world.clock.move(3599)
    assert (await client.post(ONE + "new-cart", json={})).status_code == 200
    world.clock.move(1)
    assert (await client.post(ONE + "new-cart", json={})).status_code == 401
    assert ways.long == 1


async def test_a_role_that_ends_by_itself_ends_here_to_the_second(
    door: Door, ways: Ways, world: World
) -> None:
    """The permission of a token is remembered, and never for longer than it is held."""
    ports = world.ports
    account = await ports.accounts.log_in(Account(0, "service", "service", LOCAL, "service:ci", "ci"), START)
    grant = Grant(Role.VIEWER, None, START + timedelta(hours=1))
    await ports.accounts.give(GivenGrant(0, account.id, grant, "a test", "ada", START))
    token = Token("ci", digest_of("c" * 30), Role.VIEWER, None, START, account=account, origin="issued")
    await ports.tokens.add(token)
    client = door.client()
    client.headers["x-api-key"] = "c" * 30
    world.clock.move(3599)
    assert (await client.post(ONE + "new-cart", json={})).status_code == 200
    assert ways.long == 0
    world.clock.move(1)
    assert (await client.post(ONE + "new-cart", json={})).status_code == 403
    assert ways.long == 1


async def test_a_flip_is_answered_at_once(door: Door, ways: Ways, world: World) -> None:
    client = door.client("vera")
    for enabled in (False, True):
        order = FlagOrder("default", "new-cart", "test")
        await change_flag(world.ports, OMAR, order, Toggle(enabled))
        told = (await client.post(ONE + "new-cart", json={})).json()
        assert ("value" in told) is enabled
    assert ways.long == 0


async def test_uses_are_counted_once_on_either_way(door: Door, world: World) -> None:
    client, uses = door.client("vera"), world.ports.watch.flag_uses
    await client.post(ONE + "new-cart", json={})
    await client.post(ONE + "new-cart", json={}, headers=LONG_WAY)
    await client.post(ONE + "nothing", json={})
    assert uses == {("default", "new-cart", "on"): 2}


async def test_the_use_of_a_token_is_noted(door: Door, ways: Ways, world: World) -> None:
    assert (await door.client("vera").post(ONE + "new-cart", json={})).status_code == 200
    async with asyncio.timeout(20):
        while world.ports.watch.behind:  # noqa: ASYNC110  # work that nobody waits for
            await asyncio.sleep(0)
    assert ways.long == 0
    assert {one.name: one.used_at for one in await world.ports.tokens.all()}["vera"] == START


# Bodies that come late or in parts


async def asked(
    door: Door,
    parts: list[bytes],
    between: asyncio.Event | None = None,
    reading: asyncio.Event | None = None,
    length: int | None = None,
) -> int:
    """The status of a request whose body comes in parts, the first of them when `between` is set."""
    left, status, told = list(parts), 0, sum(map(len, parts)) if length is None else length

    async def receive() -> MutableMapping[str, Any]:
        if reading is not None:
            reading.set()
        if between is not None:
            await between.wait()
        if not left:
            return {"type": "http.disconnect"}
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    async def send(message: MutableMapping[str, Any]) -> None:
        nonlocal status
        status = message.get("status", status)

    headers = {"host": "portal.test", "x-api-key": VERA, "content-length": str(told)}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": ONE + "new-cart",
        "raw_path": b"",
        "query_string": b"",
        "root_path": "",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("portal.test", 80),
    }
    await door.app(scope, receive, send)
    return status


async def test_a_body_may_come_in_parts(door: Door, ways: Ways) -> None:
    assert await asked(door, [b'{"con', b'text": {', b"}}"]) == 200
    assert await asked(door, [b'{"con', b'text": {', b"}"]) == 400
    assert ways.long == 0


async def test_a_body_that_is_larger_than_it_said_is_refused_by_the_long_way(door: Door, ways: Ways) -> None:
    part = b" " * LARGEST_QUESTION_BYTES
    assert await asked(door, [part, b"{}"], length=2) == 413
    assert await asked(door, [part, part, b"{"], length=1) == 413
    assert ways.long == 2


async def test_whoever_is_thrown_out_while_the_body_is_held_back_is_refused(
    door: Door, ways: Ways, world: World
) -> None:
    released, reading = asyncio.Event(), asyncio.Event()
    waiting = asyncio.create_task(asked(door, [b"{}"], released, reading))
    await reading.wait()
    await world.ports.tokens.replace_settings([])
    released.set()
    assert (await waiting, ways.long) == (401, 1)


async def test_a_client_that_leaves_before_its_body_came_is_nobody_s_bug(door: Door, ways: Ways) -> None:
    assert await asked(door, []) == 400
    assert ways.long == 1


async def test_a_stranger_is_refused_before_the_body_is_read(door: Door, world: World) -> None:
    await world.ports.tokens.replace_settings([])
    never = asyncio.Event()
    async with asyncio.timeout(20):
        assert await asked(door, [b"{}"], never) == 401


# On a real listener


@pytest.fixture
async def listener(door: Door) -> AsyncIterator[Listener]:
    async with listening(door.app) as found:
        yield found


def request(path: str = ONE + "new-cart", version: str = "1.1", body: bytes = b"{}", *more: str) -> bytes:
    lines = [
        f"POST {path} HTTP/{version}",
        "host: portal.test",
        f"x-api-key: {VERA}",
        f"content-length: {len(body)}",
        *more,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def without_date(answer: bytes) -> list[bytes]:
    return sorted(line for line in answer.splitlines() if not line.startswith(b"date: "))


async def test_the_listener_writes_the_same_lines_on_both_ways(listener: Listener, ways: Ways) -> None:
    client = await listener.connect()
    for path in (ONE + "new-cart", ONE + "nothing", ALL):
        client.send(request(path))
        short = await client.answer()
        client.send(request(path, "1.1", b"{}", "origin: https://nowhere.example"))
        long = await client.answer()
        assert without_date(short) == without_date(long)
        assert len(re.findall(rb"\r\ndate: ", short)) == 1
    client.writer.close()
    assert ways.long == 3


@pytest.mark.parametrize("more", [("connection: close",), ()])
async def test_a_connection_that_is_to_end_ends_after_its_answer(
    listener: Listener, ways: Ways, more: tuple[str, ...]
) -> None:
    version = "1.1" if more else "1.0"
    answer = await listener.ask(request(ONE + "new-cart", version, b"{}", *more))
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"connection: close\r\n" in answer
    assert ways.long == 0


async def test_requests_that_come_all_at_once_are_answered_in_turn(listener: Listener, ways: Ways) -> None:
    keys = ["new-cart", "limit", "nothing", "gone"] * 3
    sent = b"".join(request(ONE + key) for key in keys)
    answer = await listener.ask(sent + request(ONE + "staff", "1.1", b"{}", "connection: close"))
    assert re.findall(rb'"key":"([a-z-]+)"', answer) == [key.encode() for key in [*keys, "staff"]]
    assert ways.long == 0


async def test_not_modified_has_no_body_and_no_length_on_the_wire(listener: Listener, ways: Ways) -> None:
    client = await listener.connect()
    client.send(request(ALL))
    tag = re.search(rb"etag: (\S+)", await client.answer())
    assert tag is not None
    client.send(request(ALL, "1.1", b"{}", f"if-none-match: {tag[1].decode()}"))
    answer = await client.answer()
    assert answer.startswith(b"HTTP/1.1 304 Not Modified\r\n")
    assert b"content-length" not in answer
    client.send(request())
    assert (await client.answer()).startswith(b"HTTP/1.1 200 OK\r\n")
    client.writer.close()
    assert ways.long == 0


async def test_a_connection_on_which_somebody_known_asked_is_no_stranger_s(listener: Listener) -> None:
    client = await listener.connect()
    client.send(request())
    await client.answer()
    assert (listener.crowd.stranger_count, len(listener.crowd.everybody)) == (0, 1)
    client.writer.close()


async def test_over_tls_the_same_header_is_added_as_everywhere(door: Door) -> None:
    door.app = build_app(door.world.ports, Walls(behind_tls=True))
    answer = await door.client("vera").post(ONE + "new-cart", json={})
    assert answer.headers["strict-transport-security"].startswith("max-age=")


class BrokenBook:
    def get(self, name: str) -> None:
        raise RuntimeError("a bug")


async def test_a_bug_on_the_short_way_is_told_by_the_long_one(door: Door, ways: Ways) -> None:
    assert isinstance(door.app, WalledApp)
    assert isinstance(door.app.entrance, QuickFlags)
    door.app.entrance.ports = replace(door.world.ports, flag_book=cast(FlagBook, BrokenBook()))
    assert (await door.client("vera").post(ONE + "new-cart", json={})).status_code == 200
    assert ways.long == 1

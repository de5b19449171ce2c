"""What stands before the routes: headers, host names, bodies, and the guard before the body."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx2
import pytest
from fastapi.routing import APIRoute
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from sre_portal.core.access import Role
from sre_portal.operations.login import issue_link
from sre_portal.web.app import build_app
from sre_portal.web.body_size import LARGEST_BODY_BYTES
from sre_portal.web.internal import build_internal_app
from sre_portal.web.middleware.headers import HSTS, content_policy
from sre_portal.web.middleware.hosts import default_hosts, name_in
from sre_portal.web.walls import Walls
from tests.web.door import Door

ALWAYS = (
    "content-security-policy",
    "x-content-type-options",
    "x-frame-options",
    "referrer-policy",
    "cross-origin-opener-policy",
    "cross-origin-embedder-policy",
    "cross-origin-resource-policy",
    "permissions-policy",
    "cache-control",
)


def lacking(answer: httpx2.Response) -> list[str]:
    return [name for name in ALWAYS if name not in answer.headers]


def client_of(
    app: object, base_url: str = "http://portal.test", address: str = "192.0.2.1"
) -> httpx2.AsyncClient:
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False, client=(address, 1))  # type: ignore[arg-type]
    return httpx2.AsyncClient(transport=transport, base_url=base_url)


def addresses(door: Door) -> list[tuple[str, str]]:
    """Every method and path of the running application."""
    found = []
    for route in door.app.routes:
        if isinstance(route, Mount):
            found.append(("GET", "/static/nothing.js"))
        elif isinstance(route, Route | APIRoute):
            path = re.sub(r"\{\w+\}", "1", route.path)
            found += [(method, path) for method in route.methods or ()]
    return found


async def test_every_route_answers_with_every_header_to_everybody(door: Door) -> None:
    table = addresses(door)
    assert len(table) > 40
    for who in ("", "vera", "ada"):
        client = door.client(who)
        for method, path in table:
            if path.startswith("/live/") and who:
                continue  # a stream without an end; the next test asks it
            answer = await client.request(method, path)
            assert lacking(answer) == [], (who, method, path)


async def test_a_stream_carries_the_headers(door: Door) -> None:
    started: list[dict[str, str]] = []

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            headers = message["headers"]
            assert isinstance(headers, list)
            started.append({name.decode(): value.decode() for name, value in headers})
            raise ConnectionError

    scope = {
        "type": "http",
        "method": "GET",
        "path": "/live/overview",
        "raw_path": b"/live/overview",
        "query_string": b"",
        "headers": [(b"host", b"portal.test"), *door.client("vera").headers.raw],
        "http_version": "1.1",
        "scheme": "http",
        "client": ("192.0.2.1", 1),
        "server": ("portal.test", 80),
    }

    async def receive() -> dict[str, object]:
        return {"type": "http.disconnect"}

    with suppress(ConnectionError):
        await door.app(scope, receive, send)  # type: ignore[arg-type]
    assert [name for name in ALWAYS if name not in started[0]] == []


@pytest.mark.parametrize(
    ("method", "path", "content", "status"),
    [
        ("GET", "/nowhere", b"", 404),
        ("PUT", "/status", b"", 405),
        ("POST", "/api/v1/runs", b"x" * (LARGEST_BODY_BYTES + 1), 413),
        ("GET", "/static/../app.py", b"", 404),
    ],
)
async def test_every_refusal_carries_the_headers(
    door: Door, method: str, path: str, content: bytes, status: int
) -> None:
    answer = await door.client("ada").request(method, path, content=content)
    assert (answer.status_code, lacking(answer)) == (status, [])


async def failing(_: Request) -> Response:
    raise RuntimeError("a bug, with hunter2hunter2hunter2 in its message")


async def test_the_answer_to_a_bug_carries_the_headers_and_tells_nothing(door: Door) -> None:
    door.app.router.routes.insert(0, Route("/bug", failing))
    for accept in ("application/json", "text/html"):
        answer = await door.client("ada").get("/bug", headers={"accept": accept})
        assert (answer.status_code, lacking(answer)) == (500, [])
        assert "hunter2" not in answer.text
        assert "Traceback" not in answer.text


async def test_the_policy_has_no_exception(door: Door) -> None:
    policy = (await door.client().get("/login")).headers["content-security-policy"]
    assert "unsafe" not in policy
    assert "*" not in policy
    assert policy.startswith("default-src 'none'")
    for part in ("frame-ancestors 'none'", "base-uri 'none'", "object-src 'none'", "form-action 'self'"):
        assert f"; {part}" in policy


def test_a_form_may_end_at_a_provider_that_is_named() -> None:
    policy = content_policy(("https://login.example.com",))
    assert "form-action 'self' https://login.example.com;" in policy


@pytest.mark.parametrize(
    ("scheme", "behind_tls", "told"), [("http", False, None), ("https", False, HSTS), ("http", True, HSTS)]
)
async def test_hsts_is_told_over_tls_only(
    door: Door, scheme: str, behind_tls: bool, told: str | None
) -> None:
    app = build_app(door.world.ports, Walls(behind_tls=behind_tls))
    async with client_of(app, f"{scheme}://portal.test") as client:
        assert (await client.get("/healthz")).headers.get("strict-transport-security") == told


async def test_an_address_with_a_login_link_is_told_to_nobody(door: Door) -> None:
    answer = await door.client().get("/login?token=not-a-link")
    assert answer.headers["referrer-policy"] == "no-referrer"


# Host names


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("portal.example.com", 401),
        ("PORTAL.example.com:8443", 401),
        ("portal.example.com.", 401),
        ("evil.example.com", 421),
        ("portal.example.com.evil.net", 421),
        ("127.0.0.1", 421),
        ("10.1.2.3:8321", 401),
        ("portal.example.com@evil.net", 400),
        ("portal.example.com/evil", 400),
        ("portal.example.com:80:80", 400),
        ("[::1", 400),
        ("", 400),
    ],
)
async def test_only_the_names_of_the_portal_are_heard(door: Door, host: str, status: int) -> None:
    app = build_app(door.world.ports, Walls(hosts={"portal.example.com"}))
    # The transport takes the address of the connection from the base URL: here the pod is 10.1.2.3.
    async with client_of(app, "http://10.1.2.3:8321") as client:
        answer = await client.get("/api/v1/runs", headers={"host": host})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert lacking(answer) == []


async def test_a_rebound_name_cannot_even_stop_or_log_in(door: Door) -> None:
    app = build_app(door.world.ports, Walls(hosts=default_hosts("", ["127.0.0.1"])))
    before = await door.client("ada").get("/api/v1/audit")
    async with client_of(app, "http://127.0.0.1:8321") as client:
        for method, path in (("GET", "/login?token=a"), ("POST", "/stop-all"), ("GET", "/metrics")):
            answer = await client.request(method, path, headers={"host": "rebound.example.net:8321"})
            assert answer.status_code == 421
        assert (await client.get("/login", headers={"host": "localhost:8321"})).status_code == 200
    assert (await door.client("ada").get("/api/v1/audit")).json() == before.json()


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
async def test_a_kubelet_asks_by_address(door: Door, path: str) -> None:
    app = build_app(door.world.ports, Walls(hosts={"portal.example.com"}))
    async with client_of(app, "http://192.0.2.77") as client:
        assert (await client.get(path)).status_code == 200


@given(st.binary(max_size=100))
def test_no_host_header_is_misread(host: bytes) -> None:
    name = name_in(host)
    assert name is None or name == name.lower()
    assert name is None or not set(name) & set("/@ []\\")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (b"[::1]:8321", "::1"),
        (b"[fe80::1]", "fe80::1"),
        (b"[no]", None),
        (b"a_b.c", "a_b.c"),
        (b"a:b", None),
        (b"a:123456", None),
        ("ä".encode(), None),
        (b".", None),
    ],
)
def test_a_name_is_taken_from_its_header(host: bytes, name: str | None) -> None:
    assert name_in(host) == name


# Bodies


async def parts(size: int) -> AsyncIterator[bytes]:
    for _ in range(size // 65536 + 1):
        yield b"x" * 65536


async def test_a_streamed_body_over_the_limit_is_refused_as_such(door: Door) -> None:
    answer = await door.client("ada").post("/api/v1/runs", content=parts(LARGEST_BODY_BYTES))
    assert answer.status_code == 413
    assert answer.json()["status"] == 413


@pytest.mark.parametrize("length", ["-1", "1e3", "٣", "9" * 30, "0x10"])
async def test_a_length_that_is_none_is_refused(door: Door, length: str) -> None:
    headers = {"content-length": length.encode()}
    answer = await door.client("ada").post("/api/v1/runs", headers=headers)  # type: ignore[arg-type]
    assert answer.status_code == 413


class Unread:
    """A body that knows whether somebody asked for it."""

    was_read = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.was_read = True
        yield b"{"


@pytest.mark.parametrize(("who", "status"), [("", 401), ("nils", 401), ("vera", 403)])
async def test_whoever_may_not_is_told_before_the_body_is_read(door: Door, who: str, status: int) -> None:
    body = Unread()
    answer = await door.client(who).post("/api/v1/runs", content=body)
    assert (answer.status_code, body.was_read) == (status, False)


# The second listener


async def test_the_second_listener_has_metrics_and_probes_and_nothing_else(door: Door) -> None:
    async with client_of(build_internal_app(door.world.ports), "http://10.1.2.3:9321") as client:
        assert "sre_portal_live_runs" in (await client.get("/metrics")).text
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).status_code == 200
        for path in ("/", "/login", "/api/v1/runs", "/metrics/", "/status"):
            assert (await client.get(path)).status_code == 404
        rebound = await client.get("/metrics", headers={"host": "rebound.example.net"})
        assert rebound.status_code == 421


async def test_a_problem_is_json_of_a_known_form(door: Door) -> None:
    app = build_app(door.world.ports, Walls(hosts={"portal.example.com"}))
    async with client_of(app) as client:
        told = json.loads((await client.get("/")).text)
    assert set(told) == {"type", "title", "status", "detail"}


async def test_a_crash_before_the_answer_is_a_problem_too() -> None:
    app = Walls().around(Starlette(routes=[Route("/", failing)], debug=False))
    async with client_of(app) as client:
        answer = await client.get("/")
    assert (answer.status_code, lacking(answer)) == (500, [])


async def test_what_a_route_says_itself_stands() -> None:
    async def kept(_: Request) -> Response:
        return PlainTextResponse(
            "kept", headers={"cache-control": "public", "content-security-policy": "none"}
        )

    async with client_of(Walls().around(Starlette(routes=[Route("/", kept)]))) as client:
        answer = await client.get("/")
    assert answer.headers["cache-control"] == "public"
    assert answer.headers["content-security-policy"] == content_policy()


async def test_a_forged_header_changes_neither_the_audit_log_nor_the_cookie(door: Door) -> None:
    """In process, as behind a listener that trusts no proxy: the headers are only headers."""
    forged = {"x-forwarded-for": "203.0.113.9", "x-forwarded-proto": "https", "forwarded": "for=203.0.113.9"}
    secret = await issue_link(door.world.ports, "ada", Role.ADMIN)
    async with client_of(door.app, address="192.0.2.44") as client:
        answer = await client.get("/login", params={"token": secret}, headers=forged)
    assert answer.status_code == 303
    assert "secure" not in answer.headers["set-cookie"].lower()
    events = (await door.client("ada").get("/api/v1/audit")).text
    assert "192.0.2.44" in events
    assert "203.0.113.9" not in events

"""Every fault on a real server, as a client sees it on its socket."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from sre_portal.agent import FaultMiddleware
from sre_portal.agent.faults.hit import App, Receive, Scope, Send
from sre_portal.contract.fault import Abort, ErrorException, ErrorStatus, Latency
from sre_portal.contract.lease import SliDefinition
from sre_portal.contract.match import Match, Share
from tests.agent.host import exchange, hosted
from tests.agent.portal import TOKEN, StubPortal, serving
from tests.agent.worn import AVAILABILITY, Worn, hello, lease, wall

SERVERS = [
    pytest.param(http, loop, id=f"{http}-{loop}")
    for http in ("h11", "httptools")
    for loop in ("asyncio", "uvloop")
]
POST = b"POST / HTTP/1.1\r\nhost: shop\r\ncontent-length: 10\r\n\r\n0123456789"


@asynccontextmanager
async def shop_on(
    http: str = "httptools", loop: str = "uvloop", app: App = hello
) -> AsyncIterator[tuple[Worn, int]]:
    """An application that wears the agent, on uvicorn. The counts are complete when this is left."""
    async with serving(StubPortal(wall)) as portal:
        middleware = FaultMiddleware(app, service="shop", portal_url=portal.url, token=TOKEN)
        async with hosted(middleware, http=http, loop=loop) as port:
            await portal.until(lambda: bool(portal.queries))
            yield Worn(middleware, portal), port


@pytest.mark.parametrize(("http", "loop"), SERVERS)
async def test_the_agent_starts_and_stops_with_its_server(http: str, loop: str) -> None:
    async with shop_on(http, loop) as (shop, port):
        await shop.grant(lease(Abort(), match=Match(route="/other")))
        answers = [await exchange(port) for _ in range(3)]
    assert all(answer.startswith(b"HTTP/1.1 200") and answer.endswith(b"hello") for answer in answers)
    assert shop.sli() == (3, 0, 0)
    assert (await shop.ended())["ended_by"] == "shutdown"


@pytest.mark.parametrize("request_sent", [b"GET / HTTP/1.1\r\nhost: shop\r\n\r\n", POST, POST[:-5]])
@pytest.mark.parametrize(("http", "loop"), SERVERS)
async def test_an_aborted_connection_ends_without_a_byte(
    http: str, loop: str, request_sent: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with shop_on(http, loop) as (shop, port):
        await shop.grant(lease(Abort()))
        assert await exchange(port, request_sent) == b""
    assert shop.sli() == (0, 1, 1)
    assert shop.injected("treated") == 1
    assert [line for line in caplog.messages if "ASGI" in line] == []


@pytest.mark.parametrize(("http", "loop"), SERVERS)
async def test_an_aborted_request_leaves_other_connections_alone(http: str, loop: str) -> None:
    async with shop_on(http, loop) as (shop, port):
        await shop.grant(lease(Abort(), match=Match(route="/broken")))
        aborted, *others = await asyncio.gather(
            exchange(port, b"GET /broken HTTP/1.1\r\nhost: shop\r\n\r\n"), *(exchange(port) for _ in range(5))
        )
    assert aborted == b""
    assert all(answer.endswith(b"hello") for answer in others)


@pytest.mark.parametrize(("http", "loop"), SERVERS)
async def test_an_injected_status_is_a_whole_answer_and_the_connection_goes_on(http: str, loop: str) -> None:
    twice = b"GET / HTTP/1.1\r\nhost: shop\r\n\r\nGET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n"
    async with shop_on(http, loop) as (shop, port):
        await shop.grant(lease(ErrorStatus(503, "injected\n")))
        answer = await exchange(port, twice)
    assert answer.count(b"HTTP/1.1 503 Service Unavailable\r\n") == 2
    assert answer.count(b"x-sre-portal-injected: a\r\n") == 2
    assert answer.count(b"\r\n\r\ninjected\n") == 2
    assert shop.sli() == (0, 2, 2)


@pytest.mark.parametrize(("http", "loop"), SERVERS)
async def test_an_injected_exception_is_what_the_server_makes_of_it(http: str, loop: str) -> None:
    async with shop_on(http, loop) as (shop, port):
        await shop.grant(lease(ErrorException()))
        assert (await exchange(port)).startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert shop.sli() == (0, 1, 1)


@pytest.mark.parametrize(("http", "loop"), SERVERS)
async def test_an_injected_delay_comes_before_the_answer(http: str, loop: str) -> None:
    async with shop_on(http, loop) as (shop, port):
        await shop.grant(lease(Latency(20)), slis=(SliDefinition("fast", "latency", Match(), 20),))
        answers = await asyncio.gather(*(exchange(port) for _ in range(10)))
    assert all(answer.endswith(b"hello") for answer in answers)
    assert shop.sli("fast") == (0, 10, 10)
    assert shop.injected("delay") == shop.injected("overshoot") == 10


@pytest.mark.parametrize(("http", "loop"), SERVERS)
async def test_a_withdrawal_lets_go_of_the_requests_that_are_held(http: str, loop: str) -> None:
    async with shop_on(http, loop) as (shop, port):
        await shop.grant(lease(Latency(3_600_000, cap_ms=3_600_000)))
        asking = [asyncio.create_task(exchange(port)) for _ in range(5)]
        await shop.portal.reported(lambda report: any(one["hits"] for one in report["leases"]))
        await shop.portal.plan((AVAILABILITY,))
        answers = await asyncio.gather(*asking)
    assert all(answer.endswith(b"hello") for answer in answers)
    assert shop.injected("cut") == shop.injected("hits")


@pytest.mark.parametrize(("http", "loop"), SERVERS)
async def test_the_delay_of_a_lease_that_nobody_renews_is_cut_at_its_end(http: str, loop: str) -> None:
    async with shop_on(http, loop) as (shop, port):
        await shop.grant(lease(Latency(3_600_000, cap_ms=3_600_000), ttl_ms=300))
        shop.portal.stream_status = shop.portal.report_status = 503
        shop.portal.hang_up()
        await exchange(port)
        shop.portal.report_status = 200
        assert (await shop.ended())["ended_by"] == "expired"
    assert shop.injected("cut") == shop.injected("hits")


async def test_a_client_that_leaves_before_the_response_is_not_the_services_error() -> None:
    arrived = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await hello(scope, receive, send)
            return
        loop.call_soon_threadsafe(arrived.set)
        while (await receive())["type"] != "http.disconnect":
            pass
        if scope["path"] == "/raises":
            raise RuntimeError("the client has left")
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b"nobody reads this"})

    async with shop_on(app=app) as (shop, port):
        await shop.grant(lease(Abort(), match=Match(route="/other")))
        for path in ("/raises", "/answers-500"):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(f"GET {path} HTTP/1.1\r\nhost: shop\r\n\r\n".encode())
            await arrived.wait()
            arrived.clear()
            writer.transport.abort()
    assert shop.total(lambda second: second["requests"]) == 0
    assert shop.total(lambda second: second["errors"]) == 0


async def page(request: Request) -> Response:
    return PlainTextResponse("page\n" * 200)


async def fail(request: Request) -> Response:
    raise RuntimeError("a bug")


async def with_background(request: Request) -> Response:
    async def work() -> None:
        raise RuntimeError("a bug in the background")

    return PlainTextResponse("page\n", background=BackgroundTask(work))


def starlette(portal: StubPortal) -> Starlette:
    """The agent between Starlette's own middleware."""
    return Starlette(
        routes=[
            Route("/", page, methods=["GET", "POST"]),
            Route("/fail", fail),
            Route("/background", with_background),
        ],
        middleware=[
            Middleware(GZipMiddleware),
            Middleware(FaultMiddleware, service="shop", portal_url=portal.url, token=TOKEN),
        ],
    )


@pytest.mark.parametrize(("http", "loop"), SERVERS)
async def test_an_abort_closes_the_connection_from_behind_other_middleware(http: str, loop: str) -> None:
    async with serving(StubPortal(wall)) as portal, hosted(starlette(portal), http=http, loop=loop) as port:
        await exchange(port)  # Starlette builds its middleware with the first request
        await portal.plan((), (lease(Abort()),))
        await portal.reported(lambda report: bool(report["leases"]))
        assert await exchange(port, b"GET / HTTP/1.1\r\nhost: shop\r\naccept-encoding: gzip\r\n\r\n") == b""


async def test_pages_of_a_framework_are_counted_by_what_the_client_got() -> None:
    async with serving(StubPortal(wall)) as portal, hosted(starlette(portal)) as port:
        await exchange(port)
        await portal.plan((AVAILABILITY,), (lease(ErrorStatus(), share=Share(0)),))
        report = await portal.reported(lambda report: bool(report["leases"]))
        for path in ("/", "/fail", "/background", "/nowhere"):
            await exchange(port, f"GET {path} HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n".encode())
        shop = Worn(None, portal)  # type: ignore[arg-type]  # only its sums
        await portal.until(lambda: sum(shop.sli()) == 4)
    assert report["routes"] == ["/", "/fail", "/background"]
    assert shop.sli() == (3, 1, 0)

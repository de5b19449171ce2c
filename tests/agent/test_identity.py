import socket

import pytest
from starlette.applications import Starlette
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Mount, Route

from sre_portal.agent.identity import instance_name, memory_bytes, routes_of


async def page(request: Request) -> PlainTextResponse:
    return PlainTextResponse("page")


ROUTES = [
    Route("/", page),
    Route("/orders/{id:int}", page),
    Route("/orders/{id:int}", page, methods=["DELETE"]),
    Route("/files/{rest:path}", page),
    Mount("/admin", routes=[Route("/users", page), Mount("/deep", routes=[Route("/{x}", page)])]),
]


@pytest.mark.parametrize(
    "app", [Starlette(routes=ROUTES), GZipMiddleware(GZipMiddleware(Starlette(routes=ROUTES)))]
)
def test_routes_are_read_from_the_router_behind_any_middleware(app: object) -> None:
    assert routes_of(app, None) == [
        "/",
        "/orders/{id:int}",
        "/files/*",
        "/admin/users",
        "/admin/deep/{x}",
    ]


def test_routes_that_were_told_are_taken_as_they_are() -> None:
    assert routes_of(Starlette(routes=ROUTES), ("/a", "/b")) == ["/a", "/b"]
    assert routes_of(Starlette(routes=ROUTES), ()) == []


def test_an_application_without_routes_has_none() -> None:
    assert routes_of(page, None) == []


def test_an_application_that_cannot_be_looked_at_has_no_routes() -> None:
    class Locked:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError(name)

    assert routes_of(Locked(), None) == []


def test_routes_that_contain_themselves_come_to_an_end() -> None:
    loop = Mount("/a", routes=[Route("/b", page)])
    loop.routes.append(loop)
    assert len(routes_of(Starlette(routes=[loop]), None)) <= 500


def test_the_name_of_an_instance_is_its_own() -> None:
    names = {instance_name() for _ in range(100)}
    assert len(names) == 100
    assert all(name.startswith(socket.gethostname()[:80]) and len(name) <= 128 for name in names)


def test_memory_is_told_where_the_system_does() -> None:
    assert memory_bytes() >= 0

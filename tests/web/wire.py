"""A real listener over a small application, and a client that speaks plain bytes."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp

from sre_portal.web.crowd import Crowd, CrowdLimits
from sre_portal.web.protocol import BesideServer, BoundedConfig, Bounds

SOON = 0.2
LONG = 60.0
KNOWN = "I am known"


@dataclass
class Listener:
    """A listener on a port of its own."""

    port: int
    crowd: Crowd
    server: uvicorn.Server

    async def connect(self) -> Client:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        return Client(reader, writer)

    async def ask(self, request: bytes) -> bytes:
        """Everything the listener answers to these bytes until it closes."""
        client = await self.connect()
        client.send(request)
        return await client.rest()


@dataclass
class Client:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> bytes:
        """One whole answer that tells its length."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        return head + await self.reader.readexactly(int(length[1]) if length else 0)

    async def rest(self) -> bytes:
        """What comes until the other side closes; empty where it cut the connection."""
        try:
            return await self.reader.read()
        except ConnectionResetError:
            return b""
        finally:
            self.writer.close()


async def echo(request: Request) -> Response:
    if request.headers.get("x-who") == KNOWN:
        request.state.vouch()
    who = request.client.host if request.client else ""
    return PlainTextResponse(f"{len(await request.body())} bytes from {who} over {request.url.scheme}")


async def endless(request: Request) -> Response:
    async def lines() -> AsyncIterator[bytes]:
        yield b"first\n"
        await request.app.state.go_on.wait()
        yield b"last\n"

    return StreamingResponse(lines(), media_type="text/plain")


async def flood(_: Request) -> Response:
    async def noise() -> AsyncIterator[bytes]:
        while True:
            yield b"x" * 65536
            await asyncio.sleep(0)

    return StreamingResponse(noise(), media_type="text/plain")


async def early(_: Request) -> Response:
    """Answers without a look at the body."""
    return PlainTextResponse("no", 401)


def small_app() -> Starlette:
    app = Starlette(
        routes=[
            Route("/", echo, methods=["GET", "POST"]),
            Route("/endless", endless),
            Route("/flood", flood),
            Route("/early", early, methods=["POST"]),
        ]
    )
    app.state.go_on = asyncio.Event()
    return app


@asynccontextmanager
async def listening(
    app: ASGIApp, bounds: Bounds | None = None, limits: CrowdLimits | None = None, *, proxies: str = ""
) -> AsyncIterator[Listener]:
    """Serves an application until the block ends."""
    crowd = Crowd(limits or CrowdLimits())
    server = BesideServer(BoundedConfig(app, crowd, bounds, proxies=proxies))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        while not server.started:  # noqa: ASYNC110  uvicorn tells it by this flag only
            await asyncio.sleep(0.01)
        try:
            yield Listener(port, crowd, server)
        finally:
            server.should_exit = server.force_exit = True
            await serving

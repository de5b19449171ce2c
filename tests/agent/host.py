"""A real uvicorn in a thread of its own: what a service looks like from outside."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn

from sre_portal.agent.faults.hit import App


class Host(uvicorn.Server):
    """Says when it is ready, instead of being asked again and again."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: Any = None) -> None:  # noqa: ANN401  # uvicorn's signature
        await super().startup(sockets)
        self.ready.set()


@asynccontextmanager
async def hosted(app: App, *, http: str = "httptools", loop: str = "uvloop") -> AsyncIterator[int]:
    """The application on a port of its own."""
    config = uvicorn.Config(
        app,
        port=0,
        http=http,
        loop=loop,
        ws="none",
        log_level="critical",
        access_log=False,
    )
    host = Host(config)
    thread = threading.Thread(target=host.run, name="host")
    thread.start()
    try:
        await asyncio.to_thread(host.ready.wait)
        yield host.servers[0].sockets[0].getsockname()[1]
    finally:
        host.should_exit = True
        await asyncio.to_thread(thread.join)


async def exchange(
    port: int, request: bytes = b"GET / HTTP/1.1\r\nhost: shop\r\nconnection: close\r\n\r\n"
) -> bytes:
    """All bytes that come back until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    answer = bytearray()
    try:
        while part := await reader.read(65_536):
            answer += part
    except ConnectionResetError:
        pass
    writer.transport.abort()
    return bytes(answer)

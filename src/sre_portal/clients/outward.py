"""HTTP to addresses that others name: login providers, webhooks, probes.

The name is resolved here, each of its addresses is judged, and the connection goes to a judged address, while
Host and TLS keep the name. So a second answer of the DNS is never asked for. There are no redirects, no
proxies, no cookies, no compression; the size and the time of an answer are limited.
"""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from types import TracebackType
from typing import Self
from urllib.parse import SplitResult, urlsplit

import httpcore2

from sre_portal.core.errors import UpstreamFailed
from sre_portal.core.outward import OutwardRule

USER_AGENT = "sre-portal"

MOST_ADDRESSES = 8
"""Addresses of one name that are tried."""

SocketOption = tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port -> addresses as text. Raises `OSError` where the name is unknown."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may take: seconds from the first look at the name to the last byte, bytes of the body."""

    seconds: float = 10.0
    body_bytes: int = 256 * 1024


LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer, read to its end. Header names are in lower case; of a repeated one the last counts."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> object:
        """Raises `ValueError` where the body is no JSON."""
        try:
            return json.loads(self.body)
        except RecursionError:
            raise ValueError("nested too deeply") from None


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as the machine knows it; asked on a thread."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


class Outward:
    """The client. Close it with `aclose`, or use it as a context manager."""

    def __init__(
        self,
        rule: OutwardRule,
        *,
        resolver: Resolver = resolve,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=ssl_context or httpcore2.default_ssl_context(),
            max_connections=50,
            keepalive_expiry=5,
            network_backend=_Judging(rule, resolver),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        await self._pool.aclose()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        limits: Limits = LIMITS,
    ) -> Answer:
        """One request and its whole answer, whatever its status.

        Raises `UpstreamFailed`: a wrong address or a refused one (not retryable), no connection, no answer in
        time, too large an answer.
        """
        parts = _parse(url)
        host = parts.hostname or ""
        told = {
            "Host": parts.netloc,
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "identity",
            **(headers or {}),
        }
        try:
            async with asyncio.timeout(limits.seconds):
                return await self._exchange(method, url, told, content, limits)
        except TimeoutError:
            raise UpstreamFailed(host, f"{host} did not answer in {limits.seconds:g} s") from None
        except (httpcore2.NetworkError, httpcore2.TimeoutException, ssl.SSLError) as failed:
            raise UpstreamFailed(host, f"no connection to {host}: {_sentence(failed)}") from None
        except (httpcore2.ProtocolError, httpcore2.UnsupportedProtocol) as failed:
            raise UpstreamFailed(host, f"{host} does not speak HTTP: {_sentence(failed)}") from None

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, limits: Limits
    ) -> Answer:
        async with self._pool.stream(method, url, headers=list(headers.items()), content=content) as response:
            answered = {
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers
            }
            host = urlsplit(url).hostname or ""
            if answered.get("content-encoding", "identity").lower() != "identity":
                raise UpstreamFailed(host, f"{host} sent a compressed answer, which was not asked for")
            body = bytearray()
            async for part in response.aiter_stream():
                body += part
                if len(body) > limits.body_bytes:
                    raise UpstreamFailed(host, f"{host} sent more than {limits.body_bytes} bytes")
            return Answer(response.status, answered, bytes(body))


class _Judging(httpcore2.AsyncNetworkBackend):
    """Connects to judged addresses only."""

    def __init__(self, rule: OutwardRule, resolver: Resolver) -> None:
        self._rule = rule
        self._resolver = resolver
        self._inner = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  # as httpcore2 has it
        local_address: str | None = None,
        socket_options: Iterable[SocketOption] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        failed: httpcore2.NetworkError | httpcore2.TimeoutException | None = None
        for address in await self._judged(host, port):
            try:
                return await self._inner.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.NetworkError, httpcore2.TimeoutException) as error:
                failed = error
        raise failed or httpcore2.ConnectError(f"{host} has no address")

    async def _judged(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host that may be connected to. Raises `UpstreamFailed` where there is none."""
        try:
            found = await self._resolver(host, port)
        except (OSError, UnicodeError):
            raise UpstreamFailed(host, f"the name {host} is not known") from None
        refused = ""
        allowed = []
        for text in found[:MOST_ADDRESSES]:
            kind = self._rule.refusal(host, ip_address(text))
            if kind:
                refused = f"the address {text} of {host} is {kind}; SRE_PORTAL_OUTWARD_ALLOW can open it"
            else:
                allowed.append(text)
        if refused and not allowed:
            raise UpstreamFailed(host, refused, retryable=False)
        return allowed

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def _parse(url: str) -> SplitResult:
    """Raises `UpstreamFailed` unless it is an http or https address in plain ASCII without a user."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UpstreamFailed("the address", "the address cannot be read", retryable=False) from None
    if parts.scheme not in {"http", "https"} or not host or port == 0:
        raise UpstreamFailed("the address", "the address is not an http or https address", retryable=False)
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise UpstreamFailed(
            "the address", "the address holds characters that belong encoded", retryable=False
        )
    if "@" in parts.netloc:
        raise UpstreamFailed(host, "the address names a user", retryable=False)
    return parts


def _sentence(error: BaseException) -> str:
    return str(error).strip().splitlines()[0][:200] if str(error).strip() else type(error).__name__

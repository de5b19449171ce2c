"""The HTTP/1.1 connection of the listener, bounded in size and in time.

uvicorn over httptools bounds neither the head of a request nor how long it may take, so one slow client a
connection can hold the listener. Time is only kept while something is awaited of the client: an answer that
goes on for hours, a plan or an event stream, has no deadline as long as it is read.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum, auto
from http import HTTPStatus
from typing import Any

import httptools
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from sre_portal.web.crowd import Crowd
from sre_portal.web.middleware.headers import header_table
from sre_portal.web.middleware.refusal import PROBLEM, problem_body


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a client may take: bytes, lines and seconds."""

    head_bytes: int = 32 * 1024
    header_lines: int = 100
    pipelined_requests: int = 16
    head_seconds: float = 10.0
    """From the first byte of a request, or from the connection, to the end of its head."""
    body_seconds: float = 30.0
    """From the end of the head to the end of the body."""
    unread_seconds: float = 30.0
    """How long an answer may lie unread before the connection is cut."""
    idle_seconds: int = 5
    """How long a connection is kept between two requests."""
    proxy_idle_seconds: int = 75
    """The same for a trusted proxy, which keeps its own for up to a minute."""


class BoundedConfig(uvicorn.Config):
    """A listener's configuration: bounded, silent about itself, no access log, no WebSocket.

    `proxies`: whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed, addresses and networks separated
    by commas; nobody's where it is empty.
    """

    def __init__(
        self,
        app: ASGIApp,
        crowd: Crowd,
        bounds: Bounds | None = None,
        *,
        proxies: str = "",
        drain_seconds: int = 1,
    ) -> None:
        self.crowd = crowd
        self.bounds = bounds or Bounds()
        super().__init__(
            app,
            http=BoundedProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=proxies,
            timeout_keep_alive=self.bounds.idle_seconds,
            timeout_graceful_shutdown=drain_seconds,
        )


class BesideServer(uvicorn.Server):
    """A server beside another: it leaves the signals of the process alone."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Reading(Enum):
    """What of a request is being read."""

    NOTHING = auto()
    HEAD = auto()
    BODY = auto()


class _TooMuch(Exception):
    """Stops the parser. The refusal says why."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `address` is who is at its other end, the proxy where there is one."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        if not isinstance(config, BoundedConfig):
            raise TypeError("a bounded connection needs a BoundedConfig")
        self.crowd = config.crowd
        self.bounds = config.bounds
        self.address = ""
        self._reading = _Reading.NOTHING
        self._has_asked = False
        self._is_known = False
        self._head_bytes = 0
        self._header_bytes = 0
        self._refusal: tuple[int, str] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.address = self.client[0] if self.client else ""
        first = self.bounds.head_seconds
        if self.crowd.limits.is_proxy(self.address):
            self.timeout_keep_alive = first = self.bounds.proxy_idle_seconds
        self._allow(first, self._head_is_late)
        if not self.crowd.arrive(self):
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._forget_unread()
        self.crowd.leave(self)
        super().connection_lost(exc)

    def cut(self) -> None:
        """Ends the connection at once."""
        self.transport.abort()

    def vouch(self) -> None:
        """Called once a request on this connection was answered to somebody known."""
        if not self._is_known:
            self._is_known = True
            self.crowd.know(self)

    def answer(self, scope: Mapping[str, Any], head: bytes, body: bytes) -> bool:
        """Writes a whole answer in one piece; `head` is the status line and all headers but the date.

        False where an answer has to go by `send`: it is not this request's turn, nobody reads, or the
        connection ends after it.
        """
        cycle = self.cycle
        if cycle.scope is not scope or cycle.response_started or cycle.disconnected:
            return False
        if not cycle.keep_alive or self.flow.write_paused or self.transport.is_closing():
            return False
        cycle.response_started = cycle.response_complete = True
        dated = b"".join([b"%b: %b\r\n" % pair for pair in cycle.default_headers])
        self.transport.write(b"%b%b\r\n%b" % (head, dated, body))
        cycle.message_event.set()
        cycle.on_response()
        return True

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        was_head = self._reading is _Reading.HEAD
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self.cycle.keep_alive = (
                False  # answered as what it is without the upgrade, and nothing comes after
            )
            return
        except httptools.HttpParserError:
            status, detail = self._refusal or (400, "This is not a request in HTTP/1.1.")
            self._refuse(status, detail)
            return
        if not self.transport.is_closing():
            self._keep_time(len(data) if was_head else 0)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._reading = _Reading.HEAD
        self._head_bytes = self._header_bytes = 0
        self.scope["state"]["vouch"] = self.vouch
        self.scope["state"]["answer"] = self.answer

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > self.bounds.head_bytes:
            raise self._too_much(414, "The address is too long.")

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._reading is not _Reading.HEAD:
            return  # a trailer: nobody here reads one, and it is no header of the request
        super().on_header(name, value)
        self._header_bytes += len(name) + len(value) + 4
        if len(self.headers) > self.bounds.header_lines:
            raise self._too_much(431, "The request has too many header lines.")

    def on_headers_complete(self) -> None:
        if len(self.url) + self._header_bytes > self.bounds.head_bytes:
            raise self._too_much(431, "The head of the request is too large.")
        if len(self.pipeline) >= self.bounds.pipelined_requests:
            raise self._too_much(429, "Too many requests were sent before the first was answered.")
        self._reading = _Reading.BODY
        self._disarm()
        super().on_headers_complete()
        self._has_asked = True

    def on_message_complete(self) -> None:
        self._reading = _Reading.NOTHING
        self._disarm()
        self.crowd.hear(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self._is_known and not self.pipeline and not self.transport.is_closing():
            self.crowd.wait(self)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._forget_unread()
        self._unread = self.loop.call_later(self.bounds.unread_seconds, self.cut)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._forget_unread()

    @property
    def _is_answering(self) -> bool:
        return self._has_asked and not self.cycle.response_complete

    def _keep_time(self, head_bytes: int) -> None:
        """Arms what is awaited of the client. A request that came in one piece needs no timer."""
        if self._reading is _Reading.BODY:
            if self._deadline is None:
                self._allow(self.bounds.body_seconds, self._body_is_late)
            return
        if self._reading is _Reading.HEAD:
            self._head_bytes += head_bytes
            if self._head_bytes > self.bounds.head_bytes:
                self._refuse(431, "The head of the request is too large.")
                return
        elif self._is_answering:
            return
        if self._deadline is None:  # a head that is not whole, or blank lines before one
            self._allow(self.bounds.head_seconds, self._head_is_late)

    def _head_is_late(self) -> None:
        if self._reading is _Reading.HEAD:
            self._refuse(408, "The head of the request took too long.")
        else:
            self.transport.close()

    def _body_is_late(self) -> None:
        self._refuse(408, "The body of the request took too long.")

    def _too_much(self, status: int, detail: str) -> _TooMuch:
        self._refusal = (status, detail)
        return _TooMuch(detail)

    def _refuse(self, status: int, detail: str) -> None:
        """Answers and closes; only closes where another answer has begun."""
        self._disarm()
        if self.transport.is_closing():
            return
        if self._is_answering and (self.cycle.response_started or self._reading is not _Reading.BODY):
            self.cut()
            return
        if self._is_answering:
            self.cycle.disconnected = True  # what the application still says goes nowhere
            self.cycle.message_event.set()
        self.transport.write(raw_refusal(status, detail))
        self.transport.close()

    def _allow(self, seconds: float, late: Callable[[], None]) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(seconds, late)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _forget_unread(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None


def raw_refusal(status: int, detail: str) -> bytes:
    """A whole answer, with the headers that every answer has."""
    body = problem_body(status, detail)
    headers = {
        "content-type": PROBLEM.decode(),
        "content-length": str(len(body)),
        "connection": "close",
        "referrer-policy": "no-referrer",
        **header_table(),
    }
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}",
        *(f"{key}: {value}" for key, value in headers.items()),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body

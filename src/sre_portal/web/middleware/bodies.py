"""A bound on every request body, told or streamed."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sre_portal.web.middleware.refusal import refuse

LARGEST_BODY_BYTES = 2 * 1024 * 1024
TOO_LARGE = f"The request is larger than {LARGEST_BODY_BYTES} bytes."


def length_told(header: str) -> float:
    """The bytes of a body by its `Content-Length`; without end where that is no number."""
    return int(header[:20]) if header.isascii() and header.isdecimal() else float("inf")


class BodyLimit:
    """Refuses a body over `LARGEST_BODY_BYTES` with 413, and never reads the rest of it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if length_told(Headers(scope=scope).get("content-length", "0")) > LARGEST_BODY_BYTES:
            await refuse(send, 413, TOO_LARGE)
            return
        body = _Counted(receive, send)
        await self.app(scope, body.receive, body.send)
        await body.conclude()


class _Counted:
    """Counts what comes in. Past the bound the application is told that the client has gone."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self._send = send
        self.seen = 0
        self.answered = False

    @property
    def is_over(self) -> bool:
        return self.seen > LARGEST_BODY_BYTES

    async def receive(self) -> Message:
        message = await self._receive()
        self.seen += len(message.get("body", b""))
        return {"type": "http.disconnect"} if self.is_over else message

    async def send(self, message: Message) -> None:
        if self.is_over and not self.answered:
            return  # what the application says about a client that has gone; `conclude` says the truth
        self.answered = True
        await self._send(message)

    async def conclude(self) -> None:
        if self.is_over and not self.answered:
            await refuse(self._send, 413, TOO_LARGE)

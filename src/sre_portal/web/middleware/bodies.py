"""A bound on every request body, told or streamed."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sre_portal.web.body_size import largest_body, length_told
from sre_portal.web.errors import answer, is_for_people

GO_BACK = "Nothing was done with it. Go back in the browser: what you typed is still there."


class BodyLimit:
    """Refuses a body over what its path may get with 413, and never reads the rest of it."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most = largest_body(scope["path"])
        if length_told(Headers(scope=scope).get("content-length", "0")) > most:
            await _refuse(most, scope, receive, send)
            return
        body = _Counted(most, receive, send)
        await self.app(scope, body.receive, body.send)
        if body.is_over and not body.answered:
            await _refuse(most, scope, receive, send)


async def _refuse(most: int, scope: Scope, receive: Receive, send: Send) -> None:
    """A page for people, a problem for programs."""
    request, too_large = Request(scope), f"The request is larger than {most} bytes."
    detail = f"{too_large}\n{GO_BACK}" if is_for_people(request) else too_large
    await answer(request, 413, "Too large", detail, {})(scope, receive, send)


class _Counted:
    """Counts what comes in. Past the bound the application is told that the client has gone."""

    def __init__(self, most: int, receive: Receive, send: Send) -> None:
        self._most = most
        self._receive = receive
        self._send = send
        self.seen = 0
        self.answered = False

    @property
    def is_over(self) -> bool:
        return self.seen > self._most

    async def receive(self) -> Message:
        message = await self._receive()
        self.seen += len(message.get("body", b""))
        return {"type": "http.disconnect"} if self.is_over else message

    async def send(self, message: Message) -> None:
        if self.is_over and not self.answered:
            return  # what the application says about a client that has gone; the limit says the truth
        self.answered = True
        await self._send(message)

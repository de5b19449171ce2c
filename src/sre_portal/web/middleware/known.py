"""Tells the connection that somebody known asks on it, as soon as the answer begins."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

from starlette.types import ASGIApp, Message, Receive, Scope, Send

KNOWN = ("principal", "agent")
"""What the guard puts into the scope once a session or a token is sound."""


class Known:
    """Calls `vouch`, where the listener has put one into the state of the request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        vouch = cast(Callable[[], None] | None, scope.get("state", {}).get("vouch"))
        if vouch is None:
            await self.app(scope, receive, send)
            return

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start" and any(key in scope for key in KNOWN):
                vouch()
            await send(message)

        await self.app(scope, receive, watched)

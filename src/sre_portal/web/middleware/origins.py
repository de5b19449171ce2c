"""Browser programs of named origins may ask for flags (CORS). Nothing else here is for other origins.

Never with credentials: a cookie is of no use from another origin, a program brings a token of its own.
"""

from __future__ import annotations

from collections.abc import Collection

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sre_portal.web.ofrep_wire import PREFIX

RawHeader = tuple[bytes, bytes]
ASKED_FROM = PREFIX.encode()
VARY: RawHeader = (b"vary", b"Origin")
ASKS = b"access-control-request-method"
"""Every preflight has it."""
PREFLIGHT: tuple[RawHeader, ...] = (
    (b"access-control-allow-methods", b"GET, POST"),
    (
        b"access-control-allow-headers",
        b"authorization, content-type, if-none-match, x-api-key, x-flag-set, flagd-selector",
    ),
    (b"access-control-max-age", b"600"),
)
EXPOSED: RawHeader = (b"access-control-expose-headers", b"ETag, Retry-After")


class FlagOrigins:
    """Lets the given origins, `https://shop.example`, read what is below `/ofrep/`.

    A preflight is answered here, to nobody in particular.
    """

    def __init__(self, app: ASGIApp, *, origins: Collection[str]) -> None:
        self.app = app
        self.origins = frozenset(origin.encode() for origin in origins)
        self.otherwise: tuple[RawHeader, ...] = (VARY,) if origins else ()
        """What every answer has, also one that nobody of another origin asked for."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self.origins or scope["type"] != "http" or not scope["path"].encode().startswith(ASKED_FROM):
            await self.app(scope, receive, send)
            return
        told = [(name, value) for name, value in scope["headers"] if name in {b"origin", ASKS}]
        origins = [value for name, value in told if name == b"origin"]
        own = self._allowed(origins)
        if own and scope["method"] == "OPTIONS" and len(told) == len(origins) + 1:
            await send(
                {"type": "http.response.start", "status": 204, "headers": [*self.otherwise, *own, *PREFLIGHT]}
            )
            await send({"type": "http.response.body", "body": b""})
            return

        async def readable(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self.otherwise, *own]
            await send(message)

        await self.app(scope, receive, readable)

    def _allowed(self, origins: list[bytes]) -> list[RawHeader]:
        """What says that the one origin of a request may read; nothing where it may not."""
        if len(origins) != 1 or origins[0] not in self.origins:
            return []
        return [(b"access-control-allow-origin", origins[0]), EXPOSED]

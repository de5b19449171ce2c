"""The last to see an exception: it is logged once, as JSON, and never travels into the server."""

from __future__ import annotations

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sre_portal.web.middleware.refusal import refuse

log = structlog.get_logger("sre_portal.web")


class LastResort:
    """Starlette answers a bug and raises it again for the server to log, in plain text. It ends here."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def noted(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self.app(scope, receive, noted)
        except Exception:  # whatever it is, it ends here
            log.exception("bug", path=scope.get("path", ""))
            if not has_begun and scope["type"] == "http":
                await refuse(send, 500, "The portal failed to answer. It is written to the log.")

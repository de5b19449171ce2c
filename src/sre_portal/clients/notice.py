"""Tells people outside: each notice is posted as JSON to the addresses of the settings.

The body has a `text`, which chat services show as it is, and the size and root of the audit log: whoever
keeps the message has a witness of what the log was.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable, Sequence

import structlog

from sre_portal.clients.outward import Limits, Outward
from sre_portal.core.errors import UpstreamFailed

log = structlog.get_logger("sre_portal.notice")

TRIES = 4
PAUSE_SECONDS = 2.0
"""Before the second try; doubled before each further one."""
LIMITS = Limits(seconds=5.0, body_bytes=64 * 1024)

Witness = Callable[[], tuple[int, str]]
"""The size and the root (hexadecimal) of the audit log as it stands."""


_MARKUP = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_MENTION = re.compile(r"(?<!\w)@")
"""How `@channel` begins; an e-mail address has a letter before it."""


def plain(text: str) -> str:
    """A text in which chat services find no markup: names and reasons are whatever people chose.

    It is one line, pings nobody (`<!channel>`, `@here`), and hides no address behind another text.
    """
    line = "".join(one if one.isprintable() else " " for one in text)
    return _MENTION.sub("\uff20", line).replace("](", "] (").translate(_MARKUP)


class Webhooks:
    """`core.ports.Notices`. Lives in one event loop."""

    def __init__(self, urls: Sequence[str], outward: Outward, witness: Witness, environment: str) -> None:
        self._urls = urls
        self._outward = outward
        self._witness = witness
        self._environment = environment
        self._sending: set[asyncio.Task[None]] = set()

    async def send(self, text: str) -> None:
        """Returns at once and never fails: what cannot be delivered is tried again and then logged."""
        size, root = self._witness()
        told = {
            "text": plain(f"[{self._environment}] {text} (audit log: {size} entries, root {root[:16]})"),
            "environment": self._environment,
            "audit": {"size": size, "root": root},
        }
        for number, url in enumerate(self._urls):
            task = asyncio.create_task(self._deliver(number, url, json.dumps(told).encode()))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)

    async def settled(self) -> None:
        """Waits until nothing is under way."""
        while self._sending:
            await asyncio.wait(self._sending)

    async def _deliver(self, number: int, url: str, body: bytes) -> None:
        """The address itself is a secret of most chat services: it is never logged."""
        pause, why = PAUSE_SECONDS, ""
        for attempt in range(TRIES):
            try:
                answer = await self._outward.request(
                    "POST", url, headers={"Content-Type": "application/json"}, content=body, limits=LIMITS
                )
                if answer.status < 300:
                    return
                why = f"status {answer.status}"
            except UpstreamFailed as failed:
                why = failed.system
            if attempt < TRIES - 1:
                await asyncio.sleep(pause)
                pause *= 2
        log.error("a notice was not delivered", address=number, why=why)

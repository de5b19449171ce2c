"""How this instance reaches its portal, and how often it could not."""

from __future__ import annotations

import logging
import random
import re
import ssl
from collections.abc import Mapping

from sre_portal.agent.clock import SECOND, Clock
from sre_portal.agent.decide import AGENT_HEADER
from sre_portal.agent.http import BadAnswer, Connection, Head, parse_address
from sre_portal.agent.identity import Identity

FIRST_DELAY_SECONDS = 0.1
LONGEST_DELAY_SECONDS = 5.0
QUIET_NS = 60 * SECOND

logger = logging.getLogger("sre_portal.agent")


class Refused(Exception):
    """The portal answers 401 or 403: the token is wrong, or is not for this service."""


class Portal:
    """Opens connections to the portal and keeps count of what goes wrong with them."""

    def __init__(self, identity: Identity, clock: Clock) -> None:
        self.refusals = 0
        self.unreadable = 0
        self._identity = identity
        self._now = clock.monotonic_ns
        self._logged_ns: int | None = None
        self._context: ssl.SSLContext | None = None

    async def connect(self) -> Connection:
        """Raises `OSError`, or `ValueError` for an address or a token that cannot be."""
        address = parse_address(self._identity.portal_url)
        if not re.fullmatch(r"[!-~]*", self._identity.token):
            raise ValueError("the token holds characters that no header can")
        if address.is_tls and self._context is None:
            self._context = ssl.create_default_context()  # once: it reads all certificates of the machine
        return await Connection.open(address, self._context)

    def headers(self, **more: str) -> Mapping[str, str]:
        return {
            "authorization": f"Bearer {self._identity.token}",
            AGENT_HEADER.decode(): "1",
            "user-agent": "sre-portal-agent",
            **{name.replace("_", "-"): value for name, value in more.items()},
        }

    def accept(self, head: Head) -> None:
        """Raises `Refused` or `BadAnswer` for anything but 200."""
        if head.status in {401, 403}:
            self.refusals += 1
            raise Refused(f"refused with {head.status}: is the token right, and for this service?")
        if head.status != 200:
            raise BadAnswer(f"answered {head.status}")

    def failed(self, doing: str, problem: BaseException) -> None:
        """Say it in the host's log, one line a minute whatever happens."""
        now_ns = self._now()
        if self._logged_ns is None or now_ns - self._logged_ns >= QUIET_NS:
            self._logged_ns = now_ns
            reason = str(problem) or type(problem).__name__
            logger.warning("SRE Portal agent, %s: %s. The service is not affected.", doing, reason)


class Backoff:
    """Longer and longer waits with jitter, so that a portal that comes back is not trampled."""

    def __init__(self) -> None:
        self._failures = 0
        self._draw = random.Random().random

    def reset(self) -> None:
        self._failures = 0

    def next_seconds(self) -> float:
        delay: float = min(FIRST_DELAY_SECONDS * 2 ** min(self._failures, 10), LONGEST_DELAY_SECONDS)
        self._failures += 1
        return delay * (1 + self._draw()) / 2

"""Asking one login provider: JSON, each failure told in the provider's name, and how it was lately."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import structlog

from sre_portal.clients.oauth2 import Prepared
from sre_portal.clients.outward import Answer, Limits, Outward
from sre_portal.core.complaint import shown
from sre_portal.core.errors import LoginRefused, ProviderUnavailable, UpstreamFailed
from sre_portal.core.ports import Clock

log = structlog.get_logger("sre_portal.login")

FRESH = timedelta(seconds=30)
"""How long an answer proves that a provider is there."""

FAILED_LATELY = timedelta(seconds=5)
"""How long a provider that did not answer is not asked again for the login page."""

READY_SECONDS = 2.0


@dataclass(slots=True)
class Upstream:
    """One provider as it answers. `title` names it in sentences for people."""

    title: str
    outward: Outward
    clock: Clock
    limits: Limits = field(default_factory=Limits)
    _answered_at: datetime | None = None
    _failed_at: datetime | None = None
    _lock: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def get(self, url: str, headers: Mapping[str, str] | None = None, seconds: float = 0) -> Answer:
        """An answer of whatever status below 500. Raises `ProviderUnavailable`."""
        return await self._ask("GET", url, headers or {}, None, seconds)

    async def get_json(
        self, url: str, headers: Mapping[str, str] | None = None, seconds: float = 0
    ) -> object:
        """The JSON of an answer with status 200. Raises `ProviderUnavailable`."""
        answer = await self.get(url, {"Accept": "application/json", **(headers or {})}, seconds)
        if answer.status != 200:
            raise self.unsound(f"{_place(url)} answered with status {answer.status}")
        return self._json(answer, url)

    async def tokens(self, prepared: Prepared) -> tuple[Mapping[str, object], str]:
        """What a token endpoint answers: tokens and an empty text, or nothing and its error code.

        Raises `ProviderUnavailable` where the answer is neither.
        """
        answer = await self._ask("POST", prepared.url, prepared.headers, prepared.body, 0)
        value = self._json(answer, prepared.url)
        if not isinstance(value, Mapping):
            raise self.unsound(f"{_place(prepared.url)} answered with something else than an object")
        if "error" in value:
            return {}, str(value["error"])[:60]
        if answer.status != 200:
            raise self.unsound(f"{_place(prepared.url)} answered with status {answer.status}")
        return value, ""

    def unsound(self, reason: str) -> ProviderUnavailable:
        """An answer that came and is of no use: no matter for another try."""
        return ProviderUnavailable(self.title, reason, retryable=False)

    async def ready(self, ask: Callable[[float], Awaitable[object]]) -> str:
        """See `core.ports.LoginProvider.ready`. `ask` calls the provider within so many seconds."""
        if (sentence := self._remembered()) is not None:
            return sentence
        try:
            async with asyncio.timeout(READY_SECONDS), self._lock:
                if (sentence := self._remembered()) is None:
                    await ask(READY_SECONDS)
        except (ProviderUnavailable, TimeoutError) as failed:
            self._failed(getattr(failed, "reason", "no answer in time"))
        return self._remembered() or ""

    def _remembered(self) -> str | None:
        now = self.clock.now()
        if self._failed_at is not None and now - self._failed_at < FAILED_LATELY:
            return f"{self.title} does not answer right now. Whoever is logged in stays logged in."
        if self._answered_at is not None and now - self._answered_at < FRESH:
            return ""
        return None

    async def _ask(
        self, method: str, url: str, headers: Mapping[str, str], content: bytes | None, seconds: float
    ) -> Answer:
        limits = replace(self.limits, seconds=seconds) if seconds else self.limits
        try:
            answer = await self.outward.request(method, url, headers=headers, content=content, limits=limits)
        except UpstreamFailed as failed:
            self._failed(failed.reason)
            raise ProviderUnavailable(self.title, failed.reason, retryable=failed.retryable) from None
        if answer.status >= 500 or answer.status == 429:
            reason = f"{_place(url)} answered with status {answer.status}"
            self._failed(reason)
            raise ProviderUnavailable(self.title, reason)
        self._answered_at, self._failed_at = self.clock.now(), None
        return answer

    def _failed(self, reason: str) -> None:
        self._failed_at = self.clock.now()
        log.warning("login provider does not answer", provider=self.title, reason=reason)

    def _json(self, answer: Answer, url: str) -> object:
        try:
            return answer.json()
        except ValueError:
            raise self.unsound(f"{_place(url)} answered with no JSON, status {answer.status}") from None


def refused_by(error: str) -> LoginRefused | None:
    """The refusal that an error code of a token endpoint stands for; None where it refuses the portal."""
    if error in {"invalid_grant", "bad_verification_code"}:
        return LoginRefused(f"code: the provider answers {shown(error)}")
    return None


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname}{parts.path}"

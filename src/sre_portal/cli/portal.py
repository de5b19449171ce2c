"""The JSON API as the command line sees it. Everything that can go wrong ends in one sentence."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from types import TracebackType
from typing import Self

import httpx2

from sre_portal import __version__
from sre_portal.cli.exits import Code, CommandFailed

TIMEOUT_SECONDS = 5.0
START_TIMEOUT_SECONDS = 30.0
"""Starting a run does preflight, prediction and the first grant before it answers."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a portal may answer with. Whoever answers need not be one."""

    answer_bytes: int = 64 * 1024 * 1024
    """A page of a thousand entries of the audit log is the longest answer."""
    reading_seconds: float = 30.0
    """So long an answer may take after the time for its first byte; a drop now and then is no answer."""


class PortalLost(CommandFailed):
    """The portal did not answer, or not like a portal. Asking again may help."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.UNREACHABLE, message)


class Portal:
    """One portal, asked with one token. An async context: leaving closes the connections."""

    def __init__(self, url: str, token: str, bounds: Bounds = Bounds()) -> None:
        base = parse_url(url)
        self.url = str(base).rstrip("/")
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise CommandFailed(Code.BAD_INPUT, "The token has characters that no token has.")
        self._bounds = bounds
        # Not compressed: a few bytes could be told for more than there is memory.
        headers = {
            "accept": "application/json",
            "accept-encoding": "identity",
            "user-agent": f"sre-portal-cli/{__version__}",
        }
        if token:
            headers["authorization"] = f"Bearer {token}"
        self._client = httpx2.AsyncClient(
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            # Reading the machine's certificates takes longer than the request; plain HTTP needs none.
            verify=base.scheme == "https",
            # A proxy for the outside cannot reach a portal on this machine.
            trust_env=not _is_loopback(base.host),
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def get(self, path: str, **query: str) -> object:
        """The JSON at a path of the API. Raises `CommandFailed`, or `PortalLost` of it."""
        return await self._ask("GET", path, query=query)

    async def get_slowly(self, path: str, within_seconds: float) -> object:
        """As `get`, for what the portal may need long for."""
        return await self._ask("GET", path, within_seconds=within_seconds)

    async def post(
        self, path: str, body: Mapping[str, object], within_seconds: float = TIMEOUT_SECONDS
    ) -> object:
        """What a path of the API answers to a body. Raises as `get` does."""
        return await self._ask("POST", path, body=body, within_seconds=within_seconds)

    async def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Mapping[str, object] | None = None,
        within_seconds: float = TIMEOUT_SECONDS,
    ) -> object:
        address = f"{self.url}/api/v1{path}"
        try:
            async with (
                asyncio.timeout(within_seconds + self._bounds.reading_seconds),
                self._client.stream(
                    method, address, params=query or None, json=body, timeout=within_seconds
                ) as response,
            ):
                content = await self._content(response)
        except (httpx2.TimeoutException, TimeoutError):
            raise PortalLost(f"The portal at {self.url} did not answer in time.") from None
        except httpx2.HTTPError as lost:
            raise PortalLost(self._why_lost(lost)) from None
        return self._answer(response, content)

    async def _content(self, response: httpx2.Response) -> bytes:
        """The whole answer. Raises `PortalLost` where it is longer than any of a portal."""
        if response.headers.get("content-encoding", "identity") != "identity":
            raise PortalLost(f"The portal at {self.url} compresses its answer, which was not asked for.")
        content = bytearray()
        async for part in response.aiter_raw():
            content += part
            if len(content) > self._bounds.answer_bytes:
                raise PortalLost(
                    f"The portal at {self.url} answers with more than {self._bounds.answer_bytes} bytes, "
                    f"which no portal does."
                )
        return bytes(content)

    def _why_lost(self, lost: httpx2.HTTPError) -> str:
        why = str(lost) or "the connection broke"
        if "SSL" in why.upper():
            return (
                f"The portal at {self.url} cannot be trusted: {why}. "
                f"Is it https at all, and is its certificate known here (SSL_CERT_FILE)?"
            )
        return f"The portal at {self.url} is not reachable: {why}. Is it running (sre-portal demo)?"

    def _answer(self, response: httpx2.Response, content: bytes) -> object:
        if response.is_redirect:
            raise PortalLost(
                f"{self.url} leads to {response.headers.get('location', 'somewhere else')}. "
                f"Give the address of the portal itself."
            )
        try:
            answer: object = json.loads(content)
        except (RecursionError, MemoryError):
            raise PortalLost(f"The answer of {self.url} is nested too deeply or too large.") from None
        except ValueError:
            kind = response.headers.get("content-type", "no content type")
            raise PortalLost(
                f"{self.url} does not answer like a portal: status {response.status_code}, {kind}. "
                f"Is this the address of a portal?"
            ) from None
        if response.is_success:
            return answer
        raise failure(response.status_code, answer if isinstance(answer, dict) else {}, self.url)


def failure(status: int, problem: Mapping[str, object], url: str) -> CommandFailed:
    """What an error answer (problem+json) means for a command."""
    detail = str(problem.get("detail") or problem.get("title") or f"status {status}")
    sentence = f"{detail.rstrip('.')}."
    problems, objections = _records(problem.get("problems")), _records(problem.get("objections"))
    match status:
        case 401:
            return CommandFailed(
                Code.BAD_INPUT,
                f"Not logged in at {url}: {sentence} Give an API token of it in SRE_PORTAL_TOKEN.",
            )
        case 403:
            return CommandFailed(Code.BAD_INPUT, f"Not permitted: {sentence}")
        case 409 if objections:
            return CommandFailed(
                Code.UNDECIDED, "The portal refused to start the run:", objections=objections
            )
        case 409:
            return CommandFailed(
                Code.OUTDATED, f"{problem.get('title') or 'Somebody else was first'}: {sentence}"
            )
        case 422 if problems:
            return CommandFailed(Code.BAD_INPUT, "The portal cannot use this:", problems=problems)
        case 429 | 500 | 502 | 503 | 504:
            return PortalLost(f"The portal at {url} cannot answer (status {status}): {detail}")
        case _:
            return CommandFailed(Code.BAD_INPUT, f"The portal answered with status {status}: {detail}")


def parse_url(url: str) -> httpx2.URL:
    """The address of a portal. Raises `CommandFailed` where it is none."""
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL as wrong:
        raise CommandFailed(Code.BAD_INPUT, f"{url!r} is not an address: {wrong}.") from None
    if parsed.scheme not in {"http", "https"} or not parsed.host:
        raise CommandFailed(
            Code.BAD_INPUT, f"{url!r} is not an address of a portal, such as http://127.0.0.1:8321."
        )
    return parsed


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _records(value: object) -> list[dict[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []

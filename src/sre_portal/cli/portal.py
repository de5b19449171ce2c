"""The JSON API as the command line sees it. Everything that can go wrong ends in one sentence."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from types import TracebackType
from typing import Self

import httpx2

from sre_portal import __version__
from sre_portal.cli.exits import Code, CommandFailed

TIMEOUT_SECONDS = 5.0
START_TIMEOUT_SECONDS = 30.0
"""Starting a run does preflight, prediction and the first grant before it answers."""


class PortalLost(CommandFailed):
    """The portal did not answer, or not like a portal. Asking again may help."""

    def __init__(self, message: str) -> None:
        super().__init__(Code.UNREACHABLE, message)


class Portal:
    """One portal, asked with one token. An async context: leaving closes the connections."""

    def __init__(self, url: str, token: str) -> None:
        base = parse_url(url)
        self.url = str(base).rstrip("/")
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise CommandFailed(Code.BAD_INPUT, "The token has characters that no token has.")
        headers = {"accept": "application/json", "user-agent": f"sre-portal-cli/{__version__}"}
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
        try:
            response = await self._client.request(
                method, f"{self.url}/api/v1{path}", params=query or None, json=body, timeout=within_seconds
            )
        except httpx2.TimeoutException:
            raise PortalLost(f"The portal at {self.url} did not answer in time.") from None
        except httpx2.HTTPError as lost:
            raise PortalLost(self._why_lost(lost)) from None
        return self._answer(response)

    def _why_lost(self, lost: httpx2.HTTPError) -> str:
        why = str(lost) or "the connection broke"
        if "SSL" in why.upper():
            return (
                f"The portal at {self.url} cannot be trusted: {why}. "
                f"Is it https at all, and is its certificate known here (SSL_CERT_FILE)?"
            )
        return f"The portal at {self.url} is not reachable: {why}. Is it running (sre-portal demo)?"

    def _answer(self, response: httpx2.Response) -> object:
        if response.is_redirect:
            raise PortalLost(
                f"{self.url} leads to {response.headers.get('location', 'somewhere else')}. "
                f"Give the address of the portal itself."
            )
        try:
            answer: object = response.json()
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
    problems, objections = _records(problem.get("problems")), _records(problem.get("objections"))
    match status:
        case 401:
            return CommandFailed(
                Code.BAD_INPUT,
                f"Not logged in at {url}: {detail}. Give an API token of it in SRE_PORTAL_TOKEN.",
            )
        case 403:
            return CommandFailed(Code.BAD_INPUT, f"Not permitted: {detail}.")
        case 409 if objections:
            return CommandFailed(
                Code.UNDECIDED, "The portal refused to start the run:", objections=objections
            )
        case 409:
            return CommandFailed(Code.UNDECIDED, f"Somebody else was first: {detail}.")
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

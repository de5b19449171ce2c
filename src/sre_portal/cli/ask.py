"""Asks the portal one thing, for the commands that need no more."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from sre_portal.cli.portal import Portal


def ask(url: str, token: str, question: Callable[[Portal], Awaitable[object]]) -> object:
    """The answer to one question. Raises `CommandFailed`."""
    import asyncio  # neither this nor the HTTP client is needed for --help

    from sre_portal.cli.portal import Portal

    async def asked() -> object:
        async with Portal(url, token) as portal:
            return await question(portal)

    return asyncio.run(asked())


def part(text: str) -> str:
    """A name as a part of an address."""
    return quote(text, safe="")

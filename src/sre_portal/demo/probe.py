"""One question to a server: do you answer yet?"""

from __future__ import annotations

import asyncio

from sre_portal.demo.address import Address

PROBE_SECONDS = 1.0
POLL_SECONDS = 0.02


async def answers(address: Address, path: str = "/readyz") -> bool:
    """Whether a server answers a GET with 200. Never raises for what a server does."""
    try:
        async with asyncio.timeout(PROBE_SECONDS):
            return await _status(address, path) == b"200"
    except (OSError, TimeoutError):
        return False


async def until_answers(address: Address, path: str = "/readyz") -> None:
    """Returns once a server answers."""
    while not await answers(address, path):  # noqa: ASYNC110  # another program: only asking tells
        await asyncio.sleep(POLL_SECONDS)


async def _status(address: Address, path: str) -> bytes:
    reader, writer = await asyncio.open_connection(address.reachable_host, address.port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nhost: probe\r\nconnection: close\r\n\r\n".encode("latin-1"))
        line = await reader.readline()
    finally:
        writer.close()
    parts = line.split()
    return parts[1] if len(parts) > 1 else b""

"""The flags the demo begins with."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sre_portal.demo.address import Address
from sre_portal.demo.flags import FILE, bring_flags
from sre_portal.demo.scene import Scene


def scene_at(port: int) -> Scene:
    portal, other = Address("127.0.0.1", port), Address("127.0.0.1", 9)
    return Scene(portal, other, other, 1.0, seed_history=False, data_dir=Path(), token="t", agent_tokens={})


@asynccontextmanager
async def portal(status: int) -> AsyncIterator[tuple[Scene, list[bytes]]]:
    """Something that answers every request so, and what it was asked."""
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        asked.extend((head, await reader.readexactly(length)))
        writer.write(f"HTTP/1.1 {status} So\r\ncontent-length: 0\r\n\r\n".encode())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield scene_at(server.sockets[0].getsockname()[1]), asked


@pytest.mark.parametrize("status", [200, 409])
async def test_the_file_is_imported_where_the_portal_has_no_such_set(status: int) -> None:
    async with portal(status) as (scene, asked):
        assert not await bring_flags(scene)
    assert asked[0].startswith(b"POST /api/v1/flag-sets/shop/import ")
    assert json.loads(asked[1]) == {"document": FILE.read_text(), "reason": "the demo begins", "version": 0}


async def test_a_portal_that_refuses_them_is_told_of(tmp_path: Path) -> None:
    async with portal(403) as (scene, _):
        assert (
            await bring_flags(scene) == "The flags of the shop could not be brought: the portal answered 403."
        )


async def test_a_portal_that_is_not_there_is_told_of() -> None:
    async with portal(200) as (scene, _):
        pass
    assert "could not be brought" in await bring_flags(scene)


def test_the_kill_switch_of_the_shop_says_that_it_is_one() -> None:
    flag = json.loads(FILE.read_text())["flags"]["recommendations"]
    assert flag["metadata"]["killSwitch"] is True

"""A request whose body is held back is answered for what its sender is when the body comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from sre_portal.core.access import Permission, Role
from sre_portal.core.account import LOCAL
from sre_portal.core.ports import Session
from sre_portal.operations.login import issue_link, use_link
from sre_portal.operations.sessions import Origin
from sre_portal.web.cookies import SESSION
from tests.web.door import Door
from tests.web.test_matrix import TABLE, filled

UNSAFE = [
    (path, needs)
    for path, table in TABLE.items()
    for method, needs in table.items()
    if method == "POST" and (needs == "person" or isinstance(needs, Permission))
]


@dataclass
class Held:
    """One request by ASGI, of which the body comes when the test lets it."""

    released: asyncio.Event = field(default_factory=asyncio.Event)
    reading: asyncio.Event = field(default_factory=asyncio.Event)
    status: int = 0

    async def receive(self) -> MutableMapping[str, Any]:
        self.reading.set()
        await self.released.wait()
        return {"type": "http.request", "body": b"{}", "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]


async def admin(door: Door) -> tuple[str, Session]:
    ports = door.world.ports
    return await use_link(ports, await issue_link(ports, "ada", Role.ADMIN), Origin())


async def held_back(door: Door, path: str, meanwhile: Callable[[Session], Awaitable[object]]) -> int:
    """The status of a request that was let in, and whose sender was thrown out before its body came."""
    secret, session = await admin(door)
    held = Held()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": filled(path),
        "raw_path": filled(path).encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [
            (b"host", b"portal.test"),
            (b"cookie", f"{SESSION}={secret}".encode()),
            (b"x-csrf-token", session.csrf.encode()),
            (b"content-type", b"application/json"),
            (b"content-length", b"2"),
        ],
        "client": ("127.0.0.1", 1),
        "server": ("portal.test", 80),
    }
    asked = asyncio.create_task(door.app(scope, held.receive, held.send))
    await asyncio.wait_for(held.reading.wait(), 10)
    await meanwhile(session)
    held.released.set()
    await asyncio.wait_for(asked, 10)
    return held.status


@pytest.mark.parametrize(("path", "needs"), UNSAFE, ids=[path for path, _ in UNSAFE])
async def test_who_was_signed_out_while_the_body_was_held_back_is_refused(
    door: Door, path: str, needs: object
) -> None:
    status = await held_back(door, path, lambda session: door.world.ports.sessions.end([session]))
    assert status == 401


async def test_who_lost_the_role_while_the_body_was_held_back_is_refused(door: Door) -> None:
    async def demote(session: Session) -> None:
        for one in await door.world.ports.accounts.given(session.account.id):
            await door.world.ports.accounts.withdraw(one.id)

    assert await held_back(door, "/api/v1/tokens", demote) == 403
    assert (await door.world.ports.accounts.named("ada"))[0].issuer == LOCAL

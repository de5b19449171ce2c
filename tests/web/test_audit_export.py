"""An export goes on only while whoever reads it may, and ends where the log ended when it began."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from sqlalchemy import update

from sre_portal.core.access import Permission
from sre_portal.operations.audited import Act, deny
from sre_portal.store import tables
from sre_portal.store.database import SqlStore
from sre_portal.web.api import audit
from tests.operations.world import OMAR
from tests.web.door import SECRETS, Door

ACT = Act(OMAR, Permission.RUN_START, "experiment x")


@dataclass
class Reader:
    """Reads an export by ASGI, line by line, and does something after the first lines."""

    door: Door
    after_first: Callable[[], Awaitable[None]]
    body: bytes = b""
    heard: list[MutableMapping[str, Any]] = field(default_factory=list)

    async def receive(self) -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        is_first = not self.body
        self.body += message.get("body", b"")
        if is_first and self.body:
            await self.after_first()

    async def read(self) -> list[int]:
        """The numbers of the entries that came."""
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/api/v1/audit/export",
            "raw_path": b"/api/v1/audit/export",
            "query_string": b"",
            "root_path": "",
            "headers": [
                (b"host", b"portal.test"),
                (b"authorization", f"Bearer {SECRETS['ada'][0]}".encode()),
            ],
            "client": ("127.0.0.1", 1),
            "server": ("portal.test", 80),
        }
        await self.door.app(scope, self.receive, self.send)
        return [json.loads(line)["seq"] for line in self.body.splitlines()]


@pytest.fixture
async def filled(door: Door) -> Door:
    """A log of 120 entries."""
    for _ in range(60):
        await deny(door.world.ports, ACT.intent(door.world.ports), "no")
    return door


async def throw_out(door: Door) -> None:
    """Ada's token is taken back."""
    ports = door.world.ports
    await ports.tokens.replace_settings([one for one in await ports.tokens.all() if one.name != "ada"])


async def test_a_reader_who_is_thrown_out_gets_no_further_page(
    filled: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit, "PAGE", 30)
    assert await Reader(filled, lambda: throw_out(filled)).read() == list(range(30))


async def test_a_reader_who_is_thrown_out_gets_no_rest_of_a_page(filled: Door) -> None:
    assert await Reader(filled, lambda: throw_out(filled)).read() == list(range(audit.AT_ONCE))


async def test_an_export_ends_where_the_log_ended_when_it_began(filled: Door) -> None:
    async def act() -> None:
        await deny(filled.world.ports, ACT.intent(filled.world.ports), "no")

    assert await Reader(filled, act).read() == list(range(120))


async def test_a_log_without_a_head_is_exported_as_far_as_it_goes(filled: Door) -> None:
    store = filled.world.store
    assert isinstance(store, SqlStore)
    await store.database.write(lambda one: one.execute(update(tables.audit_head).values(checkpoint="gone")))

    async def nothing() -> None:
        pass

    assert await Reader(filled, nothing).read() == list(range(120))

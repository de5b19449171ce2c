"""What only looks at flags takes turns, and whoever flips one does not wait for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest

from sre_portal.operations import aside
from sre_portal.operations.flag_draft import LONGEST_DEFINITION
from sre_portal.operations.flag_import import ImportOrder, import_flags
from tests.operations.test_aside import Gate, begin
from tests.operations.world import OMAR, World
from tests.web.door import Door

SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
CART = "/flags/default/new-cart"
API = f"/api/v1{CART}"
FILE = {"flags": {"new-cart": SWITCH}}
LOOKS: tuple[tuple[str, dict[str, object]], ...] = (
    (f"{API}/preview", {"context": {}}),
    (f"{API}/moves", {"definition": SWITCH}),
    ("/api/v1/flag-sets/default/diff", {"document": FILE}),
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path, agents=[]).open()
    await import_flags(opened.ports, OMAR, ImportOrder("default", "test"), FILE)
    yield opened
    await opened.close()


@pytest.fixture
async def crowded(world: World, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[asyncio.Task[str]]:
    """Somebody's work goes on and on."""
    gate = Gate()
    task = await begin(world.ports.aside, gate)
    monkeypatch.setattr(aside, "PATIENCE_SECONDS", 0.01)
    yield task
    gate.let.set()
    await task


async def previewed(person: httpx2.AsyncClient, definition: str) -> httpx2.Response:
    return await person.post(f"{CART}/preview", data={"definition": definition, "context": "ada"})


@pytest.mark.usefixtures("crowded")
async def test_looks_are_refused_while_others_take_all_of_it(door: Door) -> None:
    omar = door.client("omar")
    for path, body in LOOKS:
        answer = await omar.post(path, json=body)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "5")
    for path in (f"{CART}/preview", f"{CART}/edit", f"{CART}/review"):
        answer = await omar.post(path, data={"definition": "{}", "version": "1", "context": ""})
        assert answer.status_code == 429


@pytest.mark.usefixtures("crowded")
async def test_meanwhile_the_page_of_a_flag_opens_and_the_flag_is_flipped(door: Door) -> None:
    omar = door.client("omar")
    assert (await omar.get(CART)).status_code == 200
    for enabled in (False, True):
        answer = await omar.post(f"{API}/toggle", json={"enabled": enabled, "reason": "a test"})
        assert answer.status_code == 200
    answer = await omar.post(
        API, json={"definition": {**SWITCH, "defaultVariant": "off"}, "version": 3, "reason": "x"}
    )
    assert answer.status_code == 200
    assert (await omar.post("/ofrep/v1/evaluate/flags/new-cart", json={})).json()["value"] is False


async def test_looks_are_answered_where_nobody_takes_all_of_it(door: Door) -> None:
    omar = door.client("omar")
    for path, body in LOOKS:
        assert (await omar.post(path, json=body)).status_code == 200


async def test_a_definition_that_is_too_long_is_not_read(door: Door) -> None:
    answer = await previewed(door.client("omar"), "{" + "x" * LONGEST_DEFINITION)
    assert answer.status_code == 200
    assert "1000001 characters; expected at most 1000000" in answer.text

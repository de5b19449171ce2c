"""Services get their flags while the database of the portal does not answer; for a while, and nobody new."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sre_portal.operations.flag_import import ImportOrder, import_flags
from sre_portal.store import epoch, memory
from sre_portal.web import guard, ofrep_quick
from tests.operations.world import OMAR, World
from tests.store.cable import Cable, cable_to
from tests.store.conftest import fresh_postgres_url
from tests.web.door import Door

__all__ = ["fresh_postgres_url"]

SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
ALL = "/ofrep/v1/evaluate/flags"
PATHS = (f"{ALL}/new-cart", ALL)
LONG_WAY = {"origin": "https://nowhere.example"}

pytestmark = pytest.mark.postgres


@pytest.fixture
async def far(
    fresh_postgres_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Door, Cable]]:
    """A portal with a flag, behind a wire to its database; vera has asked for it."""
    monkeypatch.setattr(memory, "ASK_SECONDS", 0.3)
    async with cable_to(fresh_postgres_url) as (cable, url):
        world = await World(tmp_path, agents=[], database=url).open()
        try:
            await import_flags(
                world.ports, OMAR, ImportOrder("default", "test"), {"flags": {"new-cart": SWITCH}}
            )
            async with Door(world) as door:
                assert (await door.client("vera").post(ALL, json={})).status_code == 200
                yield door, cable
        finally:
            cable.thaw()
            await world.close()


async def silence(cable: Cable, door: Door) -> None:
    cable.freeze()
    await epoch.pause(epoch.FRESH_SECONDS)
    assert not door.world.ports.drives()


@pytest.mark.parametrize("headers", [{}, LONG_WAY], ids=["short", "long"])
async def test_a_token_that_was_seen_goes_on_asking(far: tuple[Door, Cable], headers: dict[str, str]) -> None:
    door, cable = far
    await silence(cable, door)
    for path in PATHS * 3:
        answer = await door.client("vera").post(path, json={}, headers=headers)
        assert answer.status_code == 200


async def test_who_was_not_seen_is_told_that_the_database_does_not_answer(far: tuple[Door, Cable]) -> None:
    door, cable = far
    stream = (await door.client("vera").post(ALL, json={})).json()["eventStreams"][0]["url"]
    await silence(cable, door)
    unknown = door.client()
    unknown.headers["x-api-key"] = "nobody"
    for path in PATHS:
        answer = await unknown.post(path, json={})
        assert (answer.status_code, answer.json()["errorDetails"]) == (503, "The database does not answer.")
    query = stream.partition("?")[2]
    assert (await unknown.head(f"/ofrep/v1/events?{query}")).status_code == 503
    assert (await door.client("vera").get("/api/v1/flags")).status_code == 503


async def test_nor_is_a_seen_one_believed_for_longer_than_it_may(
    far: tuple[Door, Cable], monkeypatch: pytest.MonkeyPatch
) -> None:
    door, cable = far
    for module in (guard, ofrep_quick):
        monkeypatch.setattr(module, "SEEN_FOR_FLAGS_SECONDS", epoch.FRESH_SECONDS)
    await silence(cable, door)
    for path in PATHS:
        assert (await door.client("vera").post(path, json={})).status_code == 503
    cable.thaw()
    while not door.world.store.replicas.drives():
        await epoch.pause(0.01)
    for path in PATHS:
        assert (await door.client("vera").post(path, json={})).status_code == 200

"""A flag that is flipped on one replica is flipped on every one, also on those that stand by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from sre_portal.loops.every import every
from sre_portal.loops.schedule import FOLLOW_SECONDS
from sre_portal.operations.flags import follow_flags
from tests.operations.world import World, end
from tests.replicas.pair import Pair, running_pair
from tests.web.door import AGENT_SECRET, Door
from tests.web.listener import listening_to

SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
CART = "/api/v1/flags/default/new-cart"
ASK = "/ofrep/v1/evaluate/flags/new-cart"
FLIPS = 20


@pytest.fixture
async def pair(fresh_postgres_url: str, tmp_path: Path) -> AsyncIterator[Pair]:
    async with running_pair(fresh_postgres_url, tmp_path) as running:
        yield running


@asynccontextmanager
async def following(*worlds: World) -> AsyncIterator[None]:
    """The loop that takes in what other replicas changed, as the schedule has it."""
    tasks = [asyncio.create_task(every(FOLLOW_SECONDS, follow_flags, one.ports)) for one in worlds]
    try:
        yield
    finally:
        await end(*tasks)


async def reason(client: httpx2.AsyncClient) -> object:
    answer = (await client.post(ASK, json={})).json()
    return answer.get("reason", answer.get("errorCode"))


async def seen(client: httpx2.AsyncClient, wanted: str) -> None:
    async with asyncio.timeout(20):
        while await reason(client) != wanted:  # noqa: ASYNC110  # what a client sees has no event
            await asyncio.sleep(0.001)


async def test_a_flip_anywhere_is_seen_everywhere(pair: Pair) -> None:
    async with Door(pair.driver) as here, Door(pair.standby) as there, following(pair.driver, pair.standby):
        driver, standby = here.client("omar"), there.client("omar")
        made = await standby.post(CART, json={"definition": SWITCH, "reason": "a test"})
        assert made.status_code == 200
        await seen(driver, "STATIC")
        for number in range(FLIPS):
            flips, looks = (driver, standby) if number % 2 else (standby, driver)
            body = {"enabled": bool(number % 2), "reason": "a drill"}
            assert (await flips.post(f"{CART}/toggle", json=body)).json()["version"] == number + 2
            wanted = "STATIC" if number % 2 else "DISABLED"
            assert await reason(flips) == wanted
            await seen(looks, wanted)


async def test_an_agent_hears_of_it_at_a_replica_that_stands_by(pair: Pair) -> None:
    async with Door(pair.driver) as here, Door(pair.standby) as there, following(pair.driver, pair.standby):
        omar, bearer = here.client("omar"), f"Bearer {AGENT_SECRET}"
        url = "/agents/v1/flags?set=default&instance=shop-1"
        async with listening_to(there.app, url, authorization=bearer) as stream:
            assert b'"version": 0' in await stream.part()
            await omar.post(CART, json={"definition": SWITCH, "reason": "a test"})
            while b'"kind": "change"' not in (told := await stream.part()):
                assert b'"kind":"beat"' in told


async def test_of_two_editors_on_two_replicas_the_second_is_shown_the_first(pair: Pair) -> None:
    """Also where no word about the first change has come yet: nothing follows here."""
    async with Door(pair.driver) as here, Door(pair.standby) as there:
        omar, ada = here.client("omar"), there.client("ada")
        await omar.post(CART, json={"definition": SWITCH, "reason": "a test"})
        first = await ada.post(
            CART, json={"definition": {**SWITCH, "defaultVariant": "off"}, "reason": "mine", "version": 1}
        )
        assert first.status_code == 200
        late = await omar.post(CART, json={"definition": SWITCH, "reason": "no, mine", "version": 1})
        assert (late.status_code, late.json()["current"]["changed_by"]) == (409, "ada")
        both = await asyncio.gather(
            *(
                client.post(f"/api/v1/flags/default/{key}", json={"definition": SWITCH, "reason": "a test"})
                for client, key in ((omar, "a"), (ada, "b"), (omar, "c"), (ada, "d"))
            )
        )
        assert [one.status_code for one in both] == [200] * 4

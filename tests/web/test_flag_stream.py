"""The stream of definitions as an agent reads it: who may, what it says, and when it ends."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from sre_portal.core.flag_step import Put, Toggle
from sre_portal.core.ports import Token
from sre_portal.operations.flags import FlagOrder, change_flag
from sre_portal.operations.sessions import digest_of
from sre_portal.web.limits import FlagLimits
from tests.operations.world import ADA, OMAR, START, World
from tests.web.door import AGENT_SECRET, SECRETS, Door
from tests.web.listener import Listening, listening_to

PATH = "/agents/v1/flags"
SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path, agents=[]).open()
    yield opened
    await opened.close()


def following(
    door: Door, sets: str = "set=shop", instance: str = "shop-1", secret: str = AGENT_SECRET
) -> AbstractAsyncContextManager[Listening]:
    url = f"{PATH}?{sets}&instance={instance}"
    return listening_to(door.app, url, authorization=f"Bearer {secret}")


async def line(stream: Listening, kind: str) -> dict[str, Any]:
    """The next line of a kind."""
    while True:
        for text in (await stream.part()).splitlines():
            told: dict[str, Any] = json.loads(text)
            if told["kind"] == kind:
                return told


async def put(world: World, flag_set: str = "shop", key: str = "cart") -> None:
    await change_flag(world.ports, OMAR, FlagOrder(flag_set, key, "a test"), Put(SWITCH))


async def test_a_set_is_told_whole_and_then_each_flip(door: Door, world: World) -> None:
    await put(world)
    async with following(door) as stream:
        assert (stream.status, stream.headers["content-type"]) == (200, "application/x-ndjson")
        whole = await line(stream, "set")
        assert (whole["version"], whole["document"]["flags"]) == (1, {"cart": SWITCH})
        await change_flag(world.ports, OMAR, FlagOrder("shop", "cart", "a test"), Toggle(False))
        change = await line(stream, "change")
        assert (change["since"], change["version"], change["flags"]["cart"]["state"]) == (1, 2, "DISABLED")


async def test_a_set_that_is_not_there_yet_is_heard_of_when_it_appears(door: Door, world: World) -> None:
    async with following(door) as stream:
        assert (await line(stream, "set"))["version"] == 0
        await put(world)
        assert (await line(stream, "change"))["flags"] == {"cart": SWITCH}


async def test_the_portal_says_something_every_second_on_its_own_clock(door: Door, world: World) -> None:
    async with following(door) as stream:
        assert (await line(stream, "beat"))["sent_at"] == world.clock.now().timestamp()
        world.clock.move(5)
        while (beat := await line(stream, "beat"))["sent_at"] == START.timestamp():
            pass
        assert beat["sent_at"] == START.timestamp() + 5


async def test_several_sets_of_the_service_and_the_default_one_are_one_stream(
    door: Door, world: World
) -> None:
    for name in ("shop", "shop@staging", "default"):
        await change_flag(world.ports, ADA, FlagOrder(name, "cart", "a test"), Put(SWITCH))
    async with following(door, "set=shop&set=default&set=shop@staging&set=shop") as stream:
        told = [json.loads(text) for text in (await stream.part()).splitlines()]
        assert [one["flag_set"] for one in told if one["kind"] == "set"] == [
            "shop",
            "default",
            "shop@staging",
        ]


@pytest.mark.parametrize("flag_set", ["payments", "payments@staging", "shops"])
async def test_the_flags_of_another_service_are_not_told(door: Door, world: World, flag_set: str) -> None:
    answer = await door.client("agent").get(PATH, params={"set": ["shop", flag_set], "instance": "i"})
    assert answer.status_code == 401
    assert flag_set in answer.text
    assert world.ports.watch.refused_agents == 1


@pytest.mark.parametrize("secret", ["", "unknown", SECRETS["ada"][0]])
async def test_only_an_agent_may_follow(door: Door, secret: str) -> None:
    headers = {"authorization": f"Bearer {secret}"} if secret else {}
    answer = await door.client().get(PATH, params={"set": "shop", "instance": "i"}, headers=headers)
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"instance": "i"}, "set"),
        ({"set": [f"shop@e{n}" for n in range(9)], "instance": "i"}, "set"),
        ({"set": "Shop!", "instance": "i"}, "flag_set"),
        ({"set": "shop"}, "instance"),
        ({"set": "shop", "instance": "i" * 129}, "instance"),
        ({"set": "shop", "instance": "a\nb"}, "instance"),
    ],
)
async def test_a_question_that_cannot_be_answered_says_what_is_wrong(
    door: Door, query: dict[str, Any], path: str
) -> None:
    answer = await door.client("agent").get(PATH, params=query)
    assert answer.status_code == 422
    assert path in [one["path"] for one in answer.json()["problems"]]


async def test_the_stream_ends_when_the_token_is_taken_back(door: Door, world: World) -> None:
    async with following(door) as stream:
        await line(stream, "set")
        await world.ports.tokens.replace_settings([])
        world.ports.access.beat()
        await stream.end()


@pytest.mark.parametrize("limits", [FlagLimits(access_seconds=0.01)])
async def test_the_stream_ends_when_the_token_runs_out(door: Door, world: World) -> None:
    async with following(door) as stream:
        await line(stream, "set")
        ended = Token("agent:shop", digest_of(AGENT_SECRET), None, "shop", START, ends_at=START)
        await world.ports.tokens.replace_settings([ended])
        await stream.end()


async def test_the_portal_s_end_ends_every_stream(door: Door) -> None:
    async with following(door) as one, following(door, instance="shop-2") as two:
        await line(one, "set")
        await line(two, "set")
        door.app.state.closing.set()
        await one.end()
        await two.end()


async def test_a_client_that_leaves_is_forgotten(door: Door) -> None:
    async with following(door) as stream:
        await line(stream, "set")
        assert len(door.app.state.flag_feeds) == 1
        assert set(door.app.state.flag_feeds.sets) == {"shop"}
    assert len(door.app.state.flag_feeds) == 0
    assert set(door.app.state.flag_feeds.sets) == set()


async def test_an_instance_that_comes_back_has_one_stream(door: Door) -> None:
    async with following(door) as old:
        await line(old, "set")
        async with following(door) as new:
            await line(new, "set")
            await old.end()
            assert len(door.app.state.flag_feeds) == 1


@pytest.mark.parametrize("limits", [FlagLimits(streams_of_a_service=1)])
async def test_one_service_has_so_many_streams_and_no_more(door: Door) -> None:
    async with following(door) as one:
        await line(one, "set")
        async with following(door, instance="shop-2") as two, following(door) as again:
            assert (two.status, again.status) == (429, 200)

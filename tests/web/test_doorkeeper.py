"""Streams hear when whoever reads them is let in no more. A token is asked about once for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import cast

import pytest

from sre_portal.core.access import Principal
from sre_portal.core.errors import StoreUnavailable
from sre_portal.core.ports import Token, TokenStore
from sre_portal.operations.sessions import digest_of
from sre_portal.web.doorkeeper import Doorkeeper
from sre_portal.web.holder import Holder
from tests.operations.world import World
from tests.web.door import SECRETS, Door

VERA = Holder("token", digest_of(SECRETS["vera"][0]))
LONG = 3600.0


class Asked:
    """The tokens, counting questions; each is answered by `fails` where that raises."""

    def __init__(self, tokens: TokenStore) -> None:
        self.tokens = tokens
        self.count = 0
        self.fails: Callable[[], None] = lambda: None

    def __getattr__(self, name: str) -> object:
        return getattr(self.tokens, name)

    async def find(self, digest: str, *, seen_for: float = 0.0, anew: bool = False) -> Token | None:
        self.count += 1
        self.fails()
        return await self.tokens.find(digest, seen_for=seen_for, anew=anew)


class Ear:
    """Hears who somebody is, for a test that waits for it."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[Principal | None] = asyncio.Queue()

    def hear(self, who: Principal | None) -> None:
        self.heard.put_nowait(who)

    async def next(self) -> Principal | None:
        async with asyncio.timeout(20):
            return await self.heard.get()


@pytest.fixture
def asked(world: World) -> Asked:
    """Comes before `door`."""
    found = Asked(world.ports.tokens)
    world.ports = replace(world.ports, tokens=cast(TokenStore, found))
    return found


async def test_one_question_is_for_all_streams_of_a_token(asked: Asked, door: Door, world: World) -> None:
    keeper, ears = Doorkeeper(world.ports, LONG), [Ear() for _ in range(50)]
    with ExitStack() as streams:
        for ear in ears:
            streams.enter_context(keeper.watching(VERA, ear.hear))
        assert len(keeper) == 1
        assert {who.name if (who := await ear.next()) else "" for ear in ears} == {"vera"}
        assert asked.count == 1
        await world.ports.tokens.replace_settings([])
        world.ports.access.beat()
        assert {await ear.next() for ear in ears} == {None}
    assert len(keeper) == 0


async def test_a_stream_that_ended_hears_nothing_more_and_others_do(door: Door, world: World) -> None:
    keeper, stays, leaves = Doorkeeper(world.ports, LONG), Ear(), Ear()
    with keeper.watching(VERA, stays.hear):
        with keeper.watching(VERA, leaves.hear):
            await stays.next()
            await leaves.next()
        world.ports.access.beat()
        assert await stays.next()
    assert leaves.heard.empty()


async def test_what_ends_by_itself_is_seen_after_a_while(door: Door, world: World) -> None:
    keeper, ear = Doorkeeper(world.ports, 0.001), Ear()
    with keeper.watching(VERA, ear.hear):
        assert await ear.next()
        assert await ear.next()


async def test_while_nobody_can_be_asked_everybody_stays(asked: Asked, door: Door, world: World) -> None:
    def away() -> None:
        raise StoreUnavailable("the server is away")

    keeper, ear = Doorkeeper(world.ports, 0.001), Ear()
    asked.fails = away
    with keeper.watching(VERA, ear.hear):
        async with asyncio.timeout(20):
            while asked.count < 3:  # noqa: ASYNC110  # what is asked has no event
                await asyncio.sleep(0.001)
        assert ear.heard.empty()
        asked.fails = lambda: None
        assert await ear.next()


async def test_a_bug_lets_nobody_read_on_unwatched(asked: Asked, door: Door, world: World) -> None:
    def broken() -> None:
        raise RuntimeError("a bug")

    keeper, ear = Doorkeeper(world.ports, LONG), Ear()
    asked.fails = broken
    with keeper.watching(VERA, ear.hear):
        assert await ear.next() is None

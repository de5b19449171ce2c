"""Every change of a flag is a version, made of what its maker saw or not at all; all replicas hear of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from sre_portal.core.flag_change import FlagEdit, FlagRow, SetChange
from sre_portal.store.database import SqlStore, open_store
from tests.store.samples import NOW

ON, OFF = '{"state": "ENABLED"}', '{"state": "DISABLED"}'


def changed(seen: int, *edits: FlagEdit, flag_set: str = "shop", reason: str = "test") -> SetChange:
    return SetChange(flag_set, seen, edits, NOW, "ada", reason)


async def rows(store: SqlStore, **known: int) -> dict[tuple[str, str], tuple[int, int, str | None]]:
    return {
        (one.flag_set, row.key): (row.version, row.set_version, row.definition)
        for one in await store.flags.news(known)
        for row in one.rows
    }


async def test_a_new_set_is_made_by_its_first_change(store: SqlStore) -> None:
    assert await store.flags.news({}) == []
    assert await store.flags.change(changed(0, FlagEdit("new-cart", 1, ON)))
    [news] = await store.flags.news({})
    assert (news.flag_set, news.set_version) == ("shop", 1)
    assert news.rows == [FlagRow("shop", "new-cart", 1, 1, ON, NOW, "ada", "test")]


async def test_a_change_of_what_is_not_there_any_more_does_nothing(store: SqlStore) -> None:
    await store.flags.change(changed(0, FlagEdit("new-cart", 1, ON)))
    for seen in (0, 2, 7):
        assert not await store.flags.change(changed(seen, FlagEdit("new-cart", 2, OFF)))
    assert await rows(store) == {("shop", "new-cart"): (1, 1, ON)}
    assert len(await store.flags.history("shop", "new-cart", 10, None)) == 1


async def test_of_many_who_saw_the_same_version_one_changes_it(store: SqlStore) -> None:
    await store.flags.change(changed(0, FlagEdit("a", 1, ON)))
    tries = [store.flags.change(changed(1, FlagEdit("a", 2, OFF), reason=str(n))) for n in range(8)]
    assert sorted(await asyncio.gather(*tries)) == [False] * 7 + [True]
    assert await rows(store) == {("shop", "a"): (2, 2, OFF)}


async def test_only_what_changed_since_is_news(store: SqlStore) -> None:
    await store.flags.change(changed(0, FlagEdit("a", 1, ON), FlagEdit("b", 1, ON), FlagEdit("", 1, "{}")))
    await store.flags.change(changed(0, FlagEdit("c", 1, ON), flag_set="pay"))
    await store.flags.change(changed(1, FlagEdit("b", 2, OFF)))
    assert await rows(store, shop=1, pay=1) == {("shop", "b"): (2, 2, OFF)}
    assert await rows(store, shop=2, pay=1) == {}
    assert set(await rows(store, shop=2)) == {("pay", "c")}


async def test_the_history_of_a_flag_outlives_it(store: SqlStore) -> None:
    for seen, text in enumerate([ON, OFF, None, ON]):
        assert await store.flags.change(changed(seen, FlagEdit("a", seen + 1, text), reason=f"step {seen}"))
    told = await store.flags.history("shop", "a", 10, None)
    assert [(one.version, one.definition, one.reason) for one in told] == [
        (4, ON, "step 3"),
        (3, None, "step 2"),
        (2, OFF, "step 1"),
        (1, ON, "step 0"),
    ]
    assert [one.version for one in await store.flags.history("shop", "a", 2, 4)] == [3, 2]
    assert await store.flags.history("pay", "a", 10, None) == []


async def test_the_changes_of_some_sets_are_read_from_an_instant_on(store: SqlStore) -> None:
    for seen, text in enumerate([ON, OFF, None]):
        at = NOW + timedelta(seconds=seen)
        assert await store.flags.change(replace(changed(seen, FlagEdit("a", seen + 1, text)), at=at))
    await store.flags.change(changed(0, FlagEdit("a", 1, ON), flag_set="pay"))
    since = NOW + timedelta(seconds=1)
    found = await store.flags.changes_since({"shop", "shop@staging"}, since, 10)
    assert [(one.row.version, one.row.definition, one.before) for one in found] == [
        (3, None, OFF),
        (2, OFF, ON),
    ]
    assert [one.before for one in await store.flags.changes_since({"shop"}, NOW, 10)] == [OFF, ON, None]
    assert len(await store.flags.changes_since({"shop", "pay"}, NOW, 3)) == 3
    assert await store.flags.changes_since((), NOW, 3) == []


@pytest.fixture
async def pair(fresh_postgres_url: str) -> AsyncIterator[tuple[SqlStore, SqlStore]]:
    async with await open_store(fresh_postgres_url) as here, await open_store(fresh_postgres_url) as there:
        await asyncio.gather(here.replica.settle(), there.replica.settle())
        yield here, there


def word(store: SqlStore) -> asyncio.Event:
    """Is set at the next word about flags."""
    heard = asyncio.Event()
    store.flags.on_change(heard.set)
    return heard


@pytest.mark.postgres
async def test_a_change_is_told_to_every_replica(pair: tuple[SqlStore, SqlStore]) -> None:
    here, there = pair
    heard = word(there)
    await here.flags.change(changed(0, FlagEdit("a", 1, ON)))
    await asyncio.wait_for(heard.wait(), 10)
    assert set(await rows(there)) == {("shop", "a")}


@pytest.mark.postgres
async def test_a_change_whose_notice_is_lost_is_told_too(
    pair: tuple[SqlStore, SqlStore], fresh_postgres_url: str
) -> None:
    _, there = pair
    heard = word(there)
    async with await psycopg.AsyncConnection.connect(fresh_postgres_url) as silent:
        await silent.execute("UPDATE flag_epoch SET value = value + 1")
    await asyncio.wait_for(heard.wait(), 10)


@pytest.mark.postgres
async def test_a_change_of_access_is_no_word_about_flags(pair: tuple[SqlStore, SqlStore]) -> None:
    here, there = pair
    heard = word(there)
    generation = there.epoch.generation
    await here.epoch.change(lambda _: None)
    assert there.epoch.generation > generation
    assert not heard.is_set()

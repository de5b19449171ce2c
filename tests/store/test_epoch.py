"""Once a session is ended nobody believes it, whatever happens to the notice that says so."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import psycopg
import pytest

from sre_portal.core.errors import StoreUnavailable
from sre_portal.core.ports import Session
from sre_portal.store.database import SqlStore, open_store
from sre_portal.store.epoch import FRESH_SECONDS
from tests.store.cable import cable_to
from tests.store.people import NO_SECRETS, logged_in, session, somebody

LANES = 20
ROUNDS = 10

CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%current_setting%'
"""
"""Ends the connections over which the replicas listen."""


@pytest.fixture
async def pair(fresh_postgres_url: str) -> AsyncIterator[tuple[SqlStore, SqlStore]]:
    """Two replicas over one database."""
    async with await open_store(fresh_postgres_url) as here, await open_store(fresh_postgres_url) as there:
        await asyncio.gather(here.replica.settle(), there.replica.settle())
        yield here, there


async def rounds(here: SqlStore, there: SqlStore, lane: int) -> int:
    """Ends session after session, while the other replica uses each. How often one was believed after."""
    account = await somebody(here)
    believed = 0
    for number in range(ROUNDS):
        one = session(account, lane * ROUNDS + number)
        await here.sessions.add(one, NO_SECRETS)
        ended = asyncio.Event()
        using = asyncio.create_task(use(there, one, ended))
        assert await found(there, one)
        await here.sessions.end([one])
        believed += await found(there, one)
        ended.set()
        await using
    return believed


async def use(store: SqlStore, one: Session, ended: asyncio.Event) -> None:
    """As a browser that asks again and again, so that the memory is warm."""
    while not ended.is_set():
        await found(store, one)
        await asyncio.sleep(0.02)


async def found(store: SqlStore, one: Session) -> bool:
    return await store.sessions.find(one.digest) is not None


async def test_a_session_that_was_ended_elsewhere_is_never_believed(pair: tuple[SqlStore, SqlStore]) -> None:
    here, there = pair
    assert await asyncio.gather(*(rounds(here, there, lane) for lane in range(LANES))) == [0] * LANES


async def test_nor_while_the_listening_connections_are_cut_again_and_again(
    pair: tuple[SqlStore, SqlStore], fresh_postgres_url: str
) -> None:
    here, there = pair

    async def cut() -> None:
        async with await psycopg.AsyncConnection.connect(fresh_postgres_url, autocommit=True) as connection:
            while True:
                await connection.execute(CUT)
                await asyncio.sleep(0.15)

    cutting = asyncio.create_task(cut())
    assert await asyncio.gather(*(rounds(here, there, lane) for lane in range(LANES))) == [0] * LANES
    cutting.cancel()
    with suppress(asyncio.CancelledError):
        await cutting


async def test_a_change_that_gave_no_notice_is_seen_when_what_was_known_is_not_fresh_any_more(
    pair: tuple[SqlStore, SqlStore], fresh_postgres_url: str
) -> None:
    _, there = pair
    believed = 0
    for number in range(10):
        one = await logged_in(there, number=number)
        assert await found(there, one)
        async with await psycopg.AsyncConnection.connect(fresh_postgres_url) as silent:
            await silent.execute("DELETE FROM session WHERE id = %s", [one.id])
            await silent.execute("UPDATE access_epoch SET value = value + 1")
        await asyncio.sleep(FRESH_SECONDS)
        believed += await found(there, one)
    assert believed == 0


async def test_a_replica_that_the_database_does_not_answer_believes_nothing(fresh_postgres_url: str) -> None:
    async with cable_to(fresh_postgres_url) as (cable, far_url), await open_store(far_url) as there:
        one = await logged_in(there)
        await there.replica.settle()
        assert await found(there, one)
        assert there.epoch.is_fresh()
        cable.freeze()
        await asyncio.sleep(FRESH_SECONDS)
        assert not there.epoch.is_fresh()
        cable.thaw()


async def test_memory_is_used_between_two_changes(pair: tuple[SqlStore, SqlStore]) -> None:
    here, there = pair
    one = await logged_in(here)
    assert await found(there, one)
    generation = there.epoch.generation
    assert there.epoch.proves(generation)
    await here.sessions.end([one])
    assert not there.epoch.proves(generation)


async def test_on_sqlite_memory_is_always_fresh(sqlite_url: str) -> None:
    async with await open_store(sqlite_url) as store:
        assert store.epoch.proves(store.epoch.generation)
        await store.close()
        with pytest.raises(StoreUnavailable):
            await store.epoch.change(lambda _: None)
        assert store.epoch.generation == 1

"""Of the portals over one PostgreSQL one drives, never two, and what one tells all hear."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import psycopg
import pytest
from structlog.testing import capture_logs

from sre_portal.core.errors import StoreUnavailable
from sre_portal.store.connection import Database
from sre_portal.store.database import SqlStore, open_store
from sre_portal.store.dialect import engines_for
from sre_portal.store.epoch import FRESH_SECONDS, Epoch
from sre_portal.store.replica import Replica, SharedSession
from tests.operations.world import end
from tests.store.cable import cable_to
from tests.store.test_epoch import CUT


async def until(true: Callable[[], bool], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110  # what is true has no event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def never_two(*stores: SqlStore) -> AsyncIterator[None]:
    """Looks all the time how many drive."""
    most = 0

    async def look() -> None:
        nonlocal most
        while True:
            most = max(most, sum(store.replica.drives() for store in stores))
            await asyncio.sleep(0.001)

    looking = asyncio.create_task(look())
    try:
        yield
    finally:
        looking.cancel()
        await asyncio.wait({looking})
    assert most == 1


@pytest.fixture
async def pair(fresh_postgres_url: str) -> AsyncIterator[tuple[SqlStore, SqlStore]]:
    """The first one drives."""
    async with await open_store(fresh_postgres_url) as first:
        await first.replica.settle()
        async with await open_store(fresh_postgres_url) as second:
            await second.replica.settle()
            yield first, second


async def test_the_first_one_drives_and_the_other_stands_by(pair: tuple[SqlStore, SqlStore]) -> None:
    first, second = pair
    assert (first.replica.term(), first.replica.drives()) == (1, True)
    assert (second.replica.term(), second.replica.drives()) == (0, False)


async def test_the_other_one_takes_over_when_the_driver_leaves(pair: tuple[SqlStore, SqlStore]) -> None:
    first, second = pair
    async with never_two(first, second):
        await first.close()
        await until(second.replica.drives)
    assert not first.replica.drives()
    assert first.replica.term() == 0


async def test_of_many_that_start_at_once_one_drives(fresh_postgres_url: str) -> None:
    stores = await asyncio.gather(*(open_store(fresh_postgres_url) for _ in range(4)))
    async with never_two(*stores):
        await asyncio.gather(*(store.replica.settle() for store in stores))
        await until(lambda: any(store.replica.drives() for store in stores))
    assert sum(store.replica.term() for store in stores) == 1
    await asyncio.gather(*(store.close() for store in stores))


async def test_when_the_connections_are_cut_nobody_drives_and_then_one_does(
    pair: tuple[SqlStore, SqlStore], fresh_postgres_url: str
) -> None:
    first, second = pair
    async with (
        never_two(first, second),
        await psycopg.AsyncConnection.connect(fresh_postgres_url, autocommit=True) as connection,
    ):
        for _ in range(5):
            await connection.execute(CUT)
            await until(lambda: not first.replica.drives() and not second.replica.drives())
            await until(lambda: first.replica.drives() or second.replica.drives())


async def test_a_driver_that_the_database_does_not_answer_stops_and_another_begins(
    fresh_postgres_url: str,
) -> None:
    async with (
        cable_to(fresh_postgres_url) as (cable, far_url),
        await open_store(far_url) as far,
    ):
        await far.replica.settle()
        assert far.replica.drives()
        async with await open_store(fresh_postgres_url) as near, never_two(far, near):
            cable.freeze()
            await asyncio.sleep(FRESH_SECONDS)
            assert not far.replica.drives()
            await until(near.replica.drives)
            assert far.replica.term() == 0
            cable.thaw()
            await until(far.epoch.is_fresh)
            assert near.replica.drives()
            assert far.replica.term() == 0


async def test_a_moment_without_an_answer_ends_no_term(fresh_postgres_url: str) -> None:
    async with cable_to(fresh_postgres_url) as (cable, far_url), await open_store(far_url) as far:
        await far.replica.settle()
        cable.freeze()
        await until(lambda: not far.replica.drives())
        assert far.replica.term() == 1
        cable.thaw()
        await until(far.replica.drives)
        assert far.replica.term() == 1


async def test_two_portals_with_schemas_of_their_own_both_drive(fresh_postgres_url: str) -> None:
    name = "beside"
    with psycopg.connect(fresh_postgres_url, autocommit=True) as connection:
        connection.execute(f"CREATE SCHEMA {name}")
    beside = f"{fresh_postgres_url}?options=-csearch_path%3D{name}"
    async with await open_store(fresh_postgres_url) as one, await open_store(beside) as other:
        heard: list[str] = []
        other.replica.on_told(heard.append)
        await asyncio.gather(one.replica.settle(), other.replica.settle())
        assert one.replica.drives()
        assert other.replica.drives()
        await one.replica.tell("not for you")
        await other.replica.tell("for you")
        await until(lambda: bool(heard))
        assert heard == ["for you"]


async def test_what_one_tells_all_hear(pair: tuple[SqlStore, SqlStore]) -> None:
    heard: list[list[str]] = [[], []]
    for store, here in zip(pair, heard, strict=True):
        store.replica.on_told(here.append)
    await pair[1].replica.tell("stop")
    await pair[0].replica.tell("é" * 3000)
    await until(lambda: sum(map(len, heard)) == 4)
    assert heard == [["stop", "é" * 3000]] * 2


async def test_a_session_that_somebody_else_uses_too_is_not_trusted(fresh_postgres_url: str) -> None:
    async with (
        await open_store(fresh_postgres_url) as store,
        await psycopg.AsyncConnection.connect(fresh_postgres_url, autocommit=True) as pooled,
    ):
        await pooled.execute("SELECT set_config('sre_portal.replica', 'another', false)")
        with pytest.raises(SharedSession, match="a pooler hands the session around"):
            await store.replica._ask(pooled, "mine")


async def test_on_sqlite_a_portal_always_drives_and_tells_nobody(sqlite_url: str) -> None:
    async with await open_store(sqlite_url) as store:
        store.replica.on_told(lambda _: pytest.fail("somebody was told"))
        await store.replica.settle()
        await store.replica.tell("nobody")
        assert store.replica.drives()
        assert store.replica.term() == 1


async def test_without_a_database_nothing_can_be_told(pair: tuple[SqlStore, SqlStore]) -> None:
    first, _ = pair
    await first.close()
    with pytest.raises(StoreUnavailable):
        await first.replica.tell("anybody?")


WHY = "nothing says which replica drives: this one stands by"


async def test_a_replica_that_gets_no_connection_says_why_once_and_again_when_that_changes() -> None:
    tried = 0

    async def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal tried
        tried += 1
        writer.close()

    server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    database = Database(engines_for(f"postgresql://portal:hunter2@127.0.0.1:{port}/portal", 1))
    with capture_logs() as logged:
        watching = asyncio.create_task(Replica(database, Epoch(database)).watch())
        await until(lambda: tried > 2)
        assert [one["event"] for one in logged] == [WHY]
        server.close()
        await until(lambda: len(logged) > 1)
    assert [(one["event"], one["log_level"]) for one in logged] == [(WHY, "warning")] * 2
    assert logged[0]["why"] != logged[1]["why"]
    assert "refused" in str(logged[1]["why"])
    assert "hunter2" not in str(logged)
    await end(watching)
    await database.close()


@pytest.mark.usefixtures("pair")
async def test_a_connection_that_comes_back_is_told(fresh_postgres_url: str) -> None:
    with capture_logs() as logged:
        async with await psycopg.AsyncConnection.connect(fresh_postgres_url, autocommit=True) as connection:
            await connection.execute(CUT)
        await until(lambda: [one["log_level"] for one in logged].count("info") == 2)
    assert [one["log_level"] for one in logged].count("warning") == 2
    assert "bug" not in str(logged)


async def test_a_word_that_is_not_taken_well_ends_no_term(pair: tuple[SqlStore, SqlStore]) -> None:
    first, second = pair
    heard: list[str] = []

    def stumble(_: str) -> None:
        raise RuntimeError("a bug")

    first.replica.on_told(stumble)
    first.replica.on_told(heard.append)
    with capture_logs() as logged:
        await second.replica.tell("one")
        await second.replica.tell("two")
        await until(lambda: len(heard) == 2)
    assert [one["log_level"] for one in logged] == ["error", "error"]
    assert first.replica.term() == 1
    assert first.replica.drives()


async def test_a_bug_ends_the_term_and_not_the_watch(pair: tuple[SqlStore, SqlStore]) -> None:
    first, second = pair
    bugs = [RuntimeError("a bug")]

    def stumble() -> None:
        if bugs:
            raise bugs.pop()

    first.epoch.on_change(stumble)
    with capture_logs() as logged:
        await second.epoch.change(lambda _: None)
        await until(first.epoch.is_fresh)
        await until(lambda: "info" in [one["log_level"] for one in logged])
        await until(lambda: first.replica.drives() or second.replica.drives())
    assert [one["log_level"] for one in logged] == ["error", "info"]
    assert isinstance(logged[0]["exc_info"], RuntimeError)

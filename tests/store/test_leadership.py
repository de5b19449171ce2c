"""One replica drives at a time, and the next one takes over by itself."""

from sre_portal.store.database import SqlStore, open_store
from tests.store.samples import at


async def test_the_first_who_asks_drives_and_goes_on(store: SqlStore) -> None:
    for tenths in range(0, 200, 5):
        assert await store.leadership.hold(at(tenths / 10))


async def test_a_second_replica_waits_until_the_first_is_silent(url: str) -> None:
    async with await open_store(url) as first, await open_store(url) as second:
        assert await first.leadership.hold(at(0))
        assert not await second.leadership.hold(at(4.9))
        assert await first.leadership.hold(at(4.9))
        assert not await second.leadership.hold(at(9.8))
        assert await second.leadership.hold(at(9.9))
        assert not await first.leadership.hold(at(10))


async def test_a_replica_that_closes_leaves_the_seat_at_once(url: str) -> None:
    async with await open_store(url) as first, await open_store(url) as second:
        assert await first.leadership.hold(at(0))
        await first.close()
        assert await second.leadership.hold(at(0.1))


async def test_a_replica_that_never_drove_leaves_the_driver_alone(url: str) -> None:
    async with await open_store(url) as first, await open_store(url) as second:
        assert await first.leadership.hold(at(0))
        await second.close()
        assert await first.leadership.hold(at(2))


async def test_a_clock_that_was_set_back_asks_the_database(url: str) -> None:
    async with await open_store(url) as first, await open_store(url) as second:
        assert await first.leadership.hold(at(100))
        assert await first.leadership.hold(at(50))
        assert not await second.leadership.hold(at(54))
        assert await second.leadership.hold(at(55))

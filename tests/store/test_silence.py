"""While the database does not answer nobody waits without end, and who was seen may still ask for flags."""

from __future__ import annotations

from collections.abc import AsyncIterator
from math import inf

import pytest

from sre_portal.core.access import Role
from sre_portal.core.errors import StoreUnavailable
from sre_portal.core.ports import Token
from sre_portal.store import connection, epoch, memory
from sre_portal.store.database import SqlStore, open_store
from tests.store.cable import Cable, cable_to
from tests.store.samples import NOW

SEEN = Token("ci", "seen", Role.VIEWER, None, NOW, origin="issued")
OTHER = Token("other", "other", Role.VIEWER, None, NOW, origin="issued")


@pytest.fixture
async def far(fresh_postgres_url: str) -> AsyncIterator[tuple[SqlStore, Cable]]:
    """A store behind a wire; it has just seen a token, and the database has told the epoch."""
    async with cable_to(fresh_postgres_url) as (cable, url), await open_store(url) as store:
        for token in (SEEN, OTHER):
            await store.tokens.add(token)
        await store.replica.settle()
        assert await store.tokens.find("seen") == SEEN
        yield store, cable
        cable.thaw()


@pytest.fixture
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "ASK_SECONDS", 0.3)
    monkeypatch.setattr(connection, "READ_SECONDS", 0.3)


async def until_silent(store: SqlStore, seconds: float = epoch.FRESH_SECONDS) -> None:
    await epoch.pause(seconds)
    assert store.epoch.age() >= seconds


@pytest.mark.usefixtures("_hurried")
async def test_a_read_that_is_not_answered_ends_with_what_is_wrong(far: tuple[SqlStore, Cable]) -> None:
    store, cable = far
    cable.freeze()
    for _ in range(6):  # more than there are threads, which all wait for the database still
        with pytest.raises(StoreUnavailable, match="does not answer"):
            await store.tokens.all()
    cable.thaw()
    assert len(await store.tokens.all()) == 2


@pytest.mark.usefixtures("_hurried")
async def test_who_was_seen_is_believed_for_a_while_and_nobody_else(far: tuple[SqlStore, Cable]) -> None:
    store, cable = far
    cable.freeze()
    await until_silent(store)
    for _ in range(20):
        assert await store.tokens.find("seen", seen_for=60.0) == SEEN
    assert await store.tokens.find("seen", seen_for=60.0, anew=True) == SEEN
    for digest, seen_for in (("seen", 0.0), ("seen", epoch.FRESH_SECONDS), ("other", 60.0), ("none", inf)):
        with pytest.raises(StoreUnavailable):
            await store.tokens.find(digest, seen_for=seen_for)
    cable.thaw()
    assert await store.tokens.find("other") == OTHER


@pytest.mark.usefixtures("_hurried")
async def test_whoever_was_seen_before_a_change_is_not_believed_after_it(
    far: tuple[SqlStore, Cable], fresh_postgres_url: str
) -> None:
    """The other replica has said that the token is gone: it must not come back with the silence."""
    store, cable = far
    async with await open_store(fresh_postgres_url) as near:
        generation = store.epoch.generation
        assert await near.tokens.drop("ci") == SEEN
        while store.epoch.generation == generation:
            await epoch.pause(0.01)
        cable.freeze()
        await until_silent(store)
        with pytest.raises(StoreUnavailable):
            await store.tokens.find("seen", seen_for=60.0)


@pytest.mark.usefixtures("_hurried")
async def test_a_token_that_is_taken_back_after_a_silence_is_gone_at_once(
    far: tuple[SqlStore, Cable], fresh_postgres_url: str
) -> None:
    store, cable = far
    async with await open_store(fresh_postgres_url) as near:
        cable.freeze()
        await until_silent(store)
        assert await store.tokens.find("seen", seen_for=60.0) == SEEN
        await near.tokens.drop("ci")
        cable.thaw()
        while not store.epoch.is_fresh():
            await epoch.pause(0.01)
        assert await store.tokens.find("seen", seen_for=60.0) is None


async def test_those_who_were_seen_do_not_wait_each_time(
    far: tuple[SqlStore, Cable], monkeypatch: pytest.MonkeyPatch
) -> None:
    store, cable = far
    cable.freeze()
    await until_silent(store)
    asked = 0
    read = store.database.read

    async def counted(work: connection.Work[object]) -> object:
        nonlocal asked
        asked += 1
        return await read(work)

    monkeypatch.setattr(store.database, "read", counted)
    monkeypatch.setattr(memory, "AGAIN_SECONDS", inf)
    for _ in range(20):
        assert await store.tokens.find("seen", seen_for=60.0) == SEEN
    assert asked == 1

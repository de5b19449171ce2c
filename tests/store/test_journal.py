"""A journal is in order and each entry seals the one before."""

import asyncio
from datetime import timedelta, timezone

import pytest

from sre_portal.core.errors import NotFound
from sre_portal.core.journal import GENESIS, verify
from sre_portal.store.database import SqlStore, open_store
from tests.store.samples import NOW, at, experiment, noted


async def test_entries_are_chained_and_come_back_as_they_were_sealed(url: str) -> None:
    facts: dict[str, object] = {"b": [1, 2.5, 3.0, None], "a": {"text": "\N{SNOWMAN}", "large": 1e300}}
    async with await open_store(url) as store:
        run = await store.runs.add(experiment(), "omar", NOW)
        told = [
            await noted(store, run.id, at(0.000001), "Started.", facts),
            await noted(store, run.id, at(1), "Injecting."),
        ]
    async with await open_store(url) as store:
        entries = await store.journal.entries(run.id)
    assert entries == told
    assert [entry.seq for entry in entries] == [1, 2]
    assert [entry.previous for entry in entries] == [GENESIS, entries[0].hash]
    assert verify(entries, told[-1].hash) == []


async def test_an_instant_is_sealed_in_utc(store: SqlStore) -> None:
    run = await store.runs.add(experiment(), "omar", NOW)
    local = at(1).astimezone(timezone(timedelta(hours=2)))
    told = await noted(store, run.id, local, "Started.")
    assert told.at.utcoffset() == timedelta(0)
    assert await store.journal.entries(run.id) == [told]


async def test_facts_are_sealed_as_json_keeps_them(store: SqlStore) -> None:
    run = await store.runs.add(experiment(), "omar", NOW)
    told = await noted(store, run.id, NOW, "Started.", {"pair": (1, 2)})
    assert told.facts == {"pair": [1, 2]}
    assert await store.journal.entries(run.id) == [told]


async def test_entries_written_at_once_still_make_one_chain(store: SqlStore) -> None:
    run = await store.runs.add(experiment(), "omar", NOW)
    await asyncio.gather(*(noted(store, run.id, at(number), str(number)) for number in range(20)))
    entries = await store.journal.entries(run.id)
    assert [entry.seq for entry in entries] == list(range(1, 21))
    assert verify(entries) == []


async def test_facts_that_are_not_json_are_refused_and_leave_the_chain_whole(store: SqlStore) -> None:
    run = await store.runs.add(experiment(), "omar", NOW)
    with pytest.raises(ValueError, match="not a JSON value"):
        await noted(store, run.id, NOW, "Started.", {"at": NOW})
    await noted(store, run.id, NOW, "Started.")
    assert [entry.seq for entry in await store.journal.entries(run.id)] == [1]


async def test_each_run_has_a_chain_of_its_own(store: SqlStore) -> None:
    first, second = [await store.runs.add(experiment(), "omar", NOW) for _ in range(2)]
    await noted(store, first.id, NOW, "One.")
    told = await noted(store, second.id, NOW, "Two.")
    assert (told.seq, told.previous) == (1, GENESIS)
    assert await store.journal.entries(second.id) == [told]


async def test_a_run_that_is_not_there_has_no_journal(store: SqlStore) -> None:
    with pytest.raises(NotFound):
        await noted(store, 5, NOW, "Started.")
    assert await store.journal.entries(5) == []

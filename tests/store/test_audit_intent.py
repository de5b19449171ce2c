"""An outcome repeats who and what: only from an intent that was signed, whatever lies in the database."""

from __future__ import annotations

import asyncio
import json

import pytest
from sqlalchemy import delete, insert, select, update

from sre_portal.core.audit import Entry, entry_of
from sre_portal.core.audit_check import Check
from sre_portal.core.errors import Conflict, NotFound, Untrusted
from sre_portal.core.journal import canonical
from sre_portal.core.merkle import leaf_hash
from sre_portal.store import tables
from sre_portal.store.database import SqlStore, open_store
from tests.store.samples import TRUST, done, intent

ENTRY = tables.audit_entry


async def entry(store: SqlStore, seq: int) -> Entry:
    (found,) = await store.audit.entries(seq - 1, 1)
    return found


async def change(store: SqlStore, seq: int, **values: object) -> None:
    await store.database.write(
        lambda one: one.execute(update(ENTRY).where(ENTRY.c.seq == seq).values(**values))
    )


def by_vera(found: Entry, *, hashed: bool) -> dict[str, object]:
    """What makes an entry one of vera, and with `hashed` the hash of that."""
    leaf = json.loads(found.leaf or "")
    told = canonical({**leaf, "actor": {**leaf["actor"], "name": "vera"}})
    return {"leaf": told, "hash": leaf_hash(told.encode()).hex() if hashed else found.hash}


@pytest.mark.parametrize("hashed", [False, True])
@pytest.mark.parametrize("restarted", [False, True])
async def test_a_changed_intent_is_not_concluded_and_somebody_is_told(
    url: str, hashed: bool, restarted: bool
) -> None:
    async with await open_store(url, trust=TRUST) as first, await open_store(url, trust=TRUST) as second:
        await first.audit.record(intent(0), done())
        event = await first.audit.intend(intent(1))
        await first.audit.record(intent(2), done())
        store = second if restarted else first
        genuine = await entry(store, event)
        await change(store, event, **by_vera(genuine, hashed=hashed))
        with pytest.raises(Untrusted, match="text of entry 2 is not the one that was signed"):
            await store.audit.conclude(event, done())
        standing = store.audit.standing()
        assert ("entry 2" in standing.broken, standing.refuses) == (True, False)
        with pytest.raises(Untrusted):
            await store.audit.look()
        assert await store.audit.intend(intent(3)) == 5  # the head holds: other acts go on
        await change(store, event, leaf=genuine.leaf, hash=genuine.hash)
        await store.audit.conclude(event, done())
        assert store.audit.standing().broken == ""
        await store.audit.look()
        assert json.loads((await entry(store, 6)).leaf or "")["actor"]["name"] == "omar"


async def test_triggers_that_change_a_text_and_put_it_back_get_nothing_signed(sqlite_url: str) -> None:
    """One fires when an entry is added, one when the head is written: between acts the text is forged."""
    async with await open_store(sqlite_url, trust=TRUST) as store:
        event = await store.audit.intend(intent())
        genuine = await entry(store, event)
        forged = by_vera(genuine, hashed=False)["leaf"]
        for table, when, leaf in (
            ("audit_entry", "BEFORE INSERT", genuine.leaf),
            ("audit_head", "AFTER UPDATE", forged),
        ):
            change = f"UPDATE audit_entry SET leaf = '{leaf}' WHERE seq = {event}"  # noqa: S608  # a vandal's own
            trigger = f"CREATE TRIGGER vandal_{table} {when} ON {table} BEGIN {change}; END"
            await store.database.write(lambda one, trigger=trigger: one.exec_driver_sql(trigger))  # type: ignore[misc]
        await store.audit.intend(intent(1))  # and with it the text is changed
        with pytest.raises(Untrusted):
            await store.audit.conclude(event, done())


async def test_one_changed_intent_spoils_no_other_act(store: SqlStore) -> None:
    event = await store.audit.intend(intent(0))
    other = await store.audit.intend(intent(1))
    await change(store, event, leaf="{}")
    told = await asyncio.gather(
        store.audit.conclude(event, done()),
        store.audit.conclude(other, done()),
        store.audit.intend(intent(2)),
        return_exceptions=True,
    )
    assert [type(one) for one in told] == [Untrusted, type(None), int]


@pytest.mark.parametrize("restarted", [False, True])
async def test_an_intent_that_is_gone_is_told(url: str, restarted: bool) -> None:
    async with await open_store(url, trust=TRUST) as first, await open_store(url, trust=TRUST) as second:
        await first.audit.record(intent(0), done())
        event = await first.audit.intend(intent(1))
        store = second if restarted else first
        await change(store, event, leaf=None)
        with pytest.raises(Untrusted, match="text of entry 2 is gone"):
            await store.audit.conclude(event, done())
        await store.database.write(lambda one: one.execute(delete(ENTRY).where(ENTRY.c.seq == 1)))
        with pytest.raises(Untrusted, match="text of entry 1 is gone"):
            await store.audit.conclude(1, done())


async def test_an_intent_whose_text_retention_has_dropped_is_not_known(store: SqlStore) -> None:
    await store.audit.record(intent(0), done())
    await store.audit.record(intent(1), done())
    await store.audit.forget(2)
    with pytest.raises(NotFound):
        await store.audit.conclude(0, done())


async def test_an_invented_outcome_does_not_keep_the_true_one_out_unseen(store: SqlStore) -> None:
    event = await store.audit.intend(intent(0))
    await store.audit.record(intent(1), done())
    await change(store, 1, event=event, kind="outcome", outcome="done")
    with pytest.raises(Untrusted, match="Entry 1 claims to be the outcome of entry 0, and is not"):
        await store.audit.conclude(event, done())


async def test_an_unsigned_row_is_no_intent(store: SqlStore) -> None:
    await store.audit.record(intent(0), done())
    leaf = {**json.loads((await entry(store, 0)).leaf or ""), "seq": 2, "event": 2}
    row = entry_of(leaf, leaf_hash(canonical(leaf).encode()).hex(), "")
    values = {name: getattr(row, name) for name in ENTRY.c.keys()}  # noqa: SIM118  # not a mapping
    await store.database.write(lambda one: one.execute(insert(ENTRY).values(values)))
    with pytest.raises(Untrusted, match="Entry 2 is not among those that were signed"):
        await store.audit.conclude(2, done())


async def test_an_intent_of_another_process_is_concluded_where_it_is_proven(url: str) -> None:
    async with await open_store(url, trust=TRUST) as first, await open_store(url, trust=TRUST) as second:
        events = [await first.audit.intend(intent(number)) for number in range(5)]
        for event in events:
            await second.audit.conclude(event, done())
        with pytest.raises(Conflict, match="expected intended, found done"):
            await first.audit.conclude(events[0], done())
        check = Check()
        check.take(await second.audit.entries(None, 100))
        assert check.finish(await second.audit.checkpoint(), TRUST.signer.keys).whole
        count = await second.database.read(
            lambda one: one.scalar(select(ENTRY.c.event).where(ENTRY.c.seq == 9))
        )
        assert count == 4

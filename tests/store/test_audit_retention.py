"""What may be forgotten is said by texts that were signed, not by the columns beside them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import delete, update

from sre_portal.core.errors import Untrusted
from sre_portal.store import audit_retention, tables
from sre_portal.store.database import SqlStore
from tests.store.samples import at, done, intent

ENTRY = tables.audit_entry


async def fill(store: SqlStore, events: int = 6) -> None:
    for number in range(events):
        await store.audit.record(intent(number), done(number))


async def change(store: SqlStore, seq: int, **values: object) -> None:
    await store.database.write(
        lambda one: one.execute(update(ENTRY).where(ENTRY.c.seq == seq).values(**values))
    )


async def test_the_horizon_is_the_first_entry_that_is_not_older(store: SqlStore) -> None:
    assert await store.audit.horizon(at(3)) == 0
    await fill(store)
    assert await store.audit.horizon(at(0)) == 0
    assert await store.audit.horizon(at(3)) == 6
    assert await store.audit.horizon(at(100)) == 12
    await store.audit.forget(6)
    assert await store.audit.horizon(at(3)) == 0
    assert await store.audit.horizon(at(4)) == 8


async def test_columns_that_claim_an_age_are_not_believed(store: SqlStore) -> None:
    """The attack: every entry is told to be old, so that the portal erases all and signs that it may."""
    await fill(store)
    await store.database.write(
        lambda one: [
            one.execute(update(ENTRY).where(ENTRY.c.seq == seq).values(at=at(seq) - timedelta(days=600)))
            for seq in range(12)
        ]
    )
    with pytest.raises(Untrusted, match=r"Entry 0 was made at .* the column beside its text says"):
        await store.audit.horizon(at(-500))
    standing = store.audit.standing()
    assert ("No text was dropped" in standing.broken, standing.refuses) == (True, False)
    with pytest.raises(Untrusted):
        await store.audit.look()
    await store.database.write(
        lambda one: [
            one.execute(update(ENTRY).where(ENTRY.c.seq == seq).values(at=at(seq // 2 + seq % 2 / 2)))
            for seq in range(12)
        ]
    )
    assert await store.audit.horizon(at(3)) == 6
    assert store.audit.standing().broken == ""


@pytest.mark.parametrize("seq", [0, 3, 5])
async def test_one_young_text_among_old_ones_keeps_all(store: SqlStore, seq: int) -> None:
    await fill(store)
    await change(store, seq, at=at(-1000))
    with pytest.raises(Untrusted, match=f"Entry {seq} was made at"):
        await store.audit.horizon(at(seq / 2))


async def test_texts_and_hashes_that_were_changed_to_look_old_are_not_believed(store: SqlStore) -> None:
    await fill(store)
    await change(store, 5, leaf='{"at":"2001-01-01T00:00:00Z"}', at=at(-1000))
    with pytest.raises(Untrusted, match="text of entry 5 is not the one that was signed"):
        await store.audit.horizon(at(4))
    found = "e1d4b2c3" * 8
    await store.database.write(
        lambda one: one.execute(update(ENTRY).where(ENTRY.c.seq == 5).values(hash=found))
    )
    with pytest.raises(Untrusted, match="text of entry 5 is not the one that was signed"):
        await store.audit.horizon(at(4))


async def test_a_young_entry_in_the_clothes_of_an_old_one_is_not_believed(store: SqlStore) -> None:
    """Text and hash fit each other, and are those of another entry."""
    await fill(store)
    old = (await store.audit.entries(1, 1))[0]
    await change(store, 7, leaf=old.leaf, hash=old.hash, at=old.at)
    with pytest.raises(Untrusted, match="first 8 entries of the audit log are not those that were signed"):
        await store.audit.horizon(at(4))


async def test_a_text_that_is_gone_or_an_entry_that_is_gone_is_no_reason_to_drop_more(
    store: SqlStore,
) -> None:
    await fill(store)
    await change(store, 2, leaf=None)
    with pytest.raises(Untrusted, match="text of entry 2 is gone"):
        await store.audit.horizon(at(4))
    await store.database.write(lambda one: one.execute(delete(ENTRY).where(ENTRY.c.seq == 2)))
    with pytest.raises(Untrusted, match="Entry 2 of the audit log is gone"):
        await store.audit.horizon(at(4))


async def test_many_texts_go_in_several_passes(store: SqlStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_retention, "MOST", 4)
    monkeypatch.setattr(audit_retention, "PAGE", 3)
    await fill(store)
    horizons = []
    while horizon := await store.audit.horizon(at(5)):
        horizons.append(horizon)
        await store.audit.forget(horizon)
    assert horizons == [4, 8, 10]

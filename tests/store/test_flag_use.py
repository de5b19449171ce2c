"""What was evaluated is summed over everybody who counts, and it is known since when."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from sre_portal.core.flag_use import Used
from sre_portal.store.database import SqlStore
from tests.store.samples import NOW

LATER = NOW + timedelta(seconds=10)
ON, OFF = ("shop", "new-cart", "on"), ("shop", "new-cart", "off")


async def test_counts_add_up_from_the_first_to_the_last(store: SqlStore) -> None:
    await store.flag_uses.add({ON: 3, OFF: 1}, NOW)
    await store.flag_uses.add({ON: 4, ("pay", "new-cart", ""): 1}, LATER)
    assert await store.flag_uses.of("shop") == [Used(*OFF, NOW, NOW, 1), Used(*ON, NOW, LATER, 7)]
    assert await store.flag_uses.of("pay") == [Used("pay", "new-cart", "", LATER, LATER, 1)]
    assert await store.flag_uses.of("other") == []
    assert await store.flag_uses.one(ON) == Used(*ON, NOW, LATER, 7)
    assert await store.flag_uses.one(("shop", "new-cart", "")) is None


async def test_what_was_counted_earlier_may_be_told_later(store: SqlStore) -> None:
    await store.flag_uses.add({ON: 1}, LATER)
    await store.flag_uses.add({ON: 1}, NOW)
    assert await store.flag_uses.of("shop") == [Used(*ON, LATER, LATER, 2)]


async def test_replicas_add_at_once(store: SqlStore) -> None:
    counts = {("shop", f"flag-{n}", "on"): 1 for n in range(50)}
    backwards = dict(reversed(counts.items()))
    await asyncio.gather(*(store.flag_uses.add(one, NOW) for one in [counts, backwards] * 4))
    assert {one.count for one in await store.flag_uses.of("shop")} == {8}


async def test_counting_begins_anew_after_a_gap(store: SqlStore) -> None:
    assert await store.flag_uses.counted_since() is None
    seen = []
    for minutes in (0, 59, 59 + 61, 59 + 62):
        await store.flag_uses.add({}, NOW + timedelta(minutes=minutes))
        since = await store.flag_uses.counted_since()
        assert since is not None
        seen.append((since - NOW) // timedelta(minutes=1))
    assert seen == [0, 0, 120, 120]

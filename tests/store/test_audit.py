"""What was intended is written first, and how it ended is added once."""

import pytest

from sre_portal.core.audit import AuditEvent
from sre_portal.core.errors import Conflict, NotFound
from sre_portal.store.database import SqlStore
from tests.store.samples import NOW, at


async def test_an_intent_stands_until_it_is_concluded(store: SqlStore) -> None:
    event = await store.audit.intend(NOW, "omar", "run:start", "slow-payments", "10.0.0.1", "asked by page")
    expected = AuditEvent(
        event, NOW, "omar", "run:start", "slow-payments", "intended", "10.0.0.1", "asked by page"
    )
    assert await store.audit.recent() == [expected]


async def test_a_conclusion_adds_the_outcome_and_keeps_the_intent(store: SqlStore) -> None:
    event = await store.audit.intend(NOW, "nils", "run:start", "slow-payments", "10.0.0.1", "by page")
    await store.audit.conclude(event, "denied", "this needs run:start")
    (told,) = await store.audit.recent()
    assert (told.outcome, told.detail) == ("denied", "by page; this needs run:start")


async def test_an_outcome_is_said_once(store: SqlStore) -> None:
    event = await store.audit.intend(NOW, "omar", "run:start", "slow-payments", "", "")
    await store.audit.conclude(event, "done", "")
    with pytest.raises(Conflict, match="expected intended, found done"):
        await store.audit.conclude(event, "failed", "")
    (told,) = await store.audit.recent()
    assert (told.outcome, told.detail) == ("done", "")


async def test_what_was_never_intended_cannot_be_concluded(store: SqlStore) -> None:
    with pytest.raises(NotFound):
        await store.audit.conclude(17, "done", "")


async def test_recent_events_come_newest_first(store: SqlStore) -> None:
    ids = [await store.audit.intend(at(number), "omar", "run:abort", "1", "", "") for number in range(5)]
    assert [event.id for event in await store.audit.recent(limit=3)] == ids[:1:-1]

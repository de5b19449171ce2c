"""What is remembered of sessions and tokens, and of those that ended, has a bound."""

from math import inf

import pytest
from sqlalchemy import Connection

from sre_portal.store import memory
from sre_portal.store.database import SqlStore
from sre_portal.store.memory import Memory


def find(_: Connection, digest: str) -> str:
    """A database that still has everything."""
    return f"session of {digest}"


async def test_who_ended_is_not_believed_although_the_database_still_has_them(store: SqlStore) -> None:
    remembered = Memory(store.database, store.epoch, find)
    assert await remembered.get("a") == "session of a"
    remembered.end("a")
    assert await remembered.get("a") is None
    assert await remembered.get("a", seen_for=inf) is None


async def test_of_those_who_ended_the_last_ones_are_kept(
    store: SqlStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "MOST_ENDED", 3)
    remembered = Memory(store.database, store.epoch, find)
    for digest in "abcdcba":
        remembered.end(digest)
    kept = [digest for digest in "abcd" if await remembered.get(digest) is None]
    assert len(kept) == 3
    assert "a" in kept

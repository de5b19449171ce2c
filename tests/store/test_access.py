"""Who is believed: tokens, links that work once, sessions that end, and what holds without a database."""

import asyncio
from dataclasses import replace

import psycopg
import pytest

from sre_portal.core.access import Principal, Role, everywhere
from sre_portal.core.errors import Conflict, StoreUnavailable
from sre_portal.core.ports import Session, Token
from sre_portal.store.database import SqlStore, open_store
from tests.store.samples import NOW, at

OMAR = Principal("omar", everywhere(Role.OPERATOR))
NILS = Principal("nils")
AGENT = Token("payments-agent", "d1", None, "payments", NOW)
SESSION = Session("s1", OMAR, "csrf", NOW, at(3600))


async def test_a_token_is_found_by_its_digest(store: SqlStore) -> None:
    admin = Token("admin", "d2", Role.ADMIN, None, at(0.5))
    await store.access.replace_tokens([AGENT, admin])
    assert await store.access.token("d1") == AGENT
    assert await store.access.token("d2") == admin
    assert await store.access.token("d3") is None


async def test_tokens_that_are_not_told_any_more_are_not_believed_any_more(url: str) -> None:
    async with await open_store(url) as store:
        await store.access.replace_tokens([AGENT, replace(AGENT, name="orders-agent", digest="d2")])
        assert await store.access.token("d1") == AGENT
    renewed, moved = replace(AGENT, digest="d9"), replace(AGENT, name="orders-agent", digest="d1")
    async with await open_store(url) as store:
        await store.access.replace_tokens([renewed, moved])
        assert await store.access.token("d1") == moved
        assert await store.access.token("d2") is None
        assert await store.access.token("d9") == renewed
        await store.access.replace_tokens([])
        assert await store.access.token("d9") is None


async def test_two_names_cannot_have_one_digest(store: SqlStore) -> None:
    await store.access.replace_tokens([AGENT])
    with pytest.raises(Conflict):
        await store.access.replace_tokens([AGENT, replace(AGENT, name="other")])
    assert await store.access.token("d1") == AGENT


async def test_a_login_link_works_once(store: SqlStore) -> None:
    await store.access.add_login("l1", OMAR, at(60))
    assert await store.access.take_login("l1", at(1)) == OMAR
    assert await store.access.take_login("l1", at(2)) is None
    assert await store.access.take_login("unknown", at(2)) is None


async def test_of_two_who_use_a_login_link_at_once_one_gets_in(store: SqlStore) -> None:
    await store.access.add_login("l1", OMAR, at(60))
    taken = await asyncio.gather(*(store.access.take_login("l1", at(1)) for _ in range(8)))
    assert sorted(taken, key=lambda one: one is None) == [OMAR, *[None] * 7]


async def test_a_login_link_ends(store: SqlStore) -> None:
    await store.access.add_login("l1", OMAR, at(60))
    assert await store.access.take_login("l1", at(60)) is None


async def test_a_session_comes_back_with_whom_it_belongs_to(store: SqlStore) -> None:
    for session in (SESSION, Session("s2", NILS, "other", NOW, at(60))):
        await store.access.add_session(session)
        assert await store.access.session(session.digest) == session
    assert await store.access.session("s3") is None


async def test_sessions_outlive_a_restart(url: str) -> None:
    async with await open_store(url) as store:
        await store.access.add_session(SESSION)
    async with await open_store(url) as store:
        assert await store.access.session("s1") == SESSION


async def test_an_ended_session_is_gone_here_and_elsewhere(url: str) -> None:
    async with await open_store(url) as here, await open_store(url) as there:
        await here.access.add_session(SESSION)
        assert await there.access.session("s1") == SESSION
        await here.access.end_session("s1")
        assert await here.access.session("s1") is None
        assert await there.access.session("s1") is None


async def test_who_was_seen_is_believed_while_the_database_is_gone(store: SqlStore) -> None:
    await store.access.add_session(SESSION)
    await store.access.replace_tokens([AGENT])
    await store.close()
    assert await store.access.session("s1") == SESSION
    assert await store.access.token("d1") == AGENT


async def test_a_stranger_is_not_believed_while_the_database_is_gone(store: SqlStore) -> None:
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.access.session("s1")
    with pytest.raises(StoreUnavailable):
        await store.access.token("d1")


async def test_an_ended_session_is_never_believed_again(store: SqlStore) -> None:
    await store.access.add_session(SESSION)
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.access.end_session("s1")
    assert await store.access.session("s1") is None


async def test_a_session_that_was_never_seen_in_this_program_is_found_in_the_database(url: str) -> None:
    async with await open_store(url) as here, await open_store(url) as there:
        await here.access.add_session(SESSION)
        assert await there.access.session("s1") == SESSION
        await there.close()
        assert await there.access.session("s1") == SESSION


async def test_a_locked_table_does_not_keep_somebody_known_waiting(fresh_postgres_url: str) -> None:
    async with await open_store(fresh_postgres_url) as store:
        await store.access.add_session(SESSION)
        with psycopg.connect(fresh_postgres_url) as other:
            other.execute("LOCK TABLE session IN ACCESS EXCLUSIVE MODE")
            assert await store.access.session("s1") == SESSION


async def test_sessions_and_links_that_are_over_are_swept_out(store: SqlStore) -> None:
    await store.access.add_session(SESSION)
    await store.access.add_session(replace(SESSION, digest="s2", created_at=at(3601), ends_at=at(7200)))
    assert await store.access.session("s1") is None
    await store.access.add_login("l1", OMAR, at(60))
    await store.access.add_login("l2", OMAR, at(2 * 86400))
    assert await store.access.take_login("l1", at(1)) is None

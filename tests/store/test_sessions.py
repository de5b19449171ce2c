"""Sessions: found by their secret's digest, changed, and ended for good."""

from dataclasses import replace
from math import inf

import psycopg
import pytest

from sre_portal.core.access import Grant, Role
from sre_portal.core.account import GivenGrant
from sre_portal.core.errors import NotFound, StoreUnavailable
from sre_portal.core.ports import SessionSecrets
from sre_portal.store.database import SqlStore, open_store
from tests.store.people import ISSUER, NO_SECRETS, logged_in, session, somebody
from tests.store.samples import NOW, at


async def test_a_session_comes_back_with_whom_it_belongs_to(store: SqlStore) -> None:
    omar, vera = await logged_in(store), await logged_in(store, "vera")
    assert await store.sessions.find(omar.digest) == omar
    assert await store.sessions.find(vera.digest) == vera
    assert await store.sessions.find("unknown") is None


async def test_sessions_outlive_a_restart(url: str) -> None:
    async with await open_store(url) as store:
        omar = await logged_in(store)
    async with await open_store(url) as store:
        assert await store.sessions.find(omar.digest) == omar


async def test_a_session_brings_the_grants_of_now(store: SqlStore) -> None:
    omar = await logged_in(store)
    assert await store.sessions.find(omar.digest) == omar
    grant = Grant(Role.OPERATOR)
    await store.accounts.give(GivenGrant(0, omar.account.id, grant, "why", "ada", NOW))
    found = await store.sessions.find(omar.digest)
    assert found is not None
    assert found.account.grants == (grant,)


async def test_an_ended_session_is_gone_here_and_elsewhere(url: str) -> None:
    async with await open_store(url) as here, await open_store(url) as there:
        omar = await logged_in(here)
        if there.database.connects is not None:  # on SQLite no second program writes
            assert await there.sessions.find(omar.digest) == omar
        await here.sessions.end([omar])
        assert await here.sessions.find(omar.digest) is None
        assert await there.sessions.find(omar.digest) is None


async def test_the_sessions_of_an_account_are_listed_newest_first(store: SqlStore) -> None:
    first, second = await logged_in(store, number=1), await logged_in(store, number=2)
    await logged_in(store, "vera")
    assert [one.id for one in await store.sessions.of_account(first.account.id)] == [second.id, first.id]


async def test_a_provider_names_a_session_or_a_person_and_never_all(store: SqlStore) -> None:
    one = await logged_in(store, number=1, provider_session="sid-1")
    two = await logged_in(store, number=2, provider_session="sid-2")
    vera = await logged_in(store, "vera", provider_session="sid-1")

    async def named(issuer: str, subject: str, provider_session: str) -> set[str]:
        found = await store.sessions.of_provider(issuer, subject, provider_session)
        return {session.id for session in found}

    assert await named(ISSUER, "sub-omar", "") == {one.id, two.id}
    assert await named(ISSUER, "sub-omar", "sid-1") == {one.id}
    assert await named(ISSUER, "", "sid-1") == {one.id, vera.id}
    assert await named(ISSUER, "", "") == set()
    assert await named("https://evil.example.com", "sub-omar", "") == set()


async def test_a_new_secret_takes_the_place_of_the_old_one_once(store: SqlStore) -> None:
    omar = await logged_in(store)
    assert await store.sessions.rotate(omar, "new-digest", "more", at(5))
    assert not await store.sessions.rotate(omar, "other-digest", "more", at(6))
    moved = replace(omar, digest="new-digest", held="more", rotated_at=at(5))
    assert await store.sessions.find("new-digest") == moved
    assert (
        await store.sessions.find(omar.digest) == moved
    )  # how long it is believed is not the store's matter
    assert await store.sessions.find("other-digest") is None


async def test_a_rotated_session_ends_under_both_secrets(store: SqlStore) -> None:
    omar = await logged_in(store)
    await store.sessions.rotate(omar, "new-digest", "more", at(5))
    found = await store.sessions.find("new-digest")
    assert found is not None
    await store.sessions.find(omar.digest)
    await store.sessions.end([found])
    assert await store.sessions.find("new-digest") is None
    assert await store.sessions.find(omar.digest) is None


async def test_use_is_remembered_here_and_in_the_database(store: SqlStore) -> None:
    omar = await logged_in(store)
    await store.sessions.find(omar.digest)
    await store.sessions.touch(omar, at(90))
    found = await store.sessions.find(omar.digest)
    assert found is not None
    assert found.seen_at == at(90)
    assert (await store.sessions.of_account(omar.account.id))[0].seen_at == at(90)


async def test_what_a_provider_gave_is_kept_and_replaced_piece_by_piece(store: SqlStore) -> None:
    omar = session(await somebody(store))
    await store.sessions.add(omar, SessionSecrets("id", "refresh"))
    await store.sessions.refreshed(omar, SessionSecrets("", "refresh-2"))
    assert await store.sessions.secrets(omar.id) == SessionSecrets("id", "refresh-2")
    with pytest.raises(NotFound):
        await store.sessions.secrets("unknown")


async def test_a_refresh_is_claimed_by_one_and_only_when_due(store: SqlStore) -> None:
    omar = session(await somebody(store))
    await store.sessions.add(omar, SessionSecrets("", "refresh"))
    await logged_in(store, "vera")  # has none
    assert await store.sessions.claim_refresh(at(1), at(1), 10) == []
    assert [one.id for one in await store.sessions.claim_refresh(at(9), at(9), 10)] == [omar.id]
    assert await store.sessions.claim_refresh(at(9), at(9), 10) == []


async def test_sessions_that_are_over_or_unused_go(store: SqlStore) -> None:
    over, unused, used = [await logged_in(store, number=number) for number in (1, 2, 3)]
    await store.sessions.touch(used, at(3000))
    await store.sessions.sweep(at(3100), at(2000))
    assert [one.id for one in await store.sessions.of_account(used.account.id)] == [used.id]
    await store.sessions.sweep(over.ends_at, at(0))
    assert await store.sessions.of_account(unused.account.id) == []


async def test_a_use_on_another_replica_is_known_when_it_is_asked_for(url: str) -> None:
    async with await open_store(url) as here, await open_store(url) as there:
        omar = await logged_in(here)
        await there.sessions.find(omar.digest)
        await here.sessions.touch(omar, at(90))
        found = await there.sessions.find(omar.digest, anew=True)
        assert found is not None
        assert found.seen_at == at(90)


async def test_sessions_that_are_over_are_swept_out(store: SqlStore) -> None:
    omar = await logged_in(store)
    late = replace(session(omar.account, 2), created_at=at(3601), ends_at=at(7200))
    await store.sessions.add(late, NO_SECRETS)
    assert [one.id for one in await store.sessions.of_account(omar.account.id)] == [late.id]


async def test_who_was_seen_may_end_harm_while_the_database_is_gone(store: SqlStore) -> None:
    omar = await logged_in(store)
    await store.sessions.find(omar.digest)
    await store.close()
    assert await store.sessions.find(omar.digest, seen_for=inf) == omar
    with pytest.raises(StoreUnavailable):
        await store.sessions.find("stranger", seen_for=inf)


async def test_an_ended_session_is_not_believed_even_to_end_harm(store: SqlStore) -> None:
    omar = await logged_in(store)
    await store.sessions.find(omar.digest)
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.sessions.end([omar])
    with pytest.raises(StoreUnavailable):
        await store.sessions.find(omar.digest, seen_for=inf)


@pytest.mark.postgres
async def test_a_locked_table_does_not_keep_somebody_who_ends_harm_waiting(fresh_postgres_url: str) -> None:
    async with await open_store(fresh_postgres_url) as store:
        omar = await logged_in(store)
        await store.sessions.find(omar.digest)
        store.epoch.generation += 1  # as after a change elsewhere: memory proves nothing
        with psycopg.connect(fresh_postgres_url) as other:
            other.execute("LOCK TABLE session IN ACCESS EXCLUSIVE MODE")
            assert await store.sessions.find(omar.digest, seen_for=inf) == omar

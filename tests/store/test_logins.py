"""What is good once: of two who try at once, one gets it."""

import asyncio

from sre_portal.core.access import Role
from sre_portal.store.database import SqlStore
from tests.store.samples import at

OMAR = ("omar", Role.OPERATOR)
ATTEMPT = ("browser", "keycloak", "sealed")


async def test_a_login_link_works_once(store: SqlStore) -> None:
    await store.logins.add_link("l1", *OMAR, at(60))
    assert await store.logins.take_link("l1", at(1)) == OMAR
    assert await store.logins.take_link("l1", at(2)) is None
    assert await store.logins.take_link("unknown", at(2)) is None


async def test_of_two_who_use_a_login_link_at_once_one_gets_in(store: SqlStore) -> None:
    await store.logins.add_link("l1", *OMAR, at(60))
    taken = await asyncio.gather(*(store.logins.take_link("l1", at(1)) for _ in range(8)))
    assert sorted(taken, key=lambda one: one is None) == [OMAR, *[None] * 7]


async def test_a_login_link_ends_and_gives_way_to_a_newer_one(store: SqlStore) -> None:
    await store.logins.add_link("l1", *OMAR, at(60))
    assert await store.logins.take_link("l1", at(60)) is None
    await store.logins.add_link("l2", *OMAR, at(60))
    await store.logins.add_link("l3", *OMAR, at(60))
    assert await store.logins.take_link("l2", at(1)) is None
    assert await store.logins.take_link("l3", at(1)) == OMAR


async def test_an_attempt_is_used_up_by_being_looked_at(store: SqlStore) -> None:
    await store.logins.add_attempt("a1", *ATTEMPT, at(60), at(0))
    taken = await asyncio.gather(*(store.logins.take_attempt("a1", at(1)) for _ in range(8)))
    assert sorted(taken, key=lambda one: one is None) == [ATTEMPT, *[None] * 7]


async def test_a_new_attempt_sweeps_out_those_that_are_too_old(store: SqlStore) -> None:
    await store.logins.add_attempt("a1", *ATTEMPT, at(60), at(0))
    await store.logins.add_attempt("a2", *ATTEMPT, at(120), at(61))
    assert await store.logins.take_attempt("a1", at(1)) is None
    assert await store.logins.take_attempt("a2", at(62)) == ATTEMPT


async def test_what_is_noted_is_remembered_until_its_newest_end(store: SqlStore) -> None:
    noted = ("https://id.example.com", "ended session 1")
    assert await store.logins.seen_until(*noted, at(1)) is None
    await store.logins.note(*noted, at(60))
    await store.logins.note(*noted, at(90))
    assert await store.logins.seen_until(*noted, at(61)) == at(90)
    assert await store.logins.seen_until(*noted, at(90)) is None


async def test_attempts_that_are_too_old_are_refused_and_swept_out(store: SqlStore) -> None:
    await store.logins.add_attempt("a1", *ATTEMPT, at(60), at(0))
    await store.logins.add_attempt("a2", *ATTEMPT, at(60), at(0))
    assert await store.logins.take_attempt("a1", at(60)) is None
    assert await store.logins.take_attempt("a2", at(1)) is None


async def test_a_logout_token_is_new_once(store: SqlStore) -> None:
    first = await asyncio.gather(
        *(store.logins.first_seen("https://id.example.com", "j1", at(60), at(1)) for _ in range(8))
    )
    assert sorted(first) == [False] * 7 + [True]
    assert await store.logins.first_seen("https://other.example.com", "j1", at(60), at(1))
    assert await store.logins.first_seen("https://id.example.com", "j2", at(60), at(1))


async def test_logout_tokens_are_forgotten_when_their_age_refuses_them(store: SqlStore) -> None:
    assert await store.logins.first_seen("https://id.example.com", "j1", at(60), at(1))
    assert await store.logins.first_seen("https://id.example.com", "j1", at(120), at(61))

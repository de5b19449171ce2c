"""Who is known: by issuer and subject, with the grants that people gave."""

import asyncio
from dataclasses import replace

import pytest

from sre_portal.core.access import Grant, Role
from sre_portal.core.account import GivenGrant
from sre_portal.core.errors import NotFound
from sre_portal.store.database import SqlStore, open_store
from tests.store.people import ISSUER, somebody, told
from tests.store.samples import NOW, at


def given(account_id: int, grant: Grant, reason: str = "on call") -> GivenGrant:
    return GivenGrant(0, account_id, grant, reason, "ada", NOW)


async def test_a_first_login_makes_an_account_and_the_next_one_finds_it(store: SqlStore) -> None:
    first = await store.accounts.log_in(told("omar", "sre"), NOW)
    assert first == replace(told("omar", "sre"), id=first.id, created_at=NOW, seen_at=NOW)
    again = await store.accounts.log_in(told("omar", "sre", "payments"), at(60))
    assert again == replace(first, groups=("sre", "payments"), seen_at=at(60))
    assert await store.accounts.get(first.id) == again


async def test_of_two_first_logins_at_once_one_account_comes(store: SqlStore) -> None:
    found = await asyncio.gather(*(store.accounts.log_in(told("omar"), NOW) for _ in range(6)))
    assert len({one.id for one in found}) == 1


async def test_the_same_e_mail_at_another_issuer_is_somebody_else(store: SqlStore) -> None:
    omar = await somebody(store)
    other = await store.accounts.log_in(replace(told("omar"), issuer="https://evil.example.com"), NOW)
    assert other.id != omar.id
    assert {one.id for one in await store.accounts.named("omar@example.com")} == {omar.id, other.id}


async def test_the_same_subject_with_another_e_mail_is_the_same_person(store: SqlStore) -> None:
    omar = await somebody(store)
    married = await store.accounts.log_in(
        replace(told("omar"), email="new@example.com", name="omar k"), at(9)
    )
    assert (married.id, married.email, married.name) == (omar.id, "new@example.com", "omar k")


@pytest.mark.parametrize("text", ["omar", "omar@example.com", "sub-omar"])
async def test_an_account_is_found_by_what_people_call_it(store: SqlStore, text: str) -> None:
    omar = await somebody(store)
    await somebody(store, "vera")
    assert [one.id for one in await store.accounts.named(text)] == [omar.id]
    assert [one.id for one in await store.accounts.named(str(omar.id))] == [omar.id]


@pytest.mark.parametrize("text", ["nobody", "99999999999999999999", "²", ""])
async def test_an_account_that_is_not_there_is_not_found(store: SqlStore, text: str) -> None:
    await somebody(store)
    assert await store.accounts.named(text) == []


async def test_a_grant_comes_with_its_account_and_goes_again(store: SqlStore) -> None:
    omar = await somebody(store)
    everywhere = Grant(Role.VIEWER, source="given by ada")
    narrow = Grant(Role.OPERATOR, frozenset({"shop", "payments"}), at(3600), "given by ada")
    first = await store.accounts.give(given(omar.id, everywhere))
    second = await store.accounts.give(given(omar.id, narrow, "game day"))
    assert (await store.accounts.get(omar.id)).grants == (everywhere, narrow)
    assert await store.accounts.given(omar.id) == [
        GivenGrant(second, omar.id, narrow, "game day", "ada", NOW),
        GivenGrant(first, omar.id, everywhere, "on call", "ada", NOW),
    ]
    gone = await store.accounts.withdraw(first)
    assert gone is not None
    assert gone.grant == everywhere
    assert await store.accounts.withdraw(first) is None
    assert (await store.accounts.get(omar.id)).grants == (narrow,)


async def test_grants_of_others_stay_with_others(store: SqlStore) -> None:
    omar, vera = await somebody(store), await somebody(store, "vera")
    await store.accounts.give(given(vera.id, Grant(Role.ADMIN)))
    assert (await store.accounts.get(omar.id)).grants == ()
    assert [(one.name, len(one.grants)) for one in await store.accounts.all()] == [("omar", 0), ("vera", 1)]


async def test_nobody_is_granted_anything_who_is_not_there(store: SqlStore) -> None:
    for wrong in (store.accounts.give(given(17, Grant(Role.ADMIN))), store.accounts.block(17, blocked=True)):
        with pytest.raises(NotFound, match="17"):
            await wrong
    with pytest.raises(NotFound, match="17"):
        await store.accounts.get(17)


async def test_a_block_outlives_a_login_and_a_restart(url: str) -> None:
    async with await open_store(url) as store:
        omar = await somebody(store)
        await store.accounts.block(omar.id, blocked=True)
    async with await open_store(url) as store:
        assert (await store.accounts.log_in(told("omar"), at(5))).blocked
        await store.accounts.block(omar.id, blocked=False)
        assert not (await store.accounts.get(omar.id)).blocked
        assert omar.issuer == ISSUER

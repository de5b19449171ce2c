"""Tokens: those of the settings, those that were issued, and whose they are."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from math import inf

import pytest

from sre_portal.core.access import Role
from sre_portal.core.errors import Conflict, StoreUnavailable
from sre_portal.core.ports import Token
from sre_portal.store.database import SqlStore, open_store
from tests.store.people import somebody
from tests.store.samples import NOW, at

AGENT = Token("agent:payments", "d1", None, "payments", NOW)


async def issued(store: SqlStore, name: str = "ci") -> Token:
    token = Token(
        name,
        f"digest-{name}",
        Role.OPERATOR,
        None,
        NOW,
        services=frozenset({"shop"}),
        account=await somebody(store, "robot"),
        ends_at=at(3600),
        given_by="ada",
        origin="issued",
    )
    await store.tokens.add(token)
    return token


async def test_a_token_is_found_by_its_digest(store: SqlStore) -> None:
    admin = Token("admin", "d2", Role.ADMIN, None, at(0.5))
    await store.tokens.replace_settings([AGENT, admin])
    assert await store.tokens.find("d1") == AGENT
    assert await store.tokens.find("d2") == admin
    assert await store.tokens.find("d3") is None


async def test_tokens_that_the_settings_do_not_name_any_more_are_not_believed(url: str) -> None:
    async with await open_store(url) as store:
        await store.tokens.replace_settings([AGENT, replace(AGENT, name="orders", digest="d2")])
        assert await store.tokens.find("d1") == AGENT
    renewed, moved = replace(AGENT, digest="d9"), replace(AGENT, name="orders", digest="d1")
    async with await open_store(url) as store:
        await store.tokens.replace_settings([renewed, moved])
        assert await store.tokens.find("d1") == moved
        assert await store.tokens.find("d2") is None
        assert await store.tokens.find("d9") == renewed
        await store.tokens.replace_settings([])
        assert await store.tokens.find("d9") is None


async def test_replicas_that_start_at_once_put_the_same_tokens_in_force(url: str) -> None:
    async with AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(await open_store(url)) for _ in range(4)]
        for digest in ("d1", "d2", "d3"):
            renewed = replace(AGENT, digest=digest)
            await asyncio.gather(*(store.tokens.replace_settings([renewed]) for store in stores))
            assert [await store.tokens.find(digest) for store in stores] == [renewed] * 4


async def test_the_settings_leave_issued_tokens_alone(store: SqlStore) -> None:
    token = await issued(store)
    await store.tokens.replace_settings([AGENT])
    assert await store.tokens.find(token.digest) == token
    assert [one.name for one in await store.tokens.all()] == ["agent:payments", "ci"]


async def test_two_names_cannot_have_one_digest_and_one_name_is_given_once(store: SqlStore) -> None:
    await store.tokens.replace_settings([AGENT])
    with pytest.raises(Conflict):
        await store.tokens.replace_settings([AGENT, replace(AGENT, name="other")])
    assert await store.tokens.find("d1") == AGENT
    token = await issued(store)
    with pytest.raises(Conflict):
        await store.tokens.add(replace(token, digest="other"))


async def test_an_issued_token_is_taken_back_and_one_of_the_settings_is_not(store: SqlStore) -> None:
    token = await issued(store)
    await store.tokens.replace_settings([AGENT])
    await store.tokens.find(token.digest)
    assert await store.tokens.drop("ci") == token
    assert await store.tokens.find(token.digest) is None
    assert await store.tokens.drop("ci") is None
    assert await store.tokens.drop(AGENT.name) is None
    assert await store.tokens.find(AGENT.digest) == AGENT


async def test_a_rotated_token_gets_an_end_and_the_new_one_is_there(store: SqlStore) -> None:
    token = await issued(store)
    await store.tokens.find(token.digest)
    new = replace(token, name="ci-2", digest="digest-ci-2")
    assert await store.tokens.rotate(token, new, at(60))
    found = await store.tokens.find(token.digest)
    assert found is not None
    assert found.ends_at == at(60)
    assert await store.tokens.find(new.digest) == new


async def test_of_six_rotations_at_once_one_counts(store: SqlStore) -> None:
    token = await issued(store)
    told = await asyncio.gather(
        *(
            store.tokens.rotate(token, replace(token, name=f"ci-{one}", digest=f"d{one}"), at(60 + one))
            for one in range(6)
        )
    )
    assert sorted(told) == [False] * 5 + [True]
    assert len(await store.tokens.all()) == 2


async def test_a_rotation_to_a_taken_name_changes_nothing(store: SqlStore) -> None:
    token = await issued(store)
    other = await issued(store, "other")
    with pytest.raises(Conflict):
        await store.tokens.rotate(token, replace(token, name=other.name, digest="d9"), at(60))
    assert await store.tokens.find(token.digest) == token


async def test_a_token_without_an_end_is_rotated_once(store: SqlStore) -> None:
    token = replace(await issued(store), name="old", digest="d0", ends_at=None)
    await store.tokens.add(token)
    new = replace(token, name="new", digest="d1")
    assert await store.tokens.rotate(token, new, at(60))
    assert not await store.tokens.rotate(token, replace(new, name="newer", digest="d2"), at(60))


async def test_the_last_use_of_a_token_is_kept(store: SqlStore) -> None:
    await issued(store)
    await store.tokens.used("ci", at(30))
    assert (await store.tokens.all())[0].used_at == at(30)


async def test_a_block_of_the_owner_is_seen_with_the_token(store: SqlStore) -> None:
    token = await issued(store)
    await store.tokens.find(token.digest)
    assert token.account is not None
    await store.accounts.block(token.account.id, blocked=True)
    found = await store.tokens.find(token.digest)
    assert found is not None
    assert found.account is not None
    assert found.account.blocked


async def test_a_stranger_is_not_believed_while_the_database_is_gone(store: SqlStore) -> None:
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.tokens.find("d1", seen_for=inf)

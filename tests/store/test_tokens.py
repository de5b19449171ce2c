"""Tokens: those of the settings, those that were issued, and whose they are."""

from dataclasses import replace

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


async def test_a_token_gets_an_end_and_a_last_use(store: SqlStore) -> None:
    token = await issued(store)
    await store.tokens.find(token.digest)
    await store.tokens.end_at("ci", at(60))
    found = await store.tokens.find(token.digest)
    assert found is not None
    assert found.ends_at == at(60)
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
        await store.tokens.find("d1", seen_will_do=True)

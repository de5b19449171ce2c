"""Turns of flags are kept in their order, whatever they are made of."""

from __future__ import annotations

from datetime import timedelta

from sre_portal.core.flag_conditions import State
from sre_portal.core.flag_turn import FlagTurn, TurnedCondition
from sre_portal.store.database import SqlStore
from tests.store.samples import NOW


def turn(
    key: str, seconds: int, before: State = False, after: State = True, flag_set: str = "shop"
) -> FlagTurn:
    low = TurnedCondition("flags.x.targeting.if[0]", "$slo.checkout.budget_remaining < 0.2", before, after)
    facts = {"checkout.budget_remaining": 0.1999, "checkout.burn_1h": None}
    return FlagTurn(flag_set, key, NOW + timedelta(seconds=seconds), (low,), facts)


async def test_what_is_written_is_read_newest_first(store: SqlStore) -> None:
    turns = [turn("a", 0), turn("b", 0, None, "off"), turn("a", 5, after=False, before=True)]
    for one in [*turns, turn("a", 6, flag_set="pay")]:
        await store.flag_turns.add(one)
    assert await store.flag_turns.recent("shop", "", 10) == turns[::-1]
    assert await store.flag_turns.recent("shop", "a", 10) == [turns[2], turns[0]]
    assert await store.flag_turns.recent("shop", "a", 1) == [turns[2]]


async def test_the_last_one_of_each_flag_says_how_it_stands(store: SqlStore) -> None:
    assert await store.flag_turns.last() == []
    turns = [turn("a", 0), turn("b", 1), turn("a", 2), turn("a", 3, flag_set="pay")]
    for one in turns:
        await store.flag_turns.add(one)
    found = await store.flag_turns.last()
    assert sorted(found, key=lambda one: one.at) == turns[1:]


async def test_those_of_some_sets_are_read_from_an_instant_on(store: SqlStore) -> None:
    turns = [turn("a", seconds) for seconds in range(5)]
    for one in [*turns, turn("a", 3, flag_set="pay")]:
        await store.flag_turns.add(one)
    since = NOW + timedelta(seconds=2)
    assert await store.flag_turns.since({"shop", "shop@staging"}, since, 10) == turns[:1:-1]
    assert await store.flag_turns.since({"shop"}, since, 2) == [turns[4], turns[3]]
    assert await store.flag_turns.since((), since, 2) == []


async def test_old_turns_are_forgotten_and_not_how_a_flag_stands(store: SqlStore) -> None:
    turns = [turn("a", 0), turn("a", 1), turn("b", 0), turn("a", 5)]
    for one in turns:
        await store.flag_turns.add(one)
    await store.flag_turns.forget(NOW + timedelta(seconds=1))
    assert await store.flag_turns.recent("shop", "", 10) == [turns[3], turns[2], turns[1]]

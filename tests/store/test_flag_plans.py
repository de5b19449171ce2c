"""A plan is kept once and moves by condition, in the transaction of the change where there is one."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import update

from sre_portal.core.errors import Conflict, NotFound
from sre_portal.core.flag.bucket import Epoch
from sre_portal.core.flag_change import FlagEdit, SetChange
from sre_portal.core.flag_plan import FlagPlan, PlanMove, PlanState, Who, approved, cancelled, done, failed
from sre_portal.core.flag_step import Import, Put, Remove, Share, Step, Toggle
from sre_portal.store import tables
from sre_portal.store.database import SqlStore
from tests.store.samples import NOW

ANA, BO = Who("ana", "account:1", 1), Who("bo", "token:ci")
OFF = Toggle(False)
HOUR = timedelta(hours=1)


def draft(
    step: Step = OFF,
    *,
    key: str = "new-cart",
    flag_set: str = "shop",
    state: PlanState = PlanState.SCHEDULED,
    not_before: datetime | None = None,
) -> FlagPlan:
    return FlagPlan(0, flag_set, key, step, state, "why", NOW, ANA, not_before)


async def kept(store: SqlStore, *drafts: FlagPlan) -> list[FlagPlan]:
    return list(await store.flag_plans.add(drafts))


@pytest.mark.parametrize(
    ("step", "seen"),
    [
        (Put({"state": "ENABLED", "variants": {"ö": [1, 1.0, None]}}), 0),
        (Remove(), 3),
        (Toggle(True), None),
        (Share("on", Decimal("12.5")), 7),
        (Import('{"flags": {}}', Epoch.V2), 9),
    ],
)
async def test_a_plan_is_kept_as_it_is(store: SqlStore, step: Step, seen: int | None) -> None:
    [plan] = await kept(store, replace(draft(step, not_before=NOW + HOUR), seen=seen))
    assert plan == FlagPlan(
        plan.id, "shop", "new-cart", step, PlanState.SCHEDULED, "why", NOW, ANA, NOW + HOUR, seen
    )
    assert await store.flag_plans.get(plan.id) == plan
    with pytest.raises(NotFound, match="planned change"):
        await store.flag_plans.get(plan.id + 1)


async def test_a_plan_names_the_event_of_its_proposal_and_then_that_of_its_approval(store: SqlStore) -> None:
    [plan] = await kept(store, replace(draft(state=PlanState.WAITING), event=0))
    assert (await store.flag_plans.get(plan.id)).event == 0
    decided = replace(approved(plan, BO, NOW, "fine"), event=7)
    assert await store.flag_plans.move(PlanMove(plan, decided))
    assert await store.flag_plans.get(plan.id) == decided


async def test_a_plan_moves_only_from_where_it_was_seen(store: SqlStore) -> None:
    [plan] = await kept(store, draft(state=PlanState.WAITING))
    let = approved(plan, BO, NOW + HOUR, "fine")
    assert await store.flag_plans.move(PlanMove(plan, let))
    assert await store.flag_plans.get(plan.id) == let
    assert not await store.flag_plans.move(PlanMove(plan, cancelled(plan, ANA, NOW, "late")))
    ended = failed(let, NOW + 2 * HOUR, "gone")
    assert await store.flag_plans.move(PlanMove(let, ended))
    assert await store.flag_plans.get(plan.id) == ended


async def test_of_many_who_move_one_plan_one_does(store: SqlStore) -> None:
    [plan] = await kept(store, draft())
    ends = [failed(plan, NOW, str(number)) for number in range(8)]
    moved = await asyncio.gather(*(store.flag_plans.move(PlanMove(plan, one)) for one in ends))
    assert sorted(moved) == [False] * 7 + [True]


def change(move: PlanMove, seen: int = 0) -> SetChange:
    return SetChange("shop", seen, [FlagEdit("new-cart", seen + 1, "{}")], NOW, "ana", "why", move)


async def test_a_change_and_the_end_of_its_plan_are_one_transaction(store: SqlStore) -> None:
    [plan] = await kept(store, draft())
    assert await store.flags.change(change(PlanMove(plan, done(plan, NOW, 1))))
    assert (await store.flag_plans.get(plan.id)).outcome == "version 1"
    with pytest.raises(Conflict, match=f"plan {plan.id}"):
        await store.flags.change(change(PlanMove(plan, done(plan, NOW, 2)), 1))
    [news] = await store.flags.news({})
    assert (news.set_version, len(await store.flags.history("shop", "new-cart", 10, None))) == (1, 1)


async def test_a_change_that_cannot_be_made_leaves_its_plan(store: SqlStore) -> None:
    [plan] = await kept(store, draft())
    assert not await store.flags.change(change(PlanMove(plan, done(plan, NOW, 8)), 7))
    assert await store.flag_plans.get(plan.id) == plan


async def test_of_many_replicas_that_make_one_plan_one_does(store: SqlStore) -> None:
    [plan] = await kept(store, draft())
    tries = [store.flags.change(change(PlanMove(plan, done(plan, NOW, 1)))) for _ in range(6)]
    made = await asyncio.gather(*tries, return_exceptions=True)
    assert made.count(True) == 1
    assert len(await store.flags.history("shop", "new-cart", 10, None)) == 1


async def test_what_is_due_comes_by_instant_and_then_by_number(store: SqlStore) -> None:
    plans = await kept(
        store,
        draft(not_before=NOW + 2 * HOUR),
        draft(not_before=NOW + HOUR),
        draft(not_before=NOW + HOUR),
        draft(not_before=NOW + 3 * HOUR),
        draft(state=PlanState.WAITING),
        draft(),
    )
    ids = [one.id for one in plans]
    due = [one.id for one in await store.flag_plans.due(NOW + 2 * HOUR, 10)]
    assert due == [ids[5], ids[1], ids[2], ids[0]]
    assert [one.id for one in await store.flag_plans.due(NOW, 10)] == [ids[5]]
    assert [one.id for one in await store.flag_plans.due(NOW + 9 * HOUR, 2)] == [ids[5], ids[1]]


async def test_plans_are_found_newest_first_by_flag_and_state(store: SqlStore) -> None:
    plans = await kept(
        store,
        draft(),
        draft(key="other", state=PlanState.WAITING),
        draft(flag_set="shop@staging"),
        draft(state=PlanState.WAITING),
    )
    ids = [one.id for one in plans]

    async def found(**wanted: object) -> list[int]:
        return [one.id for one in await store.flag_plans.some(**wanted)]  # type: ignore[arg-type]  # any filter

    assert await found() == ids[::-1]
    assert await found(flag_set="shop") == [ids[3], ids[1], ids[0]]
    assert await found(flag_set="shop", key="new-cart") == [ids[3], ids[0]]
    assert await found(states=[PlanState.WAITING]) == [ids[3], ids[1]]
    assert await found(before=ids[3], limit=2) == [ids[2], ids[1]]
    assert await store.flag_plans.count_open("shop", "new-cart") == 2
    await store.flag_plans.move(PlanMove(plans[0], failed(plans[0], NOW, "gone")))
    assert await store.flag_plans.count_open("shop", "new-cart") == 1


async def test_a_plan_that_nobody_can_read_keeps_no_other_back(store: SqlStore) -> None:
    first, second = await kept(store, draft(), draft(key="other"))
    broken = update(tables.flag_plan).where(tables.flag_plan.c.id == first.id).values(step='{"version": 1}')
    await store.database.write(lambda connection: connection.execute(broken).rowcount)
    assert await store.flag_plans.due(NOW, 10) == [second]
    assert await store.flag_plans.some(flag_set="shop") == [second]
    with pytest.raises(NotFound, match="planned change"):
        await store.flag_plans.get(first.id)

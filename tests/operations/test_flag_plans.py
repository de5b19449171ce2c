"""A change of a protected flag takes two people, and a planned one is made once, by who planned it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sre_portal.core.access import Grant, Principal, Role
from sre_portal.core.account import LOCAL, Account, GivenGrant
from sre_portal.core.audit import AuditEvent, AuditFilter
from sre_portal.core.errors import (
    Conflict,
    InvalidInput,
    NotPermitted,
    Protected,
    StoreUnavailable,
    Superseded,
)
from sre_portal.core.flag_change import FlagRow, SetChange
from sre_portal.core.flag_plan import FlagPlan, PlanState, TimedStep
from sre_portal.core.flag_ports import FlagStore
from sre_portal.core.flag_seal import fingerprint
from sre_portal.core.flag_step import FlagStep, Put, Remove, Share, Toggle
from sre_portal.core.grant_rule import Rule
from sre_portal.operations.flag_foresight import foreseen, problem_of
from sre_portal.operations.flag_import import Imported, ImportOrder
from sre_portal.operations.flag_making import make_due
from sre_portal.operations.flag_plans import (
    approve,
    cancel,
    import_or_plan,
    make_or_plan,
    propose,
    refuse,
)
from sre_portal.operations.flags import TRIES, FlagOrder, change_flag
from sre_portal.operations.glass import break_glass
from sre_portal.operations.grants import block_account, withdraw_role
from sre_portal.operations.ports import Ports
from sre_portal.operations.token_order import Order
from sre_portal.operations.tokens import (
    issue_own_token,
    issue_token,
    principal_with,
    revoke_own_token,
    token_of,
)
from tests.operations.people import ISSUER, acting_as, person
from tests.operations.world import ADA, OMAR, World

SWITCH: dict[str, object] = {
    "state": "ENABLED",
    "variants": {"on": True, "off": False},
    "defaultVariant": "off",
}
DEAR = {**SWITCH, "metadata": {"protected": True}}
KILL = {**SWITCH, "metadata": {"protected": True, "killSwitch": True}}
SHOP = frozenset({"shop"})
HOUR = timedelta(hours=1)


@dataclass
class Cast:
    """Two people who may flip the shop's flags, and one who may everything."""

    ports: Ports
    ana: Principal
    bo: Principal
    root: Principal


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    opened = await World(tmp_path, agents=[]).open()
    yield opened
    await opened.close()


@pytest.fixture
async def cast(world: World) -> Cast:
    """With a protected flag, at version 1."""
    ports = world.ports
    ana = await acting_as(ports, await person(ports, "ana", Role.OPERATOR, SHOP))
    bo = await acting_as(ports, await person(ports, "bo", Role.OPERATOR, SHOP))
    root = await acting_as(ports, await person(ports, "root", Role.ADMIN))
    await change_flag(ports, ADA, order(0), Put(DEAR))
    return Cast(ports, ana, bo, root)


def order(version: int | None = None, key: str = "new-cart", flag_set: str = "shop") -> FlagOrder:
    return FlagOrder(flag_set, key, "a try", "10.0.0.7", version)


def row(ports: Ports, key: str = "new-cart", flag_set: str = "shop") -> FlagRow:
    kept = ports.flag_book.get(flag_set)
    assert kept is not None
    return kept.rows[key]


async def asked(
    cast: Cast, step: FlagStep, version: int | None = None, who: Principal | None = None
) -> FlagPlan:
    """What a change by hand of the protected flag becomes."""
    plan = await make_or_plan(cast.ports, who or cast.ana, order(version), step)
    assert isinstance(plan, FlagPlan)
    return plan


async def planned(cast: Cast, *steps: TimedStep, key: str = "free") -> list[FlagPlan]:
    return list(await propose(cast.ports, cast.ana, order(key=key), steps))


async def told(ports: Ports, action: str) -> list[AuditEvent]:
    """Oldest first."""
    return list(reversed(await ports.audit.recent(50, AuditFilter(action=action))))


@pytest.mark.parametrize(
    ("step", "version"),
    [
        (Put({**DEAR, "defaultVariant": "on"}), 1),
        (Put(SWITCH), 1),
        (Toggle(False), None),
        (Share("on", 10), None),
        (Remove(), 1),
    ],
    ids=["put", "unprotect", "toggle", "share", "remove"],
)
async def test_a_change_of_a_protected_flag_waits_and_another_person_makes_it(
    cast: Cast, step: FlagStep, version: int | None
) -> None:
    plan = await asked(cast, step, version)
    assert (plan.state, plan.seen, row(cast.ports).version) == (PlanState.WAITING, 1, 1)
    ended = await approve(cast.ports, cast.bo, plan.id, "looked at it")
    assert (ended.state, ended.outcome) == (PlanState.DONE, "version 2")
    assert ended.decided is not None
    assert (ended.decided.name, ended.decision) == ("bo", "looked at it")
    made = row(cast.ports)
    assert (made.version, made.changed_by, made.reason) == (2, f"ana, planned {plan.id}", "a try")


async def test_each_act_is_in_the_audit_log(cast: Cast) -> None:
    plan = await asked(cast, Toggle(False))
    await approve(cast.ports, cast.bo, plan.id, "looked at it", "10.0.0.8")
    [proposed], [decided] = await told(cast.ports, "flag:plan"), await told(cast.ports, "flag:approve")
    made = (await told(cast.ports, "flag:flip"))[-1]
    assert (proposed.actor, proposed.outcome, proposed.detail) == ("ana", "done", f"planned {plan.id}")
    assert proposed.after is not None
    facts = {
        "plan": plan.id,
        "step": "switch it off",
        "version": 1,
        "sha256": fingerprint(plan),
        "not_before": None,
        "state": "waiting",
    }
    assert proposed.after["steps"] == [facts]
    assert decided.before == facts
    assert (decided.actor, decided.reason, decided.address) == ("bo", "looked at it", "10.0.0.8")
    assert decided.detail == "done: version 2"
    assert (made.actor, made.actor_id) == (f"ana, planned {plan.id}", cast.ana.id)


async def test_nobody_approves_their_own_not_even_an_admin(cast: Cast) -> None:
    plan = await asked(cast, Toggle(False), who=cast.root)
    with pytest.raises(NotPermitted, match="another person who is operator on shop"):
        await approve(cast.ports, cast.root, plan.id, "it is urgent")
    with pytest.raises(NotPermitted):
        await refuse(cast.ports, cast.root, plan.id, "no")
    assert (await cast.ports.flag_plans.get(plan.id)).state is PlanState.WAITING
    assert [one.outcome for one in await told(cast.ports, "flag:approve")] == ["denied"]


async def test_a_second_token_or_login_of_the_proposer_is_no_second_person(cast: Cast) -> None:
    ports, account = cast.ports, await cast.ports.accounts.get(cast.ana.account or 0)
    secret = await issue_own_token(ports, cast.ana, account, Order("ci", 1, Role.OPERATOR, SHOP), "")
    token = await token_of(ports, secret)
    assert token is not None
    by_token = principal_with(ports, token)
    plan = await asked(cast, Toggle(False))
    theirs = await asked(cast, Toggle(False), who=by_token)
    for one, second in ((plan, by_token), (theirs, cast.ana)):
        with pytest.raises(NotPermitted, match="another person"):
            await approve(ports, second, one.id, "me too")
    other = replace(account, id=0, provider="other", issuer=f"{ISSUER}/2", email=account.email.upper())
    twin = await ports.accounts.log_in(other, ports.clock.now())
    given = GivenGrant(0, twin.id, Grant(Role.ADMIN), "test", "test", ports.clock.now())
    await ports.accounts.give(given)
    with pytest.raises(NotPermitted, match="another person"):
        await approve(ports, await acting_as(ports, twin), plan.id, "me at another provider")


@pytest.mark.parametrize(
    ("issuer", "email", "counts"),
    [
        ("https://github.com", "", False),
        ("https://github.com", "ana@example.com ", False),
        ("https://github.com", "ANA@example.com", False),
        ("https://github.com", "cy@example.com", True),
        (ISSUER, "", True),
        (ISSUER, "ana@example.com", False),
        (LOCAL, "", False),
    ],
)
async def test_accounts_that_nothing_tells_apart_are_one_person(
    cast: Cast, issuer: str, email: str, counts: bool
) -> None:
    ports, plan = cast.ports, await asked(cast, Toggle(False))
    told = Account(0, "person", "other", issuer, "sub-cy", "cy", email, ())
    account = await ports.accounts.log_in(told, ports.clock.now())
    given = GivenGrant(0, account.id, Grant(Role.OPERATOR, SHOP), "test", "test", ports.clock.now())
    await ports.accounts.give(given)
    cy = await acting_as(ports, account)
    if counts:
        assert (await approve(ports, cy, plan.id, "fine")).state is PlanState.DONE
    else:
        with pytest.raises(NotPermitted, match="may be one person's"):
            await approve(ports, cy, plan.id, "fine")


async def test_programs_and_tokens_of_nobody_are_neither_of_the_two(cast: Cast) -> None:
    plan = await asked(cast, Toggle(False))
    ports = cast.ports
    token = await token_of(ports, await issue_token(ports, cast.root, Order("bot", 1, Role.ADMIN), "", ""))
    assert token is not None
    for nobody in (ADA, OMAR, principal_with(ports, token)):
        with pytest.raises(NotPermitted, match="two people with accounts"):
            await approve(ports, nobody, plan.id, "as a program")
        with pytest.raises(NotPermitted, match="two people with accounts"):
            await make_or_plan(ports, nobody, order(), Toggle(False))


async def test_whoever_may_not_flip_the_set_decides_nothing(cast: Cast) -> None:
    plan = await asked(cast, Toggle(False))
    stranger = await acting_as(cast.ports, await person(cast.ports, "eve", Role.OPERATOR, frozenset({"pay"})))
    for decide in (approve, refuse, cancel):
        with pytest.raises(NotPermitted, match="operator on shop"):
            await decide(cast.ports, stranger, plan.id, "no")
    with pytest.raises(NotPermitted):
        await make_or_plan(cast.ports, stranger, order(), Toggle(False))


async def test_a_kill_switch_is_never_held_up_and_all_else_of_it_is(cast: Cast) -> None:
    await change_flag(cast.ports, ADA, order(0, "checkout"), Put(KILL))
    off = await make_or_plan(cast.ports, OMAR, order(key="checkout"), Toggle(False))
    assert isinstance(off, FlagRow)
    assert row(cast.ports, "checkout").version == 2
    for step, version in ((Put(KILL), 2), (Remove(), 2), (Share("on", 5), None)):
        held = await make_or_plan(cast.ports, cast.ana, order(version, "checkout"), step)
        assert isinstance(held, FlagPlan)


async def test_an_operation_that_asks_for_no_plan_says_that_the_flag_is_protected(cast: Cast) -> None:
    with pytest.raises(Protected, match="shop/new-cart is protected"):
        await change_flag(cast.ports, cast.ana, order(1), Put(SWITCH))
    assert row(cast.ports).version == 1
    drilled = await change_flag(cast.ports, cast.ana, replace(order(1), is_drill=True), Put(SWITCH))
    assert drilled.version == 2


async def test_a_protected_set_protects_its_flags_and_new_ones(cast: Cast) -> None:
    file = {"flags": {"a": SWITCH}, "metadata": {"protected": True}}
    await import_or_plan(cast.ports, ADA, ImportOrder("pay", "first"), file)
    ana = replace(cast.root, name="ana")
    for key, step, version in (("a", Toggle(False), None), ("b", Put(SWITCH), 0)):
        assert isinstance(await make_or_plan(cast.ports, ana, order(version, key, "pay"), step), FlagPlan)
    free = {**SWITCH, "metadata": {"protected": False}}
    assert isinstance(await make_or_plan(cast.ports, ana, order(0, "c", "pay"), Put(free)), FlagPlan)


async def test_what_a_protected_flag_needs_takes_two_people_but_for_a_kill_switch(cast: Cast) -> None:
    ports, needs = cast.ports, {"protected": True, "prerequisites": "gate=on, brake=on"}
    for key, metadata in (("gate", {}), ("brake", {"killSwitch": True}), ("pay", needs)):
        fields = {**SWITCH, "defaultVariant": "on", "metadata": metadata}
        await change_flag(ports, ADA, order(0, key), Put(fields))
    with pytest.raises(Protected, match=r"shop/gate is protected \(needed by pay\)"):
        await change_flag(ports, cast.ana, order(1, "gate"), Put(SWITCH))
    plan = await make_or_plan(ports, cast.ana, order(key="gate"), Toggle(False))
    assert isinstance(plan, FlagPlan)
    [timed] = await planned(cast, TimedStep(Toggle(False), ports.clock.now() + HOUR), key="gate")
    assert (plan.state, timed.state) == (PlanState.WAITING, PlanState.WAITING)
    assert isinstance(await make_or_plan(ports, cast.ana, order(key="brake"), Toggle(False)), FlagRow)
    kept = {"new-cart": DEAR, "brake": SWITCH, "gate": SWITCH}
    left = await import_or_plan(ports, cast.ana, ImportOrder("shop", "without pay"), {"flags": kept})
    assert isinstance(left, FlagPlan)
    assert (await approve(ports, cast.bo, plan.id, "looked at it")).state is PlanState.DONE


async def test_a_flag_that_moved_on_is_not_changed_by_an_old_plan(cast: Cast) -> None:
    one, two = await asked(cast, Toggle(False)), await asked(cast, Put({**DEAR, "defaultVariant": "on"}), 1)
    await approve(cast.ports, cast.bo, one.id, "fine")
    now = await foreseen(cast.ports, two)
    assert now.problem.startswith("expected version 1, found version 2 by ana")
    assert now.problem == await problem_of(cast.ports, two)
    assert (now.before or {})["state"] == "ENABLED"  # as it was proposed for, not as it is now
    assert [(one or {})["defaultVariant"] for one in (now.before, now.after)] == ["off", "on"]
    ended = await approve(cast.ports, cast.bo, two.id, "fine as well")
    assert ended.state is PlanState.FAILED
    assert ended.outcome == f"expected version 1, found version 2 by ana, planned {one.id}: a try"
    assert row(cast.ports).version == 2
    assert [one.outcome for one in await told(cast.ports, "flag:make")] == ["failed"]


async def test_a_drill_that_is_over_takes_nobody_s_approval_away(cast: Cast) -> None:
    plan = await asked(cast, Put({**DEAR, "defaultVariant": "on"}), 1)
    for fields in ({**DEAR, "state": "DISABLED"}, DEAR):
        await change_flag(cast.ports, ADA, replace(order(), is_drill=True), Put(fields))
        during = fields is not DEAR
        assert bool((await foreseen(cast.ports, plan)).problem) is during
    assert (await approve(cast.ports, cast.bo, plan.id, "fine")).outcome == "version 4"
    assert [one.version for one in await cast.ports.flags.history("shop", "new-cart", 9, None)] == [
        4,
        3,
        2,
        1,
    ]


async def test_of_two_who_approve_at_once_one_makes_it_and_the_other_is_told(cast: Cast) -> None:
    plan = await asked(cast, Toggle(False))
    tries = [approve(cast.ports, who, plan.id, "fine") for who in (cast.bo, cast.root)]
    ends = await asyncio.gather(*tries, return_exceptions=True)
    assert [isinstance(one, Conflict) for one in ends].count(True) == 1
    assert row(cast.ports).version == 2
    with pytest.raises(Conflict, match="decided by"):
        await approve(cast.ports, cast.bo, plan.id, "again")


async def test_a_refused_or_cancelled_plan_stays_so(cast: Cast) -> None:
    one, two = await asked(cast, Toggle(False)), await asked(cast, Remove(), 1)
    assert (await refuse(cast.ports, cast.bo, one.id, "not today")).state is PlanState.REFUSED
    assert (
        await cancel(cast.ports, cast.ana, two.id, "my mistake")
    ).outcome == "cancelled by ana: my mistake"
    for plan in (one, two):
        with pytest.raises(Conflict):
            await approve(cast.ports, cast.bo, plan.id, "yes")
    with pytest.raises(InvalidInput, match="why, in a few words"):
        await approve(cast.ports, cast.bo, (await asked(cast, Toggle(False))).id, " ")
    assert row(cast.ports).version == 1


async def test_nothing_is_half_done_while_the_database_is_away(world: World, cast: Cast) -> None:
    plan = await asked(cast, Toggle(False))
    world.fail("flags", "change")
    away = replace(cast, ports=world.ports)
    with pytest.raises(StoreUnavailable):
        await approve(away.ports, away.bo, plan.id, "fine")
    assert (await world.ports.flag_plans.get(plan.id)) == plan
    assert (await approve(away.ports, away.bo, plan.id, "fine")).state is PlanState.DONE


async def test_an_import_that_touches_a_protected_flag_waits_as_a_whole(cast: Cast) -> None:
    file = {"flags": {"new-cart": {**DEAR, "state": "DISABLED"}, "other": SWITCH}}
    with pytest.raises(NotPermitted, match="two people"):
        await import_or_plan(cast.ports, OMAR, ImportOrder("shop", "from Git"), file)
    plan = await import_or_plan(cast.ports, cast.ana, ImportOrder("shop", "from Git"), file)
    assert isinstance(plan, FlagPlan)
    difference = (await foreseen(cast.ports, plan)).difference
    assert difference is not None
    assert (difference.added, difference.changed) == (("other",), ("new-cart",))
    ended = await approve(cast.ports, cast.bo, plan.id, "looked at it")
    assert (ended.state, ended.outcome, row(cast.ports).version) == (PlanState.DONE, "version 2", 2)
    assert row(cast.ports, "other").changed_by == f"ana, planned {plan.id}"


async def test_an_import_of_a_set_that_moved_on_fails_and_one_that_touches_nothing_dear_is_made(
    cast: Cast,
) -> None:
    plan = await import_or_plan(cast.ports, cast.ana, ImportOrder("shop", "from Git"), {"flags": {}})
    assert isinstance(plan, FlagPlan)
    done = await import_or_plan(
        cast.ports, OMAR, ImportOrder("shop", "more"), {"flags": {"new-cart": DEAR, "other": SWITCH}}
    )
    assert isinstance(done, Imported)
    assert "expected version 1 of the set, found version 2" in (await foreseen(cast.ports, plan)).problem
    ended = await approve(cast.ports, cast.bo, plan.id, "fine")
    assert (ended.state, ended.outcome) == (
        PlanState.FAILED,
        "expected version 1 of the set, found version 2 by omar: more",
    )


async def test_what_the_flags_of_a_set_share_is_as_dear_as_they_are(cast: Cast) -> None:
    file = {"flags": {"new-cart": DEAR}, "$evaluators": {"staff": {"==": [1, 1]}}}
    assert isinstance(await import_or_plan(cast.ports, cast.ana, ImportOrder("shop", "x"), file), FlagPlan)


async def test_broken_glass_changes_a_protected_flag_alone_and_the_log_says_so(cast: Cast) -> None:
    ports, account = cast.ports, await cast.ports.accounts.get(cast.ana.account or 0)
    await break_glass(ports, cast.ana, account, "payments are down", HOUR, "")
    ana = await acting_as(ports, account)
    made = await make_or_plan(ports, ana, order(), Toggle(False))
    assert isinstance(made, FlagRow)
    event = (await told(ports, "flag:flip"))[-1]
    assert event.after is not None
    assert event.after["alone"] == "broken glass"
    plan = await asked(cast, Remove(), 2)
    with pytest.raises(NotPermitted, match="another person"):
        await approve(ports, ana, plan.id, "my own")


async def free(cast: Cast) -> None:
    """A flag that nobody protects."""
    await change_flag(cast.ports, ADA, order(0, "free"), Put(SWITCH))


async def passes(world: World, length: timedelta) -> None:
    """Time passes, and a pass of the loop."""
    world.clock.move(length.total_seconds())
    await make_due(world.ports)


async def test_a_rollout_is_made_step_by_step_each_at_its_instant(world: World, cast: Cast) -> None:
    await free(cast)
    now = world.clock.now()
    shares = [
        TimedStep(Share("on", 1)),
        *(TimedStep(Share("on", 10 * n), now + n * HOUR) for n in (1, 5, 10)),
    ]
    plans = await planned(cast, *shares)
    assert {one.state for one in plans} == {PlanState.SCHEDULED}
    for version in (2, 3):
        await passes(world, timedelta(0) if version == 2 else HOUR)
        assert row(cast.ports, "free").version == version
        await passes(world, timedelta(minutes=1))
        assert row(cast.ports, "free").version == version
    await passes(world, 10 * HOUR - timedelta(minutes=5))
    ends = [await cast.ports.flag_plans.get(one.id) for one in plans]
    assert [one.state for one in ends] == [PlanState.DONE, PlanState.DONE, PlanState.FAILED, PlanState.DONE]
    assert ends[2].outcome.startswith("it was due 5 h ago")
    assert ends[3].outcome == "version 4, 57 min late"


async def test_a_portal_that_was_down_makes_late_what_is_not_too_late(world: World, cast: Cast) -> None:
    await free(cast)
    [plan] = await planned(cast, TimedStep(Toggle(False), world.clock.now() + HOUR))
    await world.restart(after_seconds=HOUR.total_seconds() + 30 * 60)
    await make_due(world.ports)
    assert (await world.ports.flag_plans.get(plan.id)).outcome == "version 2, 30 min late"
    assert row(world.ports, "free").changed_by == f"ana, planned {plan.id}"


async def test_steps_that_are_due_at_once_are_made_by_instant_and_then_by_number(
    world: World, cast: Cast
) -> None:
    await free(cast)
    soon = world.clock.now() + HOUR
    [late] = await planned(cast, TimedStep(Share("on", 50), soon + timedelta(minutes=1)))
    [first] = await planned(cast, TimedStep(Share("on", 10), soon))
    [second] = await planned(cast, TimedStep(Share("on", 20), soon))
    await passes(world, HOUR + timedelta(minutes=2))
    history = await cast.ports.flags.history("shop", "free", 3, None)
    assert [one.changed_by for one in reversed(history)] == [
        f"ana, planned {one.id}" for one in (first, second, late)
    ]


async def test_a_schedule_of_a_protected_flag_waits_for_a_person_and_then_for_its_instant(
    world: World, cast: Cast
) -> None:
    [plan] = await propose(
        cast.ports, cast.ana, order(), [TimedStep(Toggle(False), world.clock.now() + HOUR)]
    )
    assert (plan.state, plan.seen) == (PlanState.WAITING, None)
    await approve(cast.ports, cast.bo, plan.id, "fine")
    await passes(world, timedelta(minutes=59))
    assert row(cast.ports).version == 1
    await passes(world, timedelta(minutes=1))
    assert row(cast.ports).version == 2
    [never] = await propose(
        cast.ports, cast.ana, order(), [TimedStep(Toggle(True), world.clock.now() + HOUR)]
    )
    await passes(world, 2 * HOUR)
    assert (await cast.ports.flag_plans.get(never.id)).state is PlanState.WAITING
    assert (await approve(cast.ports, cast.bo, never.id, "late, but yes")).outcome == "version 3"


async def test_a_flag_that_was_protected_since_is_not_changed_without_an_approval(
    world: World, cast: Cast
) -> None:
    await free(cast)
    [plan] = await planned(cast, TimedStep(Toggle(False), world.clock.now() + HOUR))
    await change_flag(cast.ports, ADA, order(1, "free"), Put(DEAR))
    await passes(world, HOUR)
    ended = await cast.ports.flag_plans.get(plan.id)
    assert (ended.state, row(cast.ports, "free").version) == (PlanState.FAILED, 2)
    assert "is protected" in ended.outcome


@pytest.mark.parametrize("lost", ["role", "account", "token"])
async def test_whoever_may_not_any_more_changes_nothing(world: World, cast: Cast, lost: str) -> None:
    await free(cast)
    ports, account = cast.ports, await cast.ports.accounts.get(cast.ana.account or 0)
    secret = await issue_own_token(ports, cast.ana, account, Order("ci", 1, Role.OPERATOR, SHOP), "")
    token = await token_of(ports, secret)
    assert token is not None
    who = principal_with(ports, token) if lost == "token" else cast.ana
    steps = [TimedStep(Toggle(False), world.clock.now() + HOUR)]
    [plan] = await propose(ports, who, order(key="free"), steps)
    if lost == "role":
        await withdraw_role(ports, ADA, (await ports.accounts.given(account.id))[0].id, "moved on", "")
    elif lost == "account":
        await block_account(ports, ADA, account.id, "left", "", blocked=True)
    else:
        await revoke_own_token(ports, cast.ana, account, "ci", "")
    await passes(world, HOUR)
    ended = await ports.flag_plans.get(plan.id)
    assert (ended.state, row(ports, "free").version) == (PlanState.FAILED, 1)
    assert ("no API token" if lost == "token" else "operator on shop") in ended.outcome
    assert f"Not made: shop/free: switch it off, planned by {who.name} (plan {plan.id})" in repr(
        vars(ports.notices)
    )
    assert [one.outcome for one in await told(ports, "flag:make")] == ["failed"]


async def test_roles_by_groups_count_only_while_the_provider_vouches_for_the_person(
    world: World, cast: Cast
) -> None:
    await free(cast)
    rule = Rule(name="staff", group="staff", role=Role.OPERATOR)
    policy = replace(world.ports.policy, rules=(rule,), token_trust=timedelta(days=30))
    ports = replace(world.ports, policy=policy)
    eve = await acting_as(ports, await person(ports, "eve"))
    instants = [world.clock.now() + timedelta(days=days) for days in (20, 40)]
    steps = [TimedStep(Share("on", 5), instants[0]), TimedStep(Share("on", 9), instants[1])]
    plans = await propose(ports, eve, order(key="free"), steps)
    for _ in plans:
        world.clock.move(20 * 24 * 3600)
        await make_due(ports)
    ends = [await ports.flag_plans.get(one.id) for one in plans]
    assert [one.state for one in ends] == [PlanState.DONE, PlanState.FAILED]
    assert "operator on shop" in ends[1].outcome


async def test_a_plan_that_came_true_by_itself_is_done(world: World, cast: Cast) -> None:
    await free(cast)
    [plan] = await planned(cast, TimedStep(Toggle(True), world.clock.now() + HOUR))
    await passes(world, HOUR)
    ended = await cast.ports.flag_plans.get(plan.id)
    assert (ended.state, ended.outcome) == (PlanState.DONE, "version 1")
    [made] = await told(cast.ports, "flag:make")
    assert (made.actor, made.outcome) == (f"ana, planned {plan.id}", "done")
    assert (made.after or {})["plan"] == plan.id
    assert (made.after or {})["version"] == 1


async def test_two_drivers_make_a_due_plan_once(world: World, cast: Cast) -> None:
    await free(cast)
    [plan] = await planned(cast, TimedStep(Share("on", 5)))
    await asyncio.gather(*(make_due(world.ports) for _ in range(4)))
    assert (await cast.ports.flag_plans.get(plan.id)).state is PlanState.DONE
    assert row(cast.ports, "free").version == 2


@dataclass
class Restless:
    """Flags of sets that others change all the time, so many times."""

    store: FlagStore
    times: int

    def __getattr__(self, name: str) -> object:
        return getattr(self.store, name)

    async def change(self, change: SetChange) -> bool:
        self.times -= 1
        return self.times < 0 and await self.store.change(change)


async def test_a_set_that_does_not_rest_keeps_back_what_follows_in_its_order(
    world: World, cast: Cast
) -> None:
    await free(cast)
    plans = await planned(cast, TimedStep(Share("on", 5)), TimedStep(Share("on", 7)))
    await change_flag(cast.ports, ADA, order(0, "calm"), Put(SWITCH))
    [calm] = await planned(cast, TimedStep(Share("on", 5)), key="calm")
    restless: Any = Restless(cast.ports.flags, TRIES)
    busy = replace(cast.ports, flags=restless)

    async def states() -> list[str]:
        return [(await cast.ports.flag_plans.get(one.id)).state.value for one in (*plans, calm)]

    await make_due(busy)
    assert await states() == ["scheduled", "scheduled", "done"]
    await make_due(busy)
    assert await states() == ["done", "done", "done"]
    assert row(cast.ports, "free").changed_by == plans[1].maker


async def test_every_problem_of_a_plan_is_told(world: World, cast: Cast) -> None:
    await free(cast)
    now = world.clock.now()
    steps = [
        TimedStep(Toggle(False), now - HOUR),
        TimedStep(Toggle(True), now + timedelta(days=400)),
        TimedStep(Toggle(True), now + HOUR),
        TimedStep(Toggle(True)),
    ]
    with pytest.raises(InvalidInput) as wrong:
        await planned(cast, *steps)
    paths = [one.path for one in wrong.value.problems]
    assert paths == [f"steps.{n}.not_before" for n in (0, 1, 2, 3)]
    for bad in ([], [TimedStep(Toggle(False))] * 11):
        with pytest.raises(InvalidInput, match="1 to 10"):
            await planned(cast, *bad)
    with pytest.raises(InvalidInput, match=r"steps\.0\.version"):
        await planned(cast, TimedStep(Remove()))
    with pytest.raises(InvalidInput, match=r"steps\.1\."):
        await planned(cast, TimedStep(Toggle(False)), TimedStep(Share("blue", 10), now + HOUR))
    with pytest.raises(Superseded, match="expected version 7, found version 1"):
        await planned(cast, TimedStep(Put(SWITCH), seen=7))


async def test_the_steps_of_a_request_are_tried_one_after_another(world: World, cast: Cast) -> None:
    later = [world.clock.now() + n * HOUR for n in (1, 2)]
    plans = await planned(
        cast,
        TimedStep(Put(SWITCH), seen=0),
        TimedStep(Share("on", 10), later[0]),
        TimedStep(Remove(), later[1], 2),
        key="new",
    )
    for _ in range(3):
        await passes(world, HOUR)
    assert [(await cast.ports.flag_plans.get(one.id)).state for one in plans] == [PlanState.DONE] * 3
    assert row(cast.ports, "new").definition is None


async def test_a_flag_has_room_for_so_many_open_plans(world: World, cast: Cast) -> None:
    await free(cast)
    ten = [TimedStep(Toggle(False), world.clock.now() + HOUR)] * 10
    plans = [*await planned(cast, *ten), *await planned(cast, *ten)]
    with pytest.raises(InvalidInput, match="20 open plans of shop/free"):
        await planned(cast, ten[0])
    await cancel(cast.ports, OMAR, plans[0].id, "room")
    await planned(cast, ten[0])


async def test_people_are_told_of_what_waits_for_them(cast: Cast) -> None:
    plan = await asked(cast, Toggle(False))
    sent = vars(cast.ports.notices)
    assert f"Plan {plan.id} waits for another person who is operator on shop." in repr(sent)


async def test_an_environment_of_the_service_has_protection_of_its_own(cast: Cast) -> None:
    made = await make_or_plan(cast.ports, cast.ana, order(0, flag_set="shop@staging"), Put(DEAR))
    assert isinstance(made, FlagRow)
    plan = await make_or_plan(cast.ports, cast.ana, order(flag_set="shop@staging"), Toggle(False))
    assert isinstance(plan, FlagPlan)
    assert (await approve(cast.ports, cast.bo, plan.id, "fine")).state is PlanState.DONE

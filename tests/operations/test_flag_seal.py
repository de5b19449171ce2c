"""What is made is what was agreed on: the audit log says what that is, whatever the database says."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from sre_portal.core.access import Principal, Role
from sre_portal.core.audit import AuditEvent, AuditFilter
from sre_portal.core.flag_plan import FlagPlan, PlanState, TimedStep
from sre_portal.core.flag_seal import fingerprint
from sre_portal.core.flag_step import Put, Toggle
from sre_portal.operations.flag_making import make_due
from sre_portal.operations.flag_plans import approve, cancel, make_or_plan, propose
from sre_portal.operations.flags import FlagOrder, change_flag
from sre_portal.operations.grants import block_account, withdraw_role
from sre_portal.operations.ports import Ports
from sre_portal.operations.token_order import Order
from sre_portal.operations.tokens import issue_own_token, principal_with, revoke_own_token, token_of
from tests.operations.people import acting_as, person
from tests.operations.world import ADA, World

SWITCH: dict[str, object] = {
    "state": "ENABLED",
    "variants": {"on": True, "off": False},
    "defaultVariant": "off",
}
DEAR = {**SWITCH, "metadata": {"protected": True}}
SHOP = frozenset({"shop"})
HOUR = timedelta(hours=1)


@dataclass
class Two:
    """Two people who may flip the shop's flags: `dear`, which is protected, and `free`."""

    world: World
    ana: Principal
    bo: Principal

    @property
    def ports(self) -> Ports:
        return self.world.ports

    async def planned(self, key: str = "dear") -> FlagPlan:
        """The flag is to be on for everybody in an hour."""
        definition = {**(DEAR if key == "dear" else SWITCH), "defaultVariant": "on"}
        step = TimedStep(Put(definition), self.world.clock.now() + HOUR, 1)
        [plan] = await propose(self.ports, self.ana, order(key), [step])
        return plan

    async def after_an_hour(self, plan: FlagPlan) -> FlagPlan:
        self.world.clock.move(HOUR.total_seconds())
        await make_due(self.ports)
        return await self.ports.flag_plans.get(plan.id)

    def vandal(self, change: str, *values: object) -> None:
        """Somebody writes into the one row of the database."""
        with closing(sqlite3.connect(self.world.path / "portal.sqlite3")) as file, file:
            file.execute(f"UPDATE flag_plan SET {change}", values)  # noqa: S608  # it is a vandal

    def version(self, key: str = "dear") -> int:
        kept = self.ports.flag_book.get("shop")
        assert kept is not None
        return kept.version_of(key)

    async def told(self, action: str) -> list[AuditEvent]:
        return list(reversed(await self.ports.audit.recent(50, AuditFilter(action=action))))


def order(key: str) -> FlagOrder:
    return FlagOrder("shop", key, "a try", "10.0.0.7")


@pytest.fixture
async def two(tmp_path: Path) -> AsyncIterator[Two]:
    world = await World(tmp_path, agents=[]).open()
    ports = world.ports
    ana = await acting_as(ports, await person(ports, "ana", Role.OPERATOR, SHOP))
    bo = await acting_as(ports, await person(ports, "bo", Role.OPERATOR, SHOP))
    await change_flag(ports, ADA, order("dear"), Put(DEAR))
    await change_flag(ports, ADA, order("free"), Put(SWITCH))
    yield Two(world, ana, bo)
    await world.close()


async def test_the_log_holds_what_was_proposed_and_what_was_approved(two: Two) -> None:
    plan = await two.planned()
    await approve(two.ports, two.bo, plan.id, "looked at it")
    [proposed], [decided] = await two.told("flag:plan"), await two.told("flag:approve")
    facts = decided.before
    assert facts is not None
    assert (facts["plan"], facts["version"], facts["sha256"]) == (plan.id, 1, fingerprint(plan))
    assert (proposed.after or {})["steps"] == [facts]
    assert (await two.ports.flag_plans.get(plan.id)).event == decided.id
    assert (await two.after_an_hour(plan)).outcome == "version 2"


CHANGES = [
    ("step = replace(step, '\"protected\": true', '\"protected\": false')", "agrees on something else"),
    ("step = replace(step, '\"version\": 1', '\"version\": null')", "agrees on something else"),
    ("not_before = not_before - 1800000000", "agrees on something else"),
    ("reason = 'another one'", "agrees on something else"),
    ("proposed_account = decided_account", "agrees on something else"),
    ("key = 'free'", "does not agree on it"),
    ("decided_by_id = 'account:1'", "does not agree on it"),
    ("event = event - 2", "does not agree on it"),
    ("event = NULL", "does not tell any more what was agreed on"),
    ("event = 100000", "does not tell any more what was agreed on"),
]


@pytest.mark.parametrize(("change", "why"), CHANGES, ids=[change for change, _ in CHANGES])
async def test_a_plan_that_was_changed_in_the_database_after_its_approval_is_not_made(
    two: Two, change: str, why: str
) -> None:
    plan = await two.planned()
    await approve(two.ports, two.bo, plan.id, "looked at it")
    two.vandal(change)
    ended = await two.after_an_hour(plan)
    assert ended.state is PlanState.FAILED
    assert why in ended.outcome
    assert (two.version(), two.version("free")) == (1, 1)
    [made] = await two.told("flag:make")
    assert (made.outcome, made.detail) == ("failed", ended.outcome)


async def test_a_waiting_plan_is_not_made_by_writing_an_approval_beside_it(two: Two) -> None:
    plan = await two.planned()
    approver = "state = 'scheduled', decided_by = 'bo', decided_by_id = ?, decided_account = ?"
    two.vandal(approver, two.bo.id, two.bo.account)
    ended = await two.after_an_hour(plan)
    assert (ended.state, two.version()) == (PlanState.FAILED, 1)
    assert "does not agree on it" in ended.outcome


@pytest.mark.parametrize("instant", ["at once", "later"])
async def test_what_was_changed_before_its_approval_is_not_what_was_proposed(two: Two, instant: str) -> None:
    if instant == "later":
        plan = await two.planned()
    else:
        asked = await make_or_plan(two.ports, two.ana, FlagOrder("shop", "dear", "a try"), Toggle(False))
        assert isinstance(asked, FlagPlan)
        plan = asked
    two.vandal("step = replace(replace(step, '\"on\"}', '\"off\"}'), 'false', 'true')")
    ended = await approve(two.ports, two.bo, plan.id, "as I see it")
    assert (ended.state, two.version()) == (PlanState.FAILED, 1)
    assert "it was changed in the database" in ended.outcome


async def test_a_denied_approval_agrees_on_nothing(two: Two) -> None:
    plan = await two.planned()
    with pytest.raises(Exception, match="another person"):
        await approve(two.ports, two.ana, plan.id, "my own")
    [denied] = await two.told("flag:approve")
    own = "state = 'scheduled', decided_by = 'ana', decided_by_id = ?, decided_account = ?, event = ?"
    two.vandal(own, two.ana.id, two.ana.account, denied.id)
    ended = await two.after_an_hour(plan)
    assert (ended.state, two.version()) == (PlanState.FAILED, 1)
    assert "does not agree on it" in ended.outcome


async def test_a_plan_that_takes_one_person_is_what_was_proposed_too(two: Two) -> None:
    plan = await two.planned("free")
    two.vandal("step = replace(step, '\"off\": false', '\"off\": true')")
    ended = await two.after_an_hour(plan)
    assert (ended.state, two.version("free")) == (PlanState.FAILED, 1)
    assert "it was changed in the database" in ended.outcome


async def test_what_was_changed_can_still_be_cancelled(two: Two) -> None:
    plan = await two.planned()
    two.vandal("reason = 'another one'")
    assert (await cancel(two.ports, two.bo, plan.id, "nobody knows")).state is PlanState.CANCELLED


@pytest.mark.parametrize("lost", ["account", "role", "token"])
async def test_an_approver_who_may_not_any_more_counts_no_more(two: Two, lost: str) -> None:
    ports, account = two.ports, await two.ports.accounts.get(two.bo.account or 0)
    secret = await issue_own_token(ports, two.bo, account, Order("phone", 1, Role.OPERATOR, SHOP), "")
    token = await token_of(ports, secret)
    assert token is not None
    plan = await two.planned()
    await approve(ports, principal_with(ports, token) if lost == "token" else two.bo, plan.id, "fine")
    if lost == "account":
        await block_account(ports, ADA, account.id, "it was taken over", "", blocked=True)
    elif lost == "role":
        await withdraw_role(ports, ADA, (await ports.accounts.given(account.id))[0].id, "moved on", "")
    else:
        await revoke_own_token(ports, two.bo, account, "phone", "")
    ended = await two.after_an_hour(plan)
    assert (ended.state, two.version()) == (PlanState.FAILED, 1)
    assert ended.outcome.startswith("approved by ")
    assert ("no API token" if lost == "token" else "operator on shop") in ended.outcome

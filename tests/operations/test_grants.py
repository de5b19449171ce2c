"""Giving and taking roles, blocking accounts, breaking glass."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import cast

import pytest

from sre_portal.core.access import Grant, Permission, Principal, Role
from sre_portal.core.account import GivenGrant
from sre_portal.core.errors import InvalidInput, NotFound, NotPermitted, StoreUnavailable
from sre_portal.core.ports import AccountStore
from sre_portal.operations.directory import acting
from sre_portal.operations.glass import break_glass, mend_glass, refresh_glass
from sre_portal.operations.grants import block_account, give_role, sign_out_account, withdraw_role
from sre_portal.operations.ports import Ports
from sre_portal.operations.token_order import Order
from sre_portal.operations.tokens import issue_own_token, issue_token, principal_with, token_of
from sre_portal.operations.watch import Watch
from tests.operations.people import acting_as, glass_of, person, session_for, told_of
from tests.operations.world import World
from tests.web.pages.memory_access import Notices

SHOP = frozenset({"shop"})
HOUR = timedelta(hours=1)
WHY = "the checkout burns and nobody answers"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A portal without traffic: nothing here needs any."""
    opened = await World(tmp_path).open()
    yield opened
    await opened.close()


@pytest.fixture
def ports(world: World) -> Ports:
    return world.ports


@pytest.fixture
async def ada(ports: Ports) -> Principal:
    return await acting_as(ports, await person(ports, "ada", Role.ADMIN))


async def test_a_role_is_effective_at_once_and_can_be_taken_back(ports: Ports, ada: Principal) -> None:
    omar = await person(ports, "omar")
    grant = await give_role(ports, ada, omar.id, Grant(Role.OPERATOR, SHOP), "game day", "10.0.0.1")
    assert acting(ports, await ports.accounts.get(omar.id)).may(Permission.RUN_START, "shop")
    await withdraw_role(ports, ada, grant, "it is over", "10.0.0.1")
    assert not acting(ports, await ports.accounts.get(omar.id)).may(Permission.RUN_START)
    assert await told_of(ports, "access:change") == [("done", "it is over"), ("done", "game day")]


async def test_the_audit_log_says_what_was_held_before_and_after(ports: Ports, ada: Principal) -> None:
    omar = await person(ports, "omar", Role.VIEWER)
    await give_role(ports, ada, omar.id, Grant(Role.OPERATOR, SHOP), "game day", "10.0.0.1")
    event = next(one for one in await ports.audit.recent(10) if one.action == "access:change")
    assert event.object == f"account:{omar.id} omar"
    assert event.before == {"grants": ["viewer everywhere"]}
    assert event.after == {"grants": ["viewer everywhere", "operator on shop"]}


async def test_every_problem_of_a_grant_is_told_and_the_attempt_is_history(
    ports: Ports, ada: Principal
) -> None:
    omar = await person(ports, "omar")
    wrong = Grant(Role.OPERATOR, frozenset({"shpo"}), ports.clock.now() - HOUR)
    with pytest.raises(InvalidInput) as caught:
        await give_role(ports, ada, omar.id, wrong, "  ", "")
    assert [one.path for one in caught.value.problems] == ["reason", "until", "services"]
    assert "one of shop" in str(caught.value)
    with pytest.raises(InvalidInput, match="at least one service"):
        await give_role(ports, ada, omar.id, Grant(Role.OPERATOR, frozenset()), "game day", "")
    with pytest.raises(InvalidInput, match="at most 500"):
        await give_role(ports, ada, omar.id, Grant(Role.OPERATOR), "why " * 200, "")
    assert [outcome for outcome, _ in await told_of(ports, "access:change")] == ["refused"] * 3


@pytest.mark.parametrize(
    "grant",
    [None, Grant(Role.OPERATOR), Grant(Role.ADMIN, SHOP)],
    ids=["nobody", "operator", "admin of shop"],
)
async def test_only_an_admin_everywhere_changes_access(ports: Ports, grant: Grant | None) -> None:
    who = Principal("eve", (grant,) if grant else (), "account:99")
    omar = await person(ports, "omar", Role.VIEWER)
    given = (await ports.accounts.given(omar.id))[0]
    for attempt in (
        give_role(ports, who, omar.id, Grant(Role.ADMIN), "let me in", ""),
        withdraw_role(ports, who, given.id, "let me in", ""),
        block_account(ports, who, omar.id, "let me in", "", blocked=True),
        sign_out_account(ports, who, omar, "let me in", ""),
    ):
        with pytest.raises(NotPermitted, match="admin everywhere"):
            await attempt
    assert await told_of(ports, "access:change") == [("denied", "let me in")] * 4
    assert acting(ports, await ports.accounts.get(omar.id)).may(Permission.PORTAL_READ)


async def test_what_is_not_there_cannot_be_changed(ports: Ports, ada: Principal) -> None:
    with pytest.raises(NotFound):
        await give_role(ports, ada, 404, Grant(Role.VIEWER), "game day", "")
    with pytest.raises(NotFound):
        await withdraw_role(ports, ada, 404, "game day", "")
    with pytest.raises(NotFound):
        await block_account(ports, ada, 404, "game day", "", blocked=True)


async def test_a_blocked_account_may_nothing_and_its_sessions_end(ports: Ports, ada: Principal) -> None:
    omar = await person(ports, "omar", Role.OPERATOR)
    session = await session_for(ports, omar)
    await block_account(ports, ada, omar.id, "left the company", "", blocked=True)
    assert await ports.sessions.find(session.digest) is None
    assert acting(ports, await ports.accounts.get(omar.id)).grants == ()
    await block_account(ports, ada, omar.id, "is back", "", blocked=False)
    assert acting(ports, await ports.accounts.get(omar.id)).may(Permission.RUN_START)
    assert await ports.sessions.find(session.digest) is None


async def test_nobody_blocks_themselves_and_no_reason_is_no_act(ports: Ports, ada: Principal) -> None:
    own = int(ada.id.removeprefix("account:"))
    with pytest.raises(InvalidInput, match="ask another administrator"):
        await block_account(ports, ada, own, "by mistake", "", blocked=True)
    omar = await person(ports, "omar")
    for attempt in (
        block_account(ports, ada, omar.id, " ", "", blocked=True),
        sign_out_account(ports, ada, omar, "", ""),
    ):
        with pytest.raises(InvalidInput, match="why, in a few words"):
            await attempt


async def test_an_administrator_signs_somebody_out_everywhere(ports: Ports, ada: Principal) -> None:
    omar = await person(ports, "omar", Role.OPERATOR)
    sessions = [await session_for(ports, omar) for _ in range(3)]
    assert await sign_out_account(ports, ada, omar, "a lost laptop", "") == 3
    assert [await ports.sessions.find(one.digest) for one in sessions] == [None] * 3


async def test_broken_glass_is_admin_for_a_while_and_everybody_hears(world: World, ports: Ports) -> None:
    omar = await person(ports, "omar", Role.OPERATOR)
    who = await acting_as(ports, omar)
    beats = ports.pulse.count
    ends = await break_glass(ports, who, omar, WHY, HOUR / 2, "10.0.0.2")
    assert ends == ports.clock.now() + HOUR / 2
    assert (await acting_as(ports, omar)).may(Permission.ACCESS_CHANGE)
    assert [(one.name, one.reason) for one in ports.watch.glass] == [("omar", WHY)]
    assert ports.pulse.count > beats
    assert isinstance(ports.notices, Notices)
    assert ports.notices.told == [f"omar broke the glass: admin everywhere until 12:30 UTC. Reason: {WHY}"]
    assert await told_of(ports, "glass:break") == [("done", WHY)]
    world.clock.move(1801)
    assert not (await acting_as(ports, omar)).may(Permission.ACCESS_CHANGE)
    assert await glass_of(ports) == []


async def test_broken_glass_is_given_back_early(ports: Ports) -> None:
    omar = await person(ports, "omar", Role.OPERATOR)
    await break_glass(ports, await acting_as(ports, omar), omar, WHY, HOUR, "")
    await mend_glass(ports, await acting_as(ports, omar), omar, "")
    assert ports.watch.glass == ()
    assert not (await acting_as(ports, omar)).may(Permission.ACCESS_CHANGE)
    assert (await acting_as(ports, omar)).may(Permission.RUN_START)


@pytest.mark.parametrize(
    ("reason", "lasts", "paths"),
    [
        ("help", HOUR, ["reason"]),
        ("          ", HOUR, ["reason"]),
        (WHY, HOUR * 2, ["minutes"]),
        (WHY, timedelta(0), ["minutes"]),
        ("", timedelta(days=3), ["reason", "minutes"]),
    ],
)
async def test_the_glass_holds_without_a_reason_or_for_too_long(
    ports: Ports, reason: str, lasts: timedelta, paths: list[str]
) -> None:
    omar = await person(ports, "omar", Role.OPERATOR)
    with pytest.raises(InvalidInput) as caught:
        await break_glass(ports, await acting_as(ports, omar), omar, reason, lasts, "")
    assert [one.path for one in caught.value.problems] == paths
    assert ports.watch.glass == ()
    assert [outcome for outcome, _ in await told_of(ports, "glass:break")] == ["refused"]


async def test_whoever_only_looks_cannot_break_the_glass(ports: Ports) -> None:
    vera = await person(ports, "vera", Role.VIEWER)
    with pytest.raises(NotPermitted, match="operator"):
        await break_glass(ports, await acting_as(ports, vera), vera, WHY, HOUR, "")
    assert await told_of(ports, "glass:break") == [("denied", WHY)]


async def test_power_for_a_while_gives_nothing_that_stays(ports: Ports) -> None:
    omar = await person(ports, "omar", Role.OPERATOR)
    ends = await break_glass(ports, await acting_as(ports, omar), omar, WHY, HOUR, "")
    broken = await acting_as(ports, omar)
    for until in (None, ends + timedelta(seconds=1)):
        with pytest.raises(InvalidInput, match="your own role ends then"):
            await give_role(ports, broken, omar.id, Grant(Role.ADMIN, ends_at=until), WHY, "")
    await give_role(ports, broken, omar.id, Grant(Role.ADMIN, ends_at=ends), WHY, "")


async def test_glass_that_is_broken_is_not_broken_again(world: World, ports: Ports) -> None:
    omar = await person(ports, "omar", Role.OPERATOR)
    await break_glass(ports, await acting_as(ports, omar), omar, WHY, HOUR, "")
    with pytest.raises(InvalidInput, match="broken already until 13:00 UTC"):
        await break_glass(ports, await acting_as(ports, omar), omar, WHY, HOUR, "")
    assert isinstance(ports.notices, Notices)
    assert (len(ports.notices.told), len(ports.watch.glass)) == (1, 1)
    world.clock.move(3600)
    await break_glass(ports, await acting_as(ports, omar), omar, WHY, HOUR, "")
    await mend_glass(ports, await acting_as(ports, omar), omar, "")
    await break_glass(ports, await acting_as(ports, omar), omar, WHY, HOUR, "")


async def test_of_those_who_break_one_glass_at_once_one_does(ports: Ports) -> None:
    omar = await person(ports, "omar", Role.OPERATOR)
    who = await acting_as(ports, omar)
    told = await asyncio.gather(
        *(break_glass(ports, who, omar, WHY, HOUR, "") for _ in range(5)), return_exceptions=True
    )
    assert sum(isinstance(one, InvalidInput) for one in told) == 4
    assert await glass_of(ports) == ["omar"]


async def test_the_notice_is_sent_also_where_the_banner_cannot_be_read(world: World) -> None:
    omar = await person(world.ports, "omar", Role.OPERATOR)
    who, accounts = await acting_as(world.ports, omar), world.ports.accounts

    class Unlisted:
        """Accounts whose grants cannot be listed all at once."""

        def __getattr__(self, name: str) -> object:
            return getattr(accounts, name)

        async def given(self, account_id: int | None = None) -> Sequence[GivenGrant]:
            if account_id is None:
                raise StoreUnavailable("the file is locked by another program")
            return await accounts.given(account_id)

    ports = replace(world.ports, accounts=cast(AccountStore, Unlisted()))
    for attempt in (break_glass(ports, who, omar, WHY, HOUR, ""), mend_glass(ports, who, omar, "")):
        with pytest.raises(StoreUnavailable):
            await attempt
    assert isinstance(ports.notices, Notices)
    assert [one.split(":")[0] for one in ports.notices.told] == [
        "omar broke the glass",
        "omar gave back what breaking the glass gave",
    ]


async def test_glass_that_breaks_as_the_database_drops_is_told_once_by_the_next_look(world: World) -> None:
    """The grant is written, and what comes after it fails: the person is told of a failure."""
    omar = await person(world.ports, "omar", Role.OPERATOR)
    who, after = await acting_as(world.ports, omar), world.fail("accounts", "given", times=0)

    async def drop() -> None:
        after.times = 1

    world.meddle("accounts", "give", drop)
    with pytest.raises(StoreUnavailable):
        await break_glass(world.ports, who, omar, WHY, HOUR, "")
    notices = world.ports.notices
    assert isinstance(notices, Notices)
    assert notices.told == []
    assert (await acting_as(world.ports, omar)).may(Permission.ACCESS_CHANGE)
    for _ in range(2):
        assert await glass_of(world.ports) == ["omar"]
        assert notices.told == [f"omar broke the glass: admin everywhere until 13:00 UTC. Reason: {WHY}"]


async def test_a_look_while_the_glass_breaks_tells_of_it_no_second_time(world: World) -> None:
    world.clock.move(0.123456)
    omar = await person(world.ports, "omar", Role.OPERATOR)
    who = await acting_as(world.ports, omar)
    world.meddle("accounts", "give", lambda: refresh_glass(world.ports))
    await break_glass(world.ports, who, omar, WHY, HOUR, "")
    assert isinstance(world.ports.notices, Notices)
    assert len(world.ports.notices.told) == 1


async def test_each_glass_is_told_of_also_where_its_grant_has_the_id_of_the_last_one(world: World) -> None:
    ports, omar = world.ports, await person(world.ports, "omar", Role.OPERATOR)
    for _ in range(2):
        await break_glass(ports, await acting_as(ports, omar), omar, WHY, HOUR, "")
        await mend_glass(ports, await acting_as(ports, omar), omar, "")
        world.clock.move(1)
    assert isinstance(ports.notices, Notices)
    assert sum("broke the glass" in one for one in ports.notices.told) == 2


async def test_one_that_stands_by_leaves_telling_to_the_driver(ports: Ports) -> None:
    omar = await person(ports, "omar", Role.OPERATOR)
    await break_glass(ports, await acting_as(ports, omar), omar, WHY, HOUR, "")
    told = Notices()
    other = replace(ports, watch=Watch(term=0), notices=told)
    assert await glass_of(other) == ["omar"]
    assert told.told == []
    other.watch.term = ports.watch.term
    assert await glass_of(other) == ["omar"]
    assert len(told.told) == 1


async def test_power_for_a_while_locks_no_administrator_out(ports: Ports) -> None:
    ada, bea = [await person(ports, name, Role.ADMIN) for name in ("ada", "bea")]
    omar = await person(ports, "omar", Role.OPERATOR, SHOP)
    await break_glass(ports, await acting_as(ports, omar), omar, WHY, HOUR, "")
    broken, session = await acting_as(ports, omar), await session_for(ports, ada)
    role = (await ports.accounts.given(bea.id))[0]
    for attempt in (
        block_account(ports, broken, ada.id, WHY, "", blocked=True),
        withdraw_role(ports, broken, role.id, WHY, ""),
        sign_out_account(ports, broken, ada, WHY, ""),
    ):
        with pytest.raises(InvalidInput, match=r"is admin everywhere.*your own role ends at 13:00 UTC"):
            await attempt
    assert await ports.sessions.find(session.digest) is not None
    assert [(await acting_as(ports, one)).may(Permission.ACCESS_CHANGE) for one in (ada, bea)] == [True, True]
    outcomes = [outcome for outcome, _ in await told_of(ports, "access:change")]
    assert outcomes == ["refused"] * 3


async def test_an_admin_who_is_blocked_keeps_the_role_too(ports: Ports, ada: Principal) -> None:
    bea, omar = await person(ports, "bea", Role.ADMIN), await person(ports, "omar", Role.OPERATOR)
    role = (await ports.accounts.given(bea.id))[0]
    await block_account(ports, ada, bea.id, "a stolen laptop", "", blocked=True)
    await break_glass(ports, await acting_as(ports, omar), omar, WHY, HOUR, "")
    with pytest.raises(InvalidInput, match="bea is admin everywhere"):
        await withdraw_role(ports, await acting_as(ports, omar), role.id, WHY, "")


async def test_power_for_a_while_wakes_no_account_that_outlasts_it(ports: Ports, ada: Principal) -> None:
    await issue_token(ports, ada, Order("robot", 30, Role.ADMIN), "nightly", "")
    robot, omar = (await ports.accounts.named("service:robot"))[0], await person(ports, "omar", Role.OPERATOR)
    await block_account(ports, ada, robot.id, "its token leaked", "", blocked=True)
    await break_glass(ports, await acting_as(ports, omar), omar, WHY, HOUR, "")
    with pytest.raises(
        InvalidInput, match=r"somebody else to unblock robot: your own role ends at 13:00 UTC"
    ):
        await block_account(ports, await acting_as(ports, omar), robot.id, WHY, "", blocked=False)
    assert (await ports.accounts.get(robot.id)).blocked
    await block_account(ports, ada, robot.id, "it has a new token", "", blocked=False)
    assert not (await ports.accounts.get(robot.id)).blocked


async def test_power_for_a_while_wakes_an_account_that_ends_with_it(ports: Ports) -> None:
    omar, eve = await person(ports, "omar", Role.OPERATOR), await person(ports, "eve")
    ends = await break_glass(ports, await acting_as(ports, omar), omar, WHY, HOUR, "")
    broken = await acting_as(ports, omar)
    await give_role(ports, broken, eve.id, Grant(Role.OPERATOR, ends_at=ends), WHY, "")
    for blocked in (True, False):
        await block_account(ports, broken, eve.id, WHY, "", blocked=blocked)
    assert (await acting_as(ports, eve)).may(Permission.RUN_START)


async def test_power_for_a_while_reaches_everybody_else(ports: Ports) -> None:
    vera = await person(ports, "vera", Role.VIEWER)
    eve, omar = [await person(ports, name, Role.OPERATOR) for name in ("eve", "omar")]
    for one in (eve, omar):
        await break_glass(ports, await acting_as(ports, one), one, WHY, HOUR, "")
    broken = await acting_as(ports, omar)
    await withdraw_role(ports, broken, (await ports.accounts.given(vera.id))[0].id, WHY, "")
    await sign_out_account(ports, broken, eve, WHY, "")
    await block_account(ports, broken, eve.id, WHY, "", blocked=True)
    assert await glass_of(ports) == ["omar"]


async def test_nobody_blocks_themselves_by_an_own_token(ports: Ports) -> None:
    ada = await person(ports, "ada", Role.ADMIN)
    order = Order("laptop", 30, Role.ADMIN)
    secret = await issue_own_token(ports, await acting_as(ports, ada), ada, order, "")
    token = await token_of(ports, secret)
    assert token is not None
    with pytest.raises(InvalidInput, match="ask another administrator"):
        await block_account(ports, principal_with(ports, token), ada.id, "by mistake", "", blocked=True)


async def test_an_administrator_takes_broken_glass_away(ports: Ports, ada: Principal) -> None:
    omar = await person(ports, "omar", Role.OPERATOR)
    await break_glass(ports, await acting_as(ports, omar), omar, WHY, HOUR, "")
    broken = next(one for one in await ports.accounts.given(omar.id) if one.grant.source == "broken glass")
    await withdraw_role(ports, ada, broken.id, "not an emergency", "")
    assert ports.watch.glass == ()


async def test_a_blocked_account_has_no_broken_glass(ports: Ports, ada: Principal) -> None:
    omar = await person(ports, "omar", Role.OPERATOR)
    await break_glass(ports, await acting_as(ports, omar), omar, WHY, HOUR, "")
    await block_account(ports, ada, omar.id, "stolen laptop", "", blocked=True)
    assert ports.watch.glass == ()


async def test_pages_are_woken_only_when_the_glass_changes(ports: Ports) -> None:
    await refresh_glass(ports)
    beats = ports.pulse.count
    await refresh_glass(ports)
    assert ports.pulse.count == beats

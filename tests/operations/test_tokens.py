"""Tokens: within their owner, for a while, one after another without a gap."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from sre_portal.core.access import Grant, Permission, Principal, Role, require
from sre_portal.core.errors import Conflict, InvalidInput, NotFound, NotPermitted
from sre_portal.core.explain import decide
from sre_portal.core.grant_rule import Rule
from sre_portal.core.ports import Token
from sre_portal.operations.glass import break_glass
from sre_portal.operations.grants import block_account, give_role, withdraw_role
from sre_portal.operations.ports import Ports
from sre_portal.operations.sessions import digest_of
from sre_portal.operations.token_order import MOST_TOKENS, Order, plain_name
from sre_portal.operations.tokens import (
    PREFIX,
    is_worth_noting,
    issue_own_token,
    issue_token,
    note_token,
    own_tokens,
    principal_with,
    register_tokens,
    revoke_own_token,
    revoke_token,
    rotate_token,
    token_of,
)
from tests.operations.people import acting_as, person, told_of
from tests.operations.world import ADA, OMAR, World

SHOP = frozenset({"shop"})
DAY = timedelta(days=1)
CI = Order("ci", 30, Role.OPERATOR, SHOP)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """A portal without traffic: nothing here needs any."""
    opened = await World(tmp_path).open()
    yield opened
    await opened.close()


@pytest.fixture
def ports(world: World) -> Ports:
    return world.ports


async def holder(ports: Ports, secret: str) -> Principal:
    """Whoever shows a token now."""
    token = await token_of(ports, secret)
    assert token is not None
    return principal_with(ports, token)


async def test_a_service_account_is_made_with_its_first_token(ports: Ports) -> None:
    secret = await issue_token(ports, ADA, CI, "nightly runs", "10.0.0.1")
    assert secret.startswith(PREFIX)
    who = await holder(ports, secret)
    assert who.may(Permission.RUN_START, "shop")
    assert not who.may(Permission.RUN_START, "payments")
    assert not who.may(Permission.AUDIT_READ)
    token = (await ports.tokens.all())[0]
    assert (token.given_by, token.origin, token.ends_at) == ("ada", "issued", ports.clock.now() + 30 * DAY)
    assert token.account is not None
    assert token.account.kind == "service"


async def test_the_secret_is_kept_by_nobody(ports: Ports) -> None:
    secret = await issue_token(ports, ADA, CI, "nightly runs", "")
    events = repr(await ports.audit.recent(50))
    assert secret not in events + repr(await ports.tokens.all())
    assert digest_of(secret) not in events


async def test_a_token_of_a_known_account_may_no_more_than_the_account(ports: Ports) -> None:
    await issue_token(ports, ADA, CI, "", "")
    wide = await issue_token(ports, ADA, Order("ci-admin", 30, Role.ADMIN, owner="ci"), "", "")
    who = await holder(ports, wide)
    assert who.may(Permission.RUN_START, "shop")
    assert not who.may(Permission.RUN_START, "payments")
    assert not who.may(Permission.ACCESS_CHANGE)
    assert not who.may(Permission.TOKEN_ISSUE)


async def test_a_token_follows_its_account_at_once(ports: Ports) -> None:
    secret = await issue_token(ports, ADA, CI, "", "")
    account = (await ports.accounts.named("service:ci"))[0]
    given = (await ports.accounts.given(account.id))[0]
    await withdraw_role(ports, ADA, given.id, "not needed", "")
    assert not (await holder(ports, secret)).may(Permission.PORTAL_READ)
    await give_role(ports, ADA, account.id, Grant(Role.VIEWER), "needed", "")
    assert (await holder(ports, secret)).may(Permission.PORTAL_READ)
    assert not (await holder(ports, secret)).may(Permission.RUN_START)


async def test_the_tokens_of_a_blocked_account_may_nothing(ports: Ports) -> None:
    secret = await issue_token(ports, ADA, CI, "", "")
    account = (await ports.accounts.named("service:ci"))[0]
    await block_account(ports, ADA, account.id, "leaked", "", blocked=True)
    who = await holder(ports, secret)
    assert not any(who.may(one) for one in Permission)
    with pytest.raises(InvalidInput, match="not blocked"):
        await issue_token(ports, ADA, Order("ci-2", 30, Role.OPERATOR, owner="ci"), "", "")


async def test_a_token_ends_by_itself(world: World, ports: Ports) -> None:
    secret = await issue_token(ports, ADA, Order("ci", 1, Role.VIEWER), "", "")
    world.clock.move(DAY.total_seconds() - 1)
    assert await token_of(ports, secret) is not None
    world.clock.move(1)
    assert await token_of(ports, secret) is None


@pytest.mark.parametrize(
    ("order", "paths"),
    [
        (Order("CI!", 30, Role.VIEWER), ["name"]),
        (Order("", 30, Role.VIEWER), ["name"]),
        (Order("admin", 30, Role.VIEWER), ["name"]),
        (Order("ci", 0, Role.VIEWER), ["days"]),
        (Order("ci", 367, Role.VIEWER), ["days"]),
        (Order("ci", 30), ["role"]),
        (Order("ci", 30, Role.VIEWER, service="shop"), ["role"]),
        (Order("ci", 30, Role.VIEWER, frozenset()), ["services"]),
        (Order("ci", 30, Role.VIEWER, frozenset({"shpo"})), ["services"]),
        (Order("ci", 30, service="shpo"), ["services"]),
        (
            Order("CI", 0, owner="A B", services=frozenset({"x"})),
            ["name", "owner", "days", "role", "services"],
        ),
    ],
)
async def test_a_wrong_order_is_answered_with_every_problem(
    ports: Ports, order: Order, paths: list[str]
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await issue_token(ports, ADA, order, "", "")
    assert [one.path for one in caught.value.problems] == paths
    assert await ports.tokens.all() == []
    assert await ports.accounts.all() == []


async def test_a_name_is_taken_once_and_nothing_is_left_behind(ports: Ports) -> None:
    await issue_token(ports, ADA, CI, "", "")
    with pytest.raises(Conflict):
        await issue_token(ports, ADA, replace(CI, owner="another"), "", "")
    assert await ports.accounts.named("service:another") == []


@pytest.mark.parametrize(
    "who", [OMAR, Principal("ada", (Grant(Role.ADMIN, SHOP),))], ids=["omar", "scoped admin"]
)
async def test_only_an_admin_everywhere_issues_tokens_for_others(ports: Ports, who: Principal) -> None:
    await issue_token(ports, ADA, CI, "", "")
    for attempt in (
        issue_token(ports, who, Order("mine", 30, Role.ADMIN), "", ""),
        rotate_token(ports, who, "ci", "ci-2", DAY, ""),
        revoke_token(ports, who, "ci", "", ""),
    ):
        with pytest.raises(NotPermitted, match="admin everywhere"):
            await attempt
    assert [one.name for one in await ports.tokens.all()] == ["ci"]


async def test_a_token_is_rotated_without_a_gap(world: World, ports: Ports) -> None:
    old = await issue_token(ports, ADA, CI, "", "")
    new = await rotate_token(ports, ADA, "ci", "ci-2", DAY, "")
    assert (await holder(ports, old)).may(Permission.RUN_START, "shop")
    assert (await holder(ports, new)).may(Permission.RUN_START, "shop")
    world.clock.move(DAY.total_seconds())
    assert await token_of(ports, old) is None
    assert (await holder(ports, new)).may(Permission.RUN_START, "shop")
    owners = {one.account.name for one in await ports.tokens.all() if one.account}
    assert owners == {"ci"}


async def test_an_overlap_never_makes_a_token_live_longer(world: World, ports: Ports) -> None:
    old = await issue_token(ports, ADA, Order("ci", 1, Role.VIEWER), "", "")
    await rotate_token(ports, ADA, "ci", "ci-2", 7 * DAY, "")
    world.clock.move(DAY.total_seconds())
    assert await token_of(ports, old) is None


@pytest.mark.parametrize("overlap", [-DAY, 31 * DAY, timedelta(days=10_000)])
async def test_an_overlap_is_bounded(ports: Ports, overlap: timedelta) -> None:
    await issue_token(ports, ADA, CI, "", "")
    with pytest.raises(InvalidInput, match="0 to 720 hours"):
        await rotate_token(ports, ADA, "ci", "ci-2", overlap, "")


async def test_an_agent_s_token_is_for_one_service_and_for_no_page(ports: Ports) -> None:
    secret = await issue_token(ports, ADA, Order("agents-1", 90, service="shop"), "", "")
    token = await token_of(ports, secret)
    assert token is not None
    assert (token.service, token.role, token.account) == ("shop", None, None)
    assert not any(principal_with(ports, token).may(one) for one in Permission)
    second = await rotate_token(ports, ADA, "agents-1", "agents-2", DAY, "")
    assert await token_of(ports, secret) is not None
    assert (await token_of(ports, second) or token).service == "shop"


async def test_a_revoked_token_is_gone(ports: Ports) -> None:
    secret = await issue_token(ports, ADA, CI, "", "")
    await revoke_token(ports, ADA, "ci", "seen in a log", "")
    assert await token_of(ports, secret) is None
    with pytest.raises(NotFound):
        await revoke_token(ports, ADA, "ci", "again", "")
    assert ("done", "seen in a log") in await told_of(ports, "token:revoke")


async def test_tokens_of_the_settings_are_not_changed_here(ports: Ports) -> None:
    await register_tokens(ports, "admin-secret-0123456789", {"shop": ["agent-secret-0123456789"]})
    for attempt in (
        revoke_token(ports, ADA, "admin", "", ""),
        rotate_token(ports, ADA, "agent:shop", "agents-2", DAY, ""),
    ):
        with pytest.raises(NotFound):
            await attempt
    assert (await holder(ports, "admin-secret-0123456789")).may(Permission.ACCESS_CHANGE)


async def test_a_person_acts_by_an_own_token(ports: Ports) -> None:
    omar = await person(ports, "omar", Role.OPERATOR, SHOP)
    order = Order("laptop", 30, Role.OPERATOR, SHOP, service="payments", owner="somebody else")
    secret = await issue_own_token(ports, await acting_as(ports, omar), omar, order, "")
    who = await holder(ports, secret)
    assert who.may(Permission.RUN_START, "shop")
    assert [one.name for one in await own_tokens(ports, omar)] == [f"{omar.id}.laptop"]
    assert [plain_name(one) for one in await own_tokens(ports, omar)] == ["laptop"]
    assert [outcome for outcome, _ in await told_of(ports, "token:issue")] == ["done"]


@pytest.mark.parametrize("order", [Order("mine", 30, Role.ADMIN), Order("mine", 30, Role.OPERATOR)])
async def test_an_own_token_above_its_owner_is_refused(ports: Ports, order: Order) -> None:
    omar = await person(ports, "omar", Role.OPERATOR, SHOP)
    with pytest.raises(InvalidInput, match="at most what you have: operator on shop"):
        await issue_own_token(ports, await acting_as(ports, omar), omar, order, "")


async def test_only_one_s_own_token_is_revoked_as_one_s_own(ports: Ports) -> None:
    omar, vera = await person(ports, "omar", Role.OPERATOR), await person(ports, "vera", Role.VIEWER)
    mine = Order("laptop", 30, Role.VIEWER)
    secret = await issue_own_token(ports, await acting_as(ports, omar), omar, mine, "")
    with pytest.raises(NotFound):
        await revoke_own_token(ports, await acting_as(ports, vera), vera, "laptop", "")
    assert await token_of(ports, secret) is not None
    await revoke_own_token(ports, await acting_as(ports, omar), omar, "laptop", "")
    assert await token_of(ports, secret) is None


async def test_broken_glass_leaves_no_token_behind(world: World, ports: Ports) -> None:
    omar = await person(ports, "omar", Role.OPERATOR)
    hour = timedelta(hours=1)
    ends = await break_glass(ports, await acting_as(ports, omar), omar, "nobody else is awake", hour, "")
    broken = await acting_as(ports, omar)
    secrets = [
        await issue_token(ports, broken, Order("new", 90, Role.ADMIN), "", ""),
        await issue_own_token(ports, broken, omar, Order("own", 90, Role.ADMIN), ""),
    ]
    assert all([(await holder(ports, one)).may(Permission.ACCESS_CHANGE) for one in secrets])
    world.clock.move((ends - ports.clock.now()).total_seconds())
    assert await token_of(ports, secrets[0]) is None
    own = await holder(ports, secrets[1])
    assert own.may(Permission.RUN_START)
    assert not own.may(Permission.ACCESS_CHANGE)


async def test_broken_glass_gets_no_token_of_an_account_that_outlasts_it(ports: Ports) -> None:
    omar = await person(ports, "omar", Role.OPERATOR)
    await issue_token(ports, ADA, Order("robot", 30, Role.ADMIN), "", "")
    await break_glass(ports, await acting_as(ports, omar), omar, "nobody else is awake", DAY / 24, "")
    broken = await acting_as(ports, omar)
    for attempt in (
        issue_token(ports, broken, Order("by-robot", 90, Role.ADMIN, owner="robot"), "", ""),
        rotate_token(ports, broken, "robot", "robot-2", DAY, ""),
    ):
        with pytest.raises(InvalidInput, match=r"owner: robot; expected a new service account.*13:00 UTC"):
            await attempt
    assert [one.name for one in await ports.tokens.all()] == ["robot"]


async def test_broken_glass_rotates_no_token_that_outlasts_it(ports: Ports) -> None:
    """The second token would end with the glass, and the agents that have it would be locked out."""
    omar, hour = await person(ports, "omar", Role.OPERATOR), timedelta(hours=1)
    secret = await issue_token(ports, ADA, Order("agents-1", 90, service="shop"), "", "")
    await break_glass(ports, await acting_as(ports, omar), omar, "nobody else is awake", hour, "")
    broken = await acting_as(ports, omar)
    with pytest.raises(InvalidInput, match=r"agents-1 goes on.*would end with your own role at 13:00 UTC"):
        await rotate_token(ports, broken, "agents-1", "agents-2", timedelta(0), "")
    assert await token_of(ports, secret) is not None
    await issue_token(ports, broken, Order("agents-3", 90, service="shop"), "", "")
    await rotate_token(ports, broken, "agents-3", "agents-4", timedelta(0), "")
    assert [one.name for one in await ports.tokens.all() if one.ends_at != ports.clock.now()] == [
        "agents-1",
        "agents-4",
    ]


async def test_broken_glass_revokes_no_token_of_an_administrator(ports: Ports) -> None:
    vera, omar = await person(ports, "vera", Role.ADMIN), await person(ports, "omar", Role.OPERATOR)
    await issue_token(ports, ADA, Order("robot", 30, Role.ADMIN), "", "")
    await issue_own_token(ports, await acting_as(ports, vera), vera, Order("laptop", 30, Role.ADMIN), "")
    for order in (CI, Order("agents-1", 90, service="shop")):
        await issue_token(ports, ADA, order, "", "")
    await break_glass(ports, await acting_as(ports, omar), omar, "nobody else is awake", DAY / 24, "")
    broken, kept = await acting_as(ports, omar), ["robot", f"{vera.id}.laptop"]
    for name in kept:
        with pytest.raises(InvalidInput, match=r"is admin everywhere.*your own role ends at 13:00 UTC"):
            await revoke_token(ports, broken, name, "seen in a log", "")
    for name in ("ci", "agents-1"):
        await revoke_token(ports, broken, name, "seen in a log", "")
    assert sorted(one.name for one in await ports.tokens.all()) == sorted(kept)
    for name in kept:
        await revoke_token(ports, ADA, name, "seen in a log", "")


async def test_what_a_token_makes_ends_with_the_glass_however_long_the_chain(ports: Ports) -> None:
    """Glass, a token by it, a token by that token, a role by that one: nothing outlasts the hour."""
    omar, eve = await person(ports, "omar", Role.OPERATOR), await person(ports, "eve")
    why, hour = "nobody else is awake", timedelta(hours=1)
    ends = await break_glass(ports, await acting_as(ports, omar), omar, why, hour, "")
    first = await issue_token(ports, await acting_as(ports, omar), Order("first", 366, Role.ADMIN), "", "")
    second = await issue_token(
        ports, await holder(ports, first), Order("second", 366, Role.ADMIN, owner="first"), "", ""
    )
    third = await issue_token(ports, await holder(ports, second), Order("third", 366, Role.ADMIN), "", "")
    who = await holder(ports, third)
    assert who.until(Permission.TOKEN_ISSUE) == who.until(Permission.ACCESS_CHANGE) == ends
    assert {one.ends_at for one in await ports.tokens.all()} == {ends}
    with pytest.raises(InvalidInput, match="your own role ends then"):
        await give_role(ports, who, eve.id, Grant(Role.ADMIN), why, "")
    await give_role(ports, who, eve.id, Grant(Role.ADMIN, ends_at=ends), why, "")


async def test_a_token_makes_nothing_that_outlasts_it(ports: Ports) -> None:
    """Also one of an account that is admin for good: whoever has it for a day has it for a day."""
    secret = await issue_token(ports, ADA, Order("robot", 1, Role.ADMIN), "", "")
    who, eve = await holder(ports, secret), await person(ports, "eve")
    ends = ports.clock.now() + DAY
    made = await issue_token(ports, who, Order("longer", 366, Role.ADMIN, owner="robot"), "", "")
    token = await token_of(ports, made)
    assert token is not None
    assert token.ends_at == ends
    with pytest.raises(InvalidInput, match="your own role ends then"):
        await give_role(ports, who, eve.id, Grant(Role.ADMIN), "for good", "")


async def test_of_six_who_rotate_one_token_at_once_one_gets_a_token(ports: Ports) -> None:
    await issue_token(ports, ADA, Order("ci", 1, Role.VIEWER), "", "")
    told = await asyncio.gather(
        *(rotate_token(ports, ADA, "ci", f"ci-{one}", 7 * DAY, "") for one in range(2, 8)),
        return_exceptions=True,
    )
    assert sum(isinstance(one, Conflict) for one in told) == 5
    assert len(await ports.tokens.all()) == 2


async def test_an_ended_token_is_not_rotated(world: World, ports: Ports) -> None:
    await issue_token(ports, ADA, Order("ci", 1, Role.VIEWER), "", "")
    world.clock.move(DAY.total_seconds())
    with pytest.raises(InvalidInput, match="ci has ended"):
        await rotate_token(ports, ADA, "ci", "ci-2", DAY, "")


async def test_nobody_rotates_the_own_token_of_another(ports: Ports) -> None:
    omar = await person(ports, "omar", Role.OPERATOR)
    await issue_own_token(ports, await acting_as(ports, omar), omar, Order("laptop", 30, Role.OPERATOR), "")
    with pytest.raises(InvalidInput, match="is omar's own"):
        await rotate_token(ports, ADA, f"{omar.id}.laptop", "mine", DAY, "")
    assert len(await ports.tokens.all()) == 1


@pytest.mark.parametrize("name", ["portal", "nobody", "link", "login-link", "a.dmin", "7.laptop", "12.x"])
async def test_no_token_has_the_name_of_something_else(ports: Ports, name: str) -> None:
    for order in (Order(name, 30, Role.VIEWER), Order("ci", 30, Role.VIEWER, owner=name)):
        with pytest.raises(InvalidInput, match=r"another one|does not begin"):
            await issue_token(ports, ADA, order, "", "")


async def test_a_person_takes_no_name_of_a_program(ports: Ports) -> None:
    vera, omar = await person(ports, "vera", Role.VIEWER), await person(ports, "omar", Role.VIEWER)
    for one in (vera, omar):
        await issue_own_token(ports, await acting_as(ports, one), one, Order("ci", 30, Role.VIEWER), "")
    await issue_token(ports, ADA, CI, "", "")
    names = [one.name for one in await ports.tokens.all()]
    assert names == sorted([f"{vera.id}.ci", f"{omar.id}.ci", "ci"])


async def test_an_account_has_a_bounded_number_of_tokens(world: World, ports: Ports) -> None:
    vera = await person(ports, "vera", Role.VIEWER)
    who = await acting_as(ports, vera)
    for number in range(MOST_TOKENS):
        await issue_own_token(ports, who, vera, Order(f"t{number}", 1, Role.VIEWER), "")
    with pytest.raises(InvalidInput, match="vera has 50 tokens; expected fewer than 50"):
        await issue_own_token(ports, who, vera, Order("one-more", 1, Role.VIEWER), "")
    world.clock.move(DAY.total_seconds())
    await issue_own_token(ports, who, vera, Order("one-more", 1, Role.VIEWER), "")


STAFF = Rule(name="staff", group="staff", role=Role.OPERATOR)


async def test_roles_by_groups_count_for_own_tokens_only_while_a_provider_vouches(
    world: World, ports: Ports
) -> None:
    ports = replace(ports, policy=replace(ports.policy, rules=(STAFF,)))
    omar = await person(ports, "omar", Role.VIEWER)
    secret = await issue_own_token(
        ports, await acting_as(ports, omar), omar, Order("laptop", 90, Role.OPERATOR), ""
    )
    world.clock.move((7 * DAY).total_seconds() - 1)
    assert (await holder(ports, secret)).may(Permission.RUN_START)
    world.clock.move(1)
    who = await holder(ports, secret)
    assert who.may(Permission.PORTAL_READ)
    with pytest.raises(NotPermitted, match=r"not vouched for the owner .* for 7 days: log in again"):
        require(who, Permission.RUN_START)
    assert decide(who, Permission.RUN_START).reason.endswith("log in again")
    await person(ports, "omar")  # logs in, which changes nothing that a replica would be told
    assert (await holder(ports, secret)).may(Permission.RUN_START)


async def test_accounts_that_no_provider_knows_are_not_asked_to_log_in(world: World, ports: Ports) -> None:
    secret = await issue_token(ports, ADA, Order("ci", 90, Role.OPERATOR, SHOP), "", "")
    world.clock.move((60 * DAY).total_seconds())
    assert (await holder(ports, secret)).may(Permission.RUN_START, "shop")


async def test_a_change_of_the_settings_tokens_is_recorded_once_and_by_name(ports: Ports) -> None:
    secrets = ["agent-secret-0123456789", "agent-secret-9876543210"]
    for told in (secrets[:1], secrets[:1], secrets, secrets[1:]):
        await register_tokens(ports, "admin-secret-0123456789", {"shop": told})
    events = [one for one in await ports.audit.recent(20) if one.action == "token:settings"][::-1]
    assert [(one.actor, one.outcome, one.object) for one in events] == [
        ("portal", "done", "changed in the settings: admin, agent:shop"),
        ("portal", "done", "changed in the settings: agent:shop:1"),
        ("portal", "done", "changed in the settings: agent:shop, agent:shop:1"),
    ]
    assert events[1].after == {"tokens": ["admin", "agent:shop", "agent:shop:1"]}
    assert not any(one in repr(events) for one in secrets)


async def test_the_use_of_a_token_is_noted_about_once_a_minute(world: World, ports: Ports) -> None:
    secret = await issue_token(ports, ADA, CI, "", "")

    async def used() -> Token:
        token = await token_of(ports, secret)
        assert token is not None
        if is_worth_noting(ports, token):
            await note_token(ports, token)
        return (await ports.tokens.all())[0]

    first = (await used()).used_at
    world.clock.move(30)
    assert (await used()).used_at == first
    world.clock.move(31)
    assert (await used()).used_at == ports.clock.now()

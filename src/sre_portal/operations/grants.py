"""Giving and taking roles, blocking accounts, throwing people out."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sre_portal.core.access import Grant, Permission, Principal
from sre_portal.core.account import Account, GivenGrant
from sre_portal.core.errors import NotFound, Problem, raise_if
from sre_portal.operations.access_act import act_on, grants_told, reason_problems, text_of
from sre_portal.operations.audited import audited
from sre_portal.operations.glass import BROKEN_GLASS, refresh_glass
from sre_portal.operations.passing_power import out_of_reach, unblocking_outlasts
from sre_portal.operations.ports import Ports
from sre_portal.operations.services import service_problems
from sre_portal.operations.sessions import end_sessions_of


async def give_role(
    ports: Ports, actor: Principal, account_id: int, grant: Grant, reason: str, address: str
) -> int:
    """Gives a role, effective at once on every replica. Returns the id of the grant.

    Raises `InvalidInput`; also where the grant would outlast the role of whoever gives it.
    """
    now = ports.clock.now()
    account = await ports.accounts.get(account_id)
    told = grants_told(account), grants_told(account, grant)
    act = replace(act_on(actor, account, reason, address), before=told[0], after=told[1])
    async with audited(ports, act):
        raise_if([*reason_problems(reason), *_grant_problems(ports, actor, grant, now)])
        given = Grant(grant.role, grant.services, grant.ends_at, source=f"given by {actor.name}")
        return await ports.accounts.give(GivenGrant(0, account.id, given, reason, actor.name, now))


async def withdraw_role(ports: Ports, actor: Principal, grant_id: int, reason: str, address: str) -> None:
    """Takes a grant back, effective at once on every replica. Raises `NotFound`, or `InvalidInput`."""
    given = await grant_of(ports, grant_id)
    account = await ports.accounts.get(given.account_id)
    is_glass = given.grant.source == BROKEN_GLASS
    told = {"grant": text_of(given.grant)}
    act = replace(act_on(actor, account, reason, address), before=told, after={"grant": None})
    async with audited(ports, act):
        raise_if([*reason_problems(reason), *([] if is_glass else out_of_reach(ports, actor, account))])
        if await ports.accounts.withdraw(grant_id) is None:
            raise NotFound("grant", str(grant_id))
    if is_glass:
        await refresh_glass(ports)
        ports.pulse.beat()


async def grant_of(ports: Ports, grant_id: int) -> GivenGrant:
    """A grant that somebody gave. Raises `NotFound`."""
    found = next((one for one in await ports.accounts.given() if one.id == grant_id), None)
    if found is None:
        raise NotFound("grant", str(grant_id))
    return found


async def block_account(
    ports: Ports, actor: Principal, account_id: int, reason: str, address: str, *, blocked: bool
) -> None:
    """A blocked account may nothing and cannot log in; its sessions end, its tokens may nothing.

    Raises `InvalidInput` for the account of whoever asks: somebody has to be left who can undo it. Power that
    ends neither blocks an administrator nor unblocks an account whose roles go on.
    """
    account = await ports.accounts.get(account_id)
    told = {"blocked": account.blocked}, {"blocked": blocked}
    act = replace(act_on(actor, account, reason, address), before=told[0], after=told[1])
    async with audited(ports, act):
        problems = reason_problems(reason)
        if blocked and actor.account == account.id:
            problems.append(Problem("account", "your own", "another one: ask another administrator"))
        guard = out_of_reach if blocked else unblocking_outlasts
        problems += guard(ports, actor, account)
        raise_if(problems)
        await ports.accounts.block(account_id, blocked=blocked)
        if blocked:
            await ports.sessions.end(await ports.sessions.of_account(account_id))
    await refresh_glass(ports)
    ports.pulse.beat()


async def sign_out_account(
    ports: Ports, actor: Principal, account: Account, reason: str, address: str
) -> int:
    """Ends every session of an account. Returns how many there were. Raises `InvalidInput`."""
    if problems := out_of_reach(ports, actor, account):
        async with audited(ports, act_on(actor, account, reason, address)):
            raise_if([*reason_problems(reason), *problems])
    return await end_sessions_of(ports, actor, account, reason, address)


def _grant_problems(ports: Ports, actor: Principal, grant: Grant, now: datetime) -> list[Problem]:
    found = []
    until = actor.until(Permission.ACCESS_CHANGE)
    ends = "for good" if grant.ends_at is None else grant.ends_at.isoformat()
    if grant.ends_at is not None and grant.ends_at <= now:
        found.append(Problem("until", ends, "an instant to come"))
    if until is not None and (grant.ends_at is None or grant.ends_at > until):
        expected = f"at most until {until:%Y-%m-%dT%H:%M:%SZ}: your own role ends then"
        found.append(Problem("until", ends, expected))
    if grant.services is not None and not grant.services:
        expected = "at least one service, or none named for everywhere"
        found.append(Problem("services", "an empty list", expected))
    return found + service_problems(ports, grant.services or ())

"""Giving and taking roles, blocking accounts, breaking glass."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from sre_portal.core.access import Grant, Permission, Principal, Role, where
from sre_portal.core.account import Account, GivenGrant
from sre_portal.core.errors import InvalidInput, NotFound, Problem
from sre_portal.operations.audited import Act, audited
from sre_portal.operations.ports import Ports
from sre_portal.operations.watch import Glass

log = structlog.get_logger("sre_portal.access")

BROKEN_GLASS = "broken glass"
"""The source of grants that somebody gave themselves in an emergency."""
GLASS_LONGEST = timedelta(hours=1)
SHORTEST_REASON = 10


async def give_role(
    ports: Ports, actor: Principal, account_id: int, grant: Grant, reason: str, address: str
) -> int:
    """Gives a role, effective at once on every replica. Returns the id of the grant."""
    now = ports.clock.now()
    if problems := _problems(ports, grant, reason, now):
        raise InvalidInput(problems)
    account = await ports.accounts.get(account_id)
    act = Act(
        actor,
        Permission.ACCESS_CHANGE,
        _named(account),
        address,
        reason=reason,
        before=_held(account),
        after=_held(account, grant),
    )
    async with audited(ports, act):
        given = Grant(grant.role, grant.services, grant.ends_at, source=f"given by {actor.name}")
        return await ports.accounts.give(GivenGrant(0, account.id, given, reason, actor.name, now))


async def withdraw_role(ports: Ports, actor: Principal, grant_id: int, reason: str, address: str) -> None:
    """Takes a grant back, effective at once on every replica. Raises `NotFound`."""
    given = next((one for one in await ports.accounts.given() if one.id == grant_id), None)
    if given is None:
        raise NotFound("grant", str(grant_id))
    account = await ports.accounts.get(given.account_id)
    act = Act(
        actor,
        Permission.ACCESS_CHANGE,
        _named(account),
        address,
        reason=reason,
        before={"grant": _text(given.grant)},
        after={"grant": None},
    )
    async with audited(ports, act):
        if await ports.accounts.withdraw(grant_id) is None:
            raise NotFound("grant", str(grant_id))


async def block_account(
    ports: Ports, actor: Principal, account_id: int, reason: str, address: str, *, blocked: bool
) -> None:
    """A blocked account may nothing and cannot log in; its sessions end."""
    account = await ports.accounts.get(account_id)
    act = Act(
        actor,
        Permission.ACCESS_CHANGE,
        _named(account),
        address,
        reason=reason,
        before={"blocked": account.blocked},
        after={"blocked": blocked},
    )
    async with audited(ports, act):
        await ports.accounts.block(account_id, blocked=blocked)
        if blocked:
            await ports.sessions.end(await ports.sessions.of_account(account_id))


async def break_glass(
    ports: Ports, actor: Principal, account: Account, reason: str, lasts: timedelta, address: str
) -> datetime:
    """Gives whoever asks the role admin everywhere, for a while. Returns when it ends.

    It is written down before it takes effect, told to everybody who looks at the portal, and sent out.
    Raises `NotPermitted`, or `InvalidInput` where the reason says nothing or the time is too long.
    """
    problems = []
    if len(reason.strip()) < SHORTEST_REASON:
        expected = f"a reason of at least {SHORTEST_REASON} characters"
        problems.append(Problem("reason", repr(reason.strip()), expected))
    if not timedelta(minutes=1) <= lasts <= GLASS_LONGEST:
        most = int(GLASS_LONGEST.total_seconds()) // 60
        problems.append(Problem("minutes", f"{lasts.total_seconds() / 60:g}", f"1 to {most}"))
    if problems:
        raise InvalidInput(problems)
    now = ports.clock.now()
    grant = Grant(Role.ADMIN, ends_at=now + lasts, source=BROKEN_GLASS)
    act = Act(
        actor,
        Permission.GLASS_BREAK,
        _named(account),
        address,
        reason=reason,
        before=_held(account),
        after=_held(account, grant),
    )
    async with audited(ports, act):
        await ports.accounts.give(GivenGrant(0, account.id, grant, reason, actor.name, now))
    log.warning("glass broken", actor=actor.name, account=actor.id, until=str(grant.ends_at), reason=reason)
    await refresh_glass(ports)
    ports.pulse.beat()
    ends = f"{now + lasts:%H:%M} UTC"
    await ports.notices.send(f"{actor.name} broke the glass: admin everywhere until {ends}. Reason: {reason}")
    return now + lasts


async def mend_glass(ports: Ports, actor: Principal, account: Account, address: str) -> None:
    """Gives back early what breaking the glass gave."""
    broken = [one for one in await ports.accounts.given(account.id) if one.grant.source == BROKEN_GLASS]
    act = Act(actor, Permission.GLASS_BREAK, _named(account), address, reason="given back")
    async with audited(ports, act):
        for one in broken:
            await ports.accounts.withdraw(one.id)
    await refresh_glass(ports)
    ports.pulse.beat()


async def refresh_glass(ports: Ports) -> None:
    """Looks up whose glass is broken now; each page and the metrics show it."""
    now = ports.clock.now()
    found = []
    for one in await ports.accounts.given():
        ends_at = one.grant.ends_at
        if one.grant.source == BROKEN_GLASS and ends_at is not None and now < ends_at:
            account = await ports.accounts.get(one.account_id)
            found.append(Glass(account.id, account.name, one.reason, ends_at))
    ports.watch.glass = tuple(found)


def _named(account: Account) -> str:
    return f"account:{account.id} {account.name}"


def _held(account: Account, more: Grant | None = None) -> dict[str, object]:
    """The grants of an account that people gave, in words."""
    return {"grants": [_text(one) for one in (*account.grants, *([more] if more else []))]}


def _text(grant: Grant) -> str:
    until = f" until {grant.ends_at:%Y-%m-%dT%H:%M:%SZ}" if grant.ends_at else ""
    return f"{grant.role.value} {where(grant.services)}{until}"


def _problems(ports: Ports, grant: Grant, reason: str, now: datetime) -> list[Problem]:
    found = []
    if not reason.strip():
        found.append(Problem("reason", "nothing", "why, in a few words"))
    if grant.ends_at is not None and grant.ends_at <= now:
        found.append(Problem("ends_at", grant.ends_at.isoformat(), "an instant to come"))
    known = {slo.spec.service for slo in ports.catalogue.slos()}
    if grant.services is not None and not grant.services:
        found.append(
            Problem("services", "an empty list", "at least one service, or none named for everywhere")
        )
    found += [
        Problem("services", repr(name), f"one of {', '.join(sorted(known)) or 'no service'}")
        for name in sorted((grant.services or frozenset()) - known)
    ]
    return found

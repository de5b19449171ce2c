"""Giving and taking roles, blocking accounts, breaking glass."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import structlog

from sre_portal.core.access import Grant, Permission, Principal, Role, in_words
from sre_portal.core.account import Account, GivenGrant
from sre_portal.core.complaint import shown
from sre_portal.core.errors import InvalidInput, NotFound, Problem
from sre_portal.core.phrase import closest_first, listed
from sre_portal.operations.audited import Act, audited
from sre_portal.operations.ports import Ports
from sre_portal.operations.watch import Glass

log = structlog.get_logger("sre_portal.access")

BROKEN_GLASS = "broken glass"
"""The source of grants that somebody gave themselves in an emergency."""
GLASS_LONGEST = timedelta(hours=1)
SHORTEST_REASON = 10
LONGEST_REASON = 500


async def give_role(
    ports: Ports, actor: Principal, account_id: int, grant: Grant, reason: str, address: str
) -> int:
    """Gives a role, effective at once on every replica. Returns the id of the grant.

    Raises `InvalidInput`; also where the grant would outlast the role of whoever gives it.
    """
    now = ports.clock.now()
    account = await ports.accounts.get(account_id)
    act = Act(
        actor,
        Permission.ACCESS_CHANGE,
        _named(account),
        address,
        reason=reason[:LONGEST_REASON],
        before=_held(account),
        after=_held(account, grant),
    )
    async with audited(ports, act):
        _raise([*_reason_problems(reason), *_grant_problems(ports, actor, grant, now)])
        given = Grant(grant.role, grant.services, grant.ends_at, source=f"given by {actor.name}")
        return await ports.accounts.give(GivenGrant(0, account.id, given, reason, actor.name, now))


async def withdraw_role(ports: Ports, actor: Principal, grant_id: int, reason: str, address: str) -> None:
    """Takes a grant back, effective at once on every replica. Raises `NotFound`."""
    given = await grant_of(ports, grant_id)
    account = await ports.accounts.get(given.account_id)
    act = Act(
        actor,
        Permission.ACCESS_CHANGE,
        _named(account),
        address,
        reason=reason[:LONGEST_REASON],
        before={"grant": text_of(given.grant)},
        after={"grant": None},
    )
    async with audited(ports, act):
        _raise(_reason_problems(reason))
        if await ports.accounts.withdraw(grant_id) is None:
            raise NotFound("grant", str(grant_id))
    if given.grant.source == BROKEN_GLASS:
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

    Raises `InvalidInput` for the account of whoever asks: somebody has to be left who can undo it.
    """
    account = await ports.accounts.get(account_id)
    act = Act(
        actor,
        Permission.ACCESS_CHANGE,
        _named(account),
        address,
        reason=reason[:LONGEST_REASON],
        before={"blocked": account.blocked},
        after={"blocked": blocked},
    )
    async with audited(ports, act):
        problems = _reason_problems(reason)
        if blocked and actor.id == f"account:{account.id}":
            problems.append(Problem("account", "your own", "another one: ask another administrator"))
        _raise(problems)
        await ports.accounts.block(account_id, blocked=blocked)
        if blocked:
            await ports.sessions.end(await ports.sessions.of_account(account_id))
    await refresh_glass(ports)
    ports.pulse.beat()


async def break_glass(
    ports: Ports, actor: Principal, account: Account, reason: str, lasts: timedelta, address: str
) -> datetime:
    """Gives whoever asks the role admin everywhere, for a while. Returns when it ends.

    It is written down before it takes effect, told to everybody who looks at the portal, and sent out.
    Raises `NotPermitted`, or `InvalidInput` where the reason says nothing or the time is too long.
    """
    now = ports.clock.now()
    grant = Grant(Role.ADMIN, ends_at=now + lasts, source=BROKEN_GLASS)
    act = Act(
        actor,
        Permission.GLASS_BREAK,
        _named(account),
        address,
        reason=reason[:LONGEST_REASON],
        before=_held(account),
        after=_held(account, grant),
    )
    async with audited(ports, act):
        _raise(_glass_problems(reason, lasts))
        await ports.accounts.give(GivenGrant(0, account.id, grant, reason.strip(), actor.name, now))
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
    if broken:
        await ports.notices.send(f"{actor.name} gave back what breaking the glass gave")


async def refresh_glass(ports: Ports) -> None:
    """Looks up whose glass is broken now; each page and the metrics show it."""
    now = ports.clock.now()
    found = []
    for one in await ports.accounts.given():
        ends_at = one.grant.ends_at
        if one.grant.source == BROKEN_GLASS and ends_at is not None and now < ends_at:
            account = await ports.accounts.get(one.account_id)
            if not account.blocked:
                found.append(Glass(account.id, account.name, one.reason, ends_at))
    if ports.watch.glass != (glass := tuple(found)):
        ports.watch.glass = glass
        ports.pulse.beat()


def text_of(grant: Grant) -> str:
    """A grant in words: `operator on shop until 2026-11-25T12:00:00Z`."""
    until = f" until {grant.ends_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" if grant.ends_at else ""
    return f"{in_words(grant)}{until}"


def service_problems(ports: Ports, services: Collection[str]) -> list[Problem]:
    """One for each service that has no SLO: a grant on it would wait for whoever makes it up."""
    known = sorted({slo.spec.service for slo in ports.catalogue.slos()})
    return [
        Problem("services", shown(name), f"one of {listed(closest_first(name, known), 'no service')}")
        for name in sorted(set(services) - set(known))
    ]


def _named(account: Account) -> str:
    return f"account:{account.id} {account.name}"


def _held(account: Account, more: Grant | None = None) -> dict[str, object]:
    """The grants of an account that people gave, in words."""
    return {"grants": [text_of(one) for one in (*account.grants, *([more] if more else []))]}


def _raise(problems: list[Problem]) -> None:
    if problems:
        raise InvalidInput(problems)


def _reason_problems(reason: str) -> list[Problem]:
    if not reason.strip():
        return [Problem("reason", "nothing", "why, in a few words")]
    if len(reason) > LONGEST_REASON:
        return [Problem("reason", f"{len(reason)} characters", f"at most {LONGEST_REASON} characters")]
    return []


def _glass_problems(reason: str, lasts: timedelta) -> list[Problem]:
    found = []
    if not SHORTEST_REASON <= len(reason.strip()) <= LONGEST_REASON:
        expected = f"a reason of {SHORTEST_REASON} to {LONGEST_REASON} characters"
        found.append(Problem("reason", shown(reason.strip()), expected))
    if not timedelta(minutes=1) <= lasts <= GLASS_LONGEST:
        most = int(GLASS_LONGEST.total_seconds()) // 60
        found.append(Problem("minutes", f"{lasts.total_seconds() / 60:g}", f"1 to {most}"))
    return found


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

"""Breaking the glass: admin everywhere for a while, in an emergency, told to everybody."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from sre_portal.core.access import Grant, Permission, Principal, Role
from sre_portal.core.account import Account, GivenGrant
from sre_portal.core.complaint import shown
from sre_portal.core.errors import InvalidInput, Problem, raise_if
from sre_portal.operations.access_act import LONGEST_REASON, act_on, grants_told
from sre_portal.operations.audited import audited
from sre_portal.operations.ports import Ports
from sre_portal.operations.watch import Glass

log = structlog.get_logger("sre_portal.access")

BROKEN_GLASS = "broken glass"
"""The source of grants that somebody gave themselves in an emergency."""
GLASS_LONGEST = timedelta(hours=1)
SHORTEST_REASON = 10


async def break_glass(
    ports: Ports, actor: Principal, account: Account, reason: str, lasts: timedelta, address: str
) -> datetime:
    """Gives whoever asks the role admin everywhere, for a while. Returns when it ends.

    It is written down before it takes effect, told to everybody who looks at the portal, and sent out. Where
    this fails half-way and the grant is in force all the same, the next `refresh_glass` tells of it.
    Raises `NotPermitted`, or `InvalidInput` where the reason says nothing, the time is too long, or the glass
    of the account is broken already.
    """
    now = ports.clock.now()
    ends_at = now + lasts
    grant = Grant(Role.ADMIN, ends_at=ends_at, source=BROKEN_GLASS)
    act = replace(
        act_on(actor, account, reason, address),
        permission=Permission.GLASS_BREAK,
        before=grants_told(account),
        after=grants_told(account, grant),
    )
    async with audited(ports, act):
        raise_if([*_problems(reason, lasts), *_broken_already(await _broken(ports, account))])
        given = GivenGrant(0, account.id, grant, reason.strip(), actor.name, now)
        number = await _give_alone(ports, account, given)
    await _tell_once(ports, replace(given, id=number), ends_at)
    await refresh_glass(ports)
    ports.pulse.beat()
    return ends_at


async def mend_glass(ports: Ports, actor: Principal, account: Account, address: str) -> None:
    """Gives back early what breaking the glass gave."""
    broken = [one for one in await ports.accounts.given(account.id) if one.grant.source == BROKEN_GLASS]
    act = replace(act_on(actor, account, "given back", address), permission=Permission.GLASS_BREAK)
    async with audited(ports, act):
        for one in broken:
            await ports.accounts.withdraw(one.id)
    if broken:
        await ports.notices.send(f"{actor.name} gave back what breaking the glass gave")
    await refresh_glass(ports)
    ports.pulse.beat()


def has_broken_glass(actor: Principal, now: datetime) -> bool:
    """Whether somebody acts with what breaking the glass gave."""
    return any(one.source == BROKEN_GLASS for one in actor.at(now).grants)


async def refresh_glass(ports: Ports) -> None:
    """Looks up whose glass is broken now; each page and the metrics show it.

    The replica that drives tells of each that it has not told of: whoever broke it may have met a failure, or
    a process that died. So nobody is missed, and after another replica takes over some are told of twice.
    """
    now, found = ports.clock.now(), dict[GivenGrant, Glass]()
    for one in await ports.accounts.given():
        ends_at = one.grant.ends_at
        if one.grant.source == BROKEN_GLASS and ends_at is not None and now < ends_at:
            account = await ports.accounts.get(one.account_id)
            if not account.blocked:
                found[one] = Glass(account.id, account.name, one.reason, ends_at)
    if ports.watch.glass != (glass := tuple(found.values())):
        ports.watch.glass = glass
        ports.pulse.beat()
    if ports.term():
        for given, broken in found.items():
            await _tell_once(ports, given, broken.ends_at)


async def _tell_once(ports: Ports, given: GivenGrant, ends_at: datetime) -> None:
    """Logs broken glass and sends it out, unless this process has."""
    told, now = ports.watch.glass_told, ports.clock.now()
    if told.get(given.id) == ends_at:
        return
    ports.watch.glass_told = {number: end for number, end in told.items() if now < end} | {given.id: ends_at}
    who, account = given.by, f"account:{given.account_id}"
    log.warning("glass broken", actor=who, account=account, until=str(ends_at), reason=given.reason)
    ends = f"{ends_at:%H:%M} UTC"
    await ports.notices.send(f"{who} broke the glass: admin everywhere until {ends}. Reason: {given.reason}")


async def _give_alone(ports: Ports, account: Account, given: GivenGrant) -> int:
    """The id of the grant. Of two who break one glass at once the second one gives it back.

    Raises `InvalidInput` for that one.
    """
    number = await ports.accounts.give(given)
    if before := [one for one in await _broken(ports, account) if one.id < number]:
        await ports.accounts.withdraw(number)
        raise InvalidInput(_broken_already(before))
    return number


async def _broken(ports: Ports, account: Account) -> list[GivenGrant]:
    """What broken glass gives an account now."""
    now, given = ports.clock.now(), await ports.accounts.given(account.id)
    return [
        one
        for one in given
        if one.grant.source == BROKEN_GLASS and one.grant.ends_at is not None and now < one.grant.ends_at
    ]


def _broken_already(broken: list[GivenGrant]) -> list[Problem]:
    expected = "glass that is whole: wait for its end, or give it back first"
    return [
        Problem("glass", f"broken already until {one.grant.ends_at:%H:%M} UTC", expected)
        for one in broken[:1]
    ]


def _problems(reason: str, lasts: timedelta) -> list[Problem]:
    found = []
    if not SHORTEST_REASON <= len(reason.strip()) <= LONGEST_REASON:
        expected = f"a reason of {SHORTEST_REASON} to {LONGEST_REASON} characters"
        found.append(Problem("reason", shown(reason.strip()), expected))
    if not timedelta(minutes=1) <= lasts <= GLASS_LONGEST:
        most = int(GLASS_LONGEST.total_seconds()) // 60
        found.append(Problem("minutes", f"{lasts.total_seconds() / 60:g}", f"1 to {most}"))
    return found

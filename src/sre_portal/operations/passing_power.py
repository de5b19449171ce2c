"""Power that ends, as of broken glass: what it may not do to those whose roles go on."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sre_portal.core.access import Permission, Principal
from sre_portal.core.account import Account
from sre_portal.core.errors import Problem
from sre_portal.core.grant_rule import principal_of
from sre_portal.operations.glass import BROKEN_GLASS
from sre_portal.operations.ports import Ports


def out_of_reach(ports: Ports, actor: Principal, account: Account) -> list[Problem]:
    """It takes nothing from whoever is admin everywhere without broken glass: else it locks them out."""
    ends_at = actor.held_until(Permission.ACCESS_CHANGE)
    if ends_at is None:
        return []
    why = _unblocked(ports, account).why(Permission.ACCESS_CHANGE)
    if all(one.source == BROKEN_GLASS for one in why):
        return []
    expected = (
        f"somebody else: your own role ends at {ends_at:%H:%M} UTC, and takes nothing from administrators"
    )
    return [Problem("account", f"{account.name} is admin everywhere", expected)]


def token_outlasting(ports: Ports, actor: Principal, owner: Account) -> list[Problem]:
    """It makes no token for an account whose roles go on: it would act as that account."""
    ends_at = actor.held_until(Permission.TOKEN_ISSUE)
    if ends_at is None or not _outlasts(ports, owner, ends_at):
        return []
    expected = (
        f"a new service account: your own role ends at {ends_at:%H:%M} UTC, those of {owner.name} do not"
    )
    return [Problem("owner", owner.name, expected)]


def unblocking_outlasts(ports: Ports, actor: Principal, account: Account) -> list[Problem]:
    """It wakes no account whose roles go on: they were taken by somebody whose power does not end."""
    ends_at = actor.held_until(Permission.ACCESS_CHANGE)
    if ends_at is None or not account.blocked or not _outlasts(ports, account, ends_at):
        return []
    expected = (
        f"somebody else to unblock {account.name}: your own role ends at {ends_at:%H:%M} UTC, theirs do not"
    )
    return [Problem("account", f"{account.name} is blocked", expected)]


def _outlasts(ports: Ports, account: Account, ends_at: datetime) -> bool:
    """Whether an account holds anything for longer, or would if it were not blocked."""
    held = _unblocked(ports, account).grants
    return any(one.ends_at is None or one.ends_at > ends_at for one in held)


def _unblocked(ports: Ports, account: Account) -> Principal:
    who = principal_of(replace(account, blocked=False), ports.policy.rules, ports.environment)
    return who.at(ports.clock.now())

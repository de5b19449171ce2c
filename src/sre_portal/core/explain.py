"""Why somebody may or may not: the same answer for people, the command line and AuthZEN."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sre_portal.core.access import Grant, Permission, Principal, needs, where
from sre_portal.core.account import Account
from sre_portal.core.grant_rule import Rule, principal_of


@dataclass(frozen=True, slots=True)
class RuleSeen:
    """One rule, and why it does not fit; an empty list where it does."""

    rule: Rule
    misses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Held:
    """A permission somebody has, where, and by which grants."""

    permission: Permission
    where: str
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    principal: Principal
    rules: tuple[RuleSeen, ...]
    grants: tuple[Grant, ...]
    held: tuple[Held, ...]


def explain(account: Account, rules: Sequence[Rule], environment: str, now: datetime) -> Explanation:
    """Every rule and grant of an account, and all it may do at `now`."""
    who = principal_of(account, rules, environment).at(now)
    seen = tuple(RuleSeen(rule, tuple(rule.misses(account, environment))) for rule in rules)
    return Explanation(who, seen, who.grants, held_by(who))


def held_by(who: Principal) -> tuple[Held, ...]:
    """All that a principal may, in the order of the permissions."""
    return tuple(
        Held(one, where(who.services(one)), tuple(dict.fromkeys(map(_source, who.why(one)))))
        for one in Permission
        if who.may(one)
    )


def reason(who: Principal, permission: Permission, service: str | None) -> str:
    """One sentence: by which grant, or what it would take."""
    asked = f"{permission.value} on {service}" if service else permission.value
    grants = who.why(permission, service)
    if who.may(permission, service):
        return f"{who.name} may {asked} by {_source(grants[0])}"
    if grants:
        return f"{who.name} may {asked}, but this token is not for it"
    held = ", ".join(f"{one.role.value} {where(one.services)}" for one in who.grants) or "no role"
    return f"{who.name} may not {asked}: it takes {needs(permission, service)}, and this is {held}"


def _source(grant: Grant) -> str:
    return grant.source or f"the role {grant.role.value}"

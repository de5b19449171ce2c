"""Why somebody may or may not: the same answer for people, the command line and AuthZEN."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sre_portal.core.access import Grant, Permission, Principal, Role, covers, in_words, needs, where
from sre_portal.core.account import Account
from sre_portal.core.grant_rule import Rule, principal_of

SubjectKind = Literal["person", "service", "token"]


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


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether somebody may, and the sentence that says why."""

    allowed: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Subject:
    """Somebody who can act: an account, or a token by its name."""

    kind: SubjectKind
    id: str
    who: Principal


@dataclass(frozen=True, slots=True)
class Holder:
    """One who may do what was asked for: where, by which grants, and until when."""

    subject: Subject
    where: str
    by: tuple[str, ...]
    until: datetime | None


def explain(account: Account, rules: Sequence[Rule], environment: str, now: datetime) -> Explanation:
    """Every rule and grant of an account, and all it may do at `now`."""
    who = principal_of(account, rules, environment).at(now)
    seen = tuple(RuleSeen(rule, tuple(rule.misses(account, environment))) for rule in rules)
    return Explanation(who, seen, who.grants, held_by(who))


def held_by(who: Principal) -> tuple[Held, ...]:
    """All that a principal may, in the order of the permissions."""
    return tuple(Held(one, where(who.services(one)), sources(who, one)) for one in Permission if who.may(one))


def who_can(
    subjects: Iterable[Subject], permission: Permission, service: str | None = None
) -> tuple[Holder, ...]:
    """Those who may: on a service, or without one on any service at all. In the order they came."""
    return tuple(
        Holder(
            one,
            where(one.who.services(permission)),
            sources(one.who, permission, service),
            one.who.until(permission, service),
        )
        for one in subjects
        if one.who.may(permission, service)
    )


def decide(who: Principal, permission: Permission, service: str | None = None) -> Decision:
    """Whether somebody may, on a service or on any at all, and by which grant or what it would take."""
    if who.may(permission, service):
        return Decision(allowed=True, reason=_allowed(who, permission, service))
    asked = _asked(permission, service)
    if who.why(permission, service):
        return Decision(allowed=False, reason=f"{who.name} may {asked}, but this token is not for it")
    takes = f"it takes {needs(permission, service)}, and this is {_held(who)}"
    hint = f". {who.hint}" if who.hint else ""
    return Decision(allowed=False, reason=f"{who.name} may not {asked}: {takes}{hint}")


def decide_everywhere(who: Principal, permission: Permission) -> Decision:
    """The same where some services will not do."""
    if who.may_everywhere(permission):
        return decide(who, permission)
    if not who.may(permission):
        return decide(who, permission)
    only = where(who.services(permission))
    return Decision(allowed=False, reason=f"{who.name} may {permission.value} on {only}, not everywhere")


def sources(who: Principal, permission: Permission, service: str | None = None) -> tuple[str, ...]:
    """Whose word it is that somebody may, each once."""
    return tuple(dict.fromkeys(source_of(one) for one in who.why(permission, service)))


def source_of(grant: Grant) -> str:
    """Whose word a grant is, in words."""
    return grant.source or f"the role {grant.role.value}"


def exceeds(who: Principal, role: Role, services: frozenset[str] | None) -> bool:
    """Whether a role on these services (None: everywhere) gives anything that somebody does not have."""
    wanted = Principal("", (Grant(role, services),))
    return any(
        wanted.may(one) and not (who.may(one) and covers(who.services(one), wanted.services(one)))
        for one in Permission
    )


def usual_services(who: Principal, role: Role) -> frozenset[str] | None:
    """Where an own token of a role holds if nothing is said: wherever its owner may what makes the role.

    None is everywhere, also for whoever may it nowhere: `exceeds` says so.
    """
    match role:
        case Role.PROGRAM | Role.VIEWER:
            return who.services(Permission.FLAG_ASK) or None
        case Role.OPERATOR:
            return who.services(Permission.RUN_START) or None
        case Role.ADMIN:
            return None


def _allowed(who: Principal, permission: Permission, service: str | None) -> str:
    return f"{who.name} may {_asked(permission, service)}: {source_of(who.why(permission, service)[0])}"


def _asked(permission: Permission, service: str | None) -> str:
    return f"{permission.value} on {service}" if service else permission.value


def _held(who: Principal) -> str:
    return ", ".join(map(in_words, who.grants)) or "no role"

"""Who may do what: four roles, each a set of permissions, granted everywhere or on some services.

Deny by default: a principal may what one of its grants says, and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from sre_portal.core.errors import NotPermitted


class Permission(StrEnum):
    PORTAL_READ = "portal:read"
    METRICS_READ = "metrics:read"
    RUN_START = "run:start"
    RUN_ABORT = "run:abort"
    HARM_STOP = "harm:stop"
    GLASS_BREAK = "glass:break"
    FLAG_ASK = "flag:ask"
    FLAG_READ = "flag:read"
    FLAG_FLIP = "flag:flip"
    AUDIT_READ = "audit:read"
    ACCESS_READ = "access:read"
    ACCESS_CHANGE = "access:change"
    TOKEN_ISSUE = "token:issue"  # noqa: S105  # the name of a permission


class Role(StrEnum):
    """From the least to the most; each has what the one before it has."""

    PROGRAM = "program"
    """Asks what flags are for somebody, and nothing else: its token may be in a page that everybody opens."""
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


class Reach(StrEnum):
    """What a grant on some services gives of a permission."""

    FREE = "free"
    """All of it: reading, and whatever ends harm."""
    SERVICE = "service"
    """The permission on these services."""
    PORTAL = "portal"
    """Nothing: the act concerns everybody, and takes a grant everywhere."""


_ASK = frozenset({Permission.FLAG_ASK})
_READ = _ASK | {Permission.PORTAL_READ, Permission.METRICS_READ, Permission.FLAG_READ}
_OPERATE = _READ | {
    Permission.RUN_START,
    Permission.RUN_ABORT,
    Permission.HARM_STOP,
    Permission.GLASS_BREAK,
    Permission.FLAG_FLIP,
}

PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.PROGRAM: _ASK,
    Role.VIEWER: _READ,
    Role.OPERATOR: _OPERATE,
    Role.ADMIN: frozenset(Permission),
}

REACH: Mapping[Permission, Reach] = {
    Permission.PORTAL_READ: Reach.FREE,
    Permission.METRICS_READ: Reach.FREE,
    Permission.RUN_START: Reach.SERVICE,
    Permission.RUN_ABORT: Reach.FREE,
    Permission.HARM_STOP: Reach.FREE,
    Permission.GLASS_BREAK: Reach.FREE,
    Permission.FLAG_ASK: Reach.SERVICE,
    Permission.FLAG_READ: Reach.FREE,
    Permission.FLAG_FLIP: Reach.SERVICE,
    Permission.AUDIT_READ: Reach.PORTAL,
    Permission.ACCESS_READ: Reach.PORTAL,
    Permission.ACCESS_CHANGE: Reach.PORTAL,
    Permission.TOKEN_ISSUE: Reach.PORTAL,
}

STOPPING = frozenset({Permission.RUN_ABORT, Permission.HARM_STOP})
"""What ends harm. It waits for nothing, so it is allowed also where the database cannot be asked."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A role, everywhere or on some services, for good or until an instant. `source`: whose word it is."""

    role: Role
    services: frozenset[str] | None = None
    """None is everywhere."""
    ends_at: datetime | None = None
    source: str = ""

    def gives(self, permission: Permission, service: str | None) -> bool:
        """Whether it gives a permission: on a service, or for None on any."""
        if permission not in PERMISSIONS[self.role]:
            return False
        match REACH[permission]:
            case Reach.FREE:
                return True
            case Reach.SERVICE:
                return self.services is None or (
                    bool(self.services) if service is None else service in self.services
                )
            case Reach.PORTAL:
                return self.services is None


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who acts: a person with a session, a token, or the portal itself.

    `id` is the same for as long as the account lives (`account:7`, `token:ci`, `portal`); `name` is what
    people read. `session` is the public id of the session, empty without one. `within` bounds a token: it may
    what its owner may, and only where `within` gives it too. `account` is the id of the account it acts for,
    None where it is nobody's.
    """

    name: str
    grants: tuple[Grant, ...] = ()
    id: str = ""
    session: str = ""
    within: tuple[Grant, ...] | None = None
    account: int | None = None
    hint: str = ""
    """Told where it is refused: why it may less than people expect, and what helps."""

    def may(self, permission: Permission, service: str | None = None) -> bool:
        """Whether it has a permission: on a service, or without one on any service at all."""
        return bool(self.why(permission, service)) and (
            self.within is None or any(grant.gives(permission, service) for grant in self.within)
        )

    def why(self, permission: Permission, service: str | None = None) -> tuple[Grant, ...]:
        """The grants that give a permission, whatever bounds it."""
        return tuple(grant for grant in self.grants if grant.gives(permission, service))

    def services(self, permission: Permission) -> frozenset[str] | None:
        """The services on which it has a permission; None is everywhere."""
        given = _services_of(self.why(permission), permission)
        if self.within is None:
            return given
        bound = _services_of(tuple(one for one in self.within if one.gives(permission, None)), permission)
        return bound if given is None else given if bound is None else given & bound

    def may_everywhere(self, permission: Permission) -> bool:
        """Whether nothing bounds a permission to some services."""
        return self.may(permission) and self.services(permission) is None

    def until(self, permission: Permission, service: str | None = None) -> datetime | None:
        """When it loses a permission that it has; None where nothing ends it.

        What it makes must not outlast that. For a token it is the end of its owner's roles or its own,
        whichever comes first.
        """
        bound = [one for one in self.within or () if one.gives(permission, service)]
        ends = (self.held_until(permission, service), _last_end(bound))
        return min((one for one in ends if one is not None), default=None)

    def held_until(self, permission: Permission, service: str | None = None) -> datetime | None:
        """The same, whatever bounds it: when the roles end that give a permission. None: for good."""
        return _last_end(self.why(permission, service))

    def steady_until(self, permission: Permission) -> datetime | None:
        """Until when its `services` stay what they are: the first end of a grant that gives a permission."""
        given = (one for one in (*self.grants, *(self.within or ())) if one.gives(permission, None))
        return min((one.ends_at for one in given if one.ends_at is not None), default=None)

    def at(self, now: datetime) -> Principal:
        """The same without the grants that are over."""
        within = None if self.within is None else _in_force(self.within, now)
        return replace(self, grants=_in_force(self.grants, now), within=within)

    @property
    def role(self) -> Role | None:
        """The highest role it holds anywhere, as people are told."""
        held = {grant.role for grant in self.grants}
        return max(held, key=list(Role).index, default=None)


def everywhere(role: Role | None) -> tuple[Grant, ...]:
    """One grant of a role on everything; none for None."""
    return () if role is None else (Grant(role),)


PORTAL = Principal("portal", everywhere(Role.ADMIN), "portal")
"""The portal's own loops: a guardrail that aborts, a duration that ends."""


def least_role(permission: Permission) -> Role:
    """The first role, from program up, that has a permission."""
    return next(role for role in Role if permission in PERMISSIONS[role])


def require(actor: Principal, permission: Permission, service: str | None = None) -> None:
    """Raises `NotPermitted` unless the actor has the permission, on the service where one is named."""
    if not actor.may(permission, service):
        raise NotPermitted(permission.value, needs(permission, service), actor.hint)


def where(services: frozenset[str] | None) -> str:
    """Services in words; None is everywhere."""
    return "everywhere" if services is None else ", ".join(sorted(services)) or "nowhere"


def in_words(grant: Grant) -> str:
    """`operator on shop`, `admin everywhere`: without its end and its source."""
    place = where(grant.services)
    return f"{grant.role.value} {place if grant.services is None else f'on {place}'}"


def covers(held: frozenset[str] | None, asked: frozenset[str] | None) -> bool:
    """Whether some services hold all that are asked for; None is everywhere."""
    return held is None or (asked is not None and asked <= held)


def _in_force(grants: Iterable[Grant], now: datetime) -> tuple[Grant, ...]:
    return tuple(one for one in grants if one.ends_at is None or now < one.ends_at)


def _last_end(grants: Iterable[Grant]) -> datetime | None:
    """When the last of some grants ends; None where one does not, and for no grant at all."""
    ends = [one.ends_at for one in grants]
    told = [one for one in ends if one is not None]
    return max(told) if told and len(told) == len(ends) else None


def _services_of(grants: Iterable[Grant], permission: Permission) -> frozenset[str] | None:
    named: set[str] = set()
    for grant in grants:
        if grant.services is None or REACH[permission] is Reach.FREE:
            return None
        named |= grant.services
    return frozenset(named)


def needs(permission: Permission, service: str | None = None) -> str:
    """The least that gives a permission, in words: `operator on shop`, `admin everywhere`."""
    role = least_role(permission).value
    match REACH[permission]:
        case Reach.SERVICE if service is not None:
            return f"{role} on {service}"
        case Reach.PORTAL:
            return f"{role} everywhere"
        case _:
            return role

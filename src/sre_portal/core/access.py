"""Who may do what: three roles, each a set of permissions. Deny by default."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sre_portal.core.errors import NotPermitted


class Permission(StrEnum):
    PORTAL_READ = "portal:read"
    RUN_START = "run:start"
    RUN_ABORT = "run:abort"
    HARM_STOP = "harm:stop"
    AUDIT_READ = "audit:read"
    TOKEN_ISSUE = "token:issue"  # noqa: S105  # the name of a permission


class Role(StrEnum):
    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


_READ = frozenset({Permission.PORTAL_READ})
_OPERATE = _READ | {Permission.RUN_START, Permission.RUN_ABORT, Permission.HARM_STOP}

PERMISSIONS: Mapping[Role, frozenset[Permission]] = {
    Role.VIEWER: _READ,
    Role.OPERATOR: _OPERATE,
    Role.ADMIN: _OPERATE | {Permission.AUDIT_READ, Permission.TOKEN_ISSUE},
}


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who acts: a person with a session, or a token. `role` of None may do nothing."""

    name: str
    role: Role | None

    def may(self, permission: Permission) -> bool:
        return self.role is not None and permission in PERMISSIONS[self.role]


PORTAL = Principal("portal", Role.ADMIN)
"""The portal's own loops: a guardrail that aborts, a duration that ends."""


def least_role(permission: Permission) -> Role:
    """The first role, from viewer up, that has a permission."""
    return next(role for role in Role if permission in PERMISSIONS[role])


def require(actor: Principal, permission: Permission) -> None:
    """Raises `NotPermitted` unless the actor has the permission."""
    if not actor.may(permission):
        raise NotPermitted(permission.value, least_role(permission).value)

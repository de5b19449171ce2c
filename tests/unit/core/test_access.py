"""Who may do what."""

import pytest

from sre_portal.core.access import (
    PERMISSIONS,
    PORTAL,
    Permission,
    Principal,
    Role,
    everywhere,
    least_role,
    require,
)
from sre_portal.core.errors import NotPermitted


def test_nobody_without_a_role_may_do_anything() -> None:
    nils = Principal("nils")
    assert not any(nils.may(permission) for permission in Permission)


def test_each_role_may_do_what_the_one_below_may() -> None:
    assert PERMISSIONS[Role.VIEWER] < PERMISSIONS[Role.OPERATOR] < PERMISSIONS[Role.ADMIN]
    assert PERMISSIONS[Role.ADMIN] == set(Permission)
    assert PORTAL.may(Permission.RUN_ABORT)


@pytest.mark.parametrize(
    ("permission", "role"),
    [
        (Permission.PORTAL_READ, Role.VIEWER),
        (Permission.RUN_START, Role.OPERATOR),
        (Permission.HARM_STOP, Role.OPERATOR),
        (Permission.TOKEN_ISSUE, Role.ADMIN),
    ],
)
def test_the_least_role_of_a_permission_is_known(permission: Permission, role: Role) -> None:
    assert least_role(permission) is role


def test_a_refusal_names_the_permission_and_who_has_it() -> None:
    vera = Principal("vera", everywhere(Role.VIEWER))
    with pytest.raises(NotPermitted, match="this needs the permission run:start, which operator has"):
        require(vera, Permission.RUN_START)
    require(Principal("omar", everywhere(Role.OPERATOR)), Permission.RUN_START)

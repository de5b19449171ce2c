"""Who may do what."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.access import (
    PERMISSIONS,
    PORTAL,
    REACH,
    Grant,
    Permission,
    Principal,
    Reach,
    Role,
    covers,
    everywhere,
    least_role,
    needs,
    require,
    where,
)
from sre_portal.core.errors import NotPermitted

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SHOP = frozenset({"shop"})
SERVICES = st.none() | st.frozensets(st.sampled_from(["shop", "payments", "cart"]), max_size=3)
GRANTS = st.lists(st.builds(Grant, st.sampled_from(Role), SERVICES), max_size=4).map(tuple)


def test_nobody_without_a_role_may_do_anything() -> None:
    nils = Principal("nils")
    assert not any(nils.may(permission) for permission in Permission)


def test_each_role_may_do_what_the_one_below_may() -> None:
    ladder = [PERMISSIONS[role] for role in Role]
    assert all(lower < higher for lower, higher in pairwise(ladder))
    assert list(Role) == [Role.PROGRAM, Role.VIEWER, Role.OPERATOR, Role.ADMIN]
    assert PERMISSIONS[Role.PROGRAM] == {Permission.FLAG_ASK}
    assert PERMISSIONS[Role.ADMIN] == set(Permission)
    assert PORTAL.may(Permission.RUN_ABORT)


@pytest.mark.parametrize(
    ("permission", "role"),
    [
        (Permission.FLAG_ASK, Role.PROGRAM),
        (Permission.FLAG_READ, Role.VIEWER),
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


def test_a_grant_on_a_service_starts_runs_there_and_nowhere_else() -> None:
    omar = Principal("omar", (Grant(Role.OPERATOR, SHOP),))
    assert omar.may(Permission.RUN_START, "shop")
    assert not omar.may(Permission.RUN_START, "payments")
    assert omar.may(Permission.RUN_START)
    assert not omar.may_everywhere(Permission.RUN_START)


def test_whoever_may_start_harm_anywhere_may_end_it_everywhere() -> None:
    omar = Principal("omar", (Grant(Role.OPERATOR, SHOP),))
    for permission in (Permission.HARM_STOP, Permission.RUN_ABORT):
        assert omar.may(permission, "payments")
        assert omar.may_everywhere(permission)


@pytest.mark.parametrize("permission", [one for one in Permission if REACH[one] is Reach.PORTAL])
def test_an_admin_of_one_service_has_no_say_in_what_concerns_everybody(permission: Permission) -> None:
    scoped = Principal("ada", (Grant(Role.ADMIN, SHOP),))
    assert not scoped.may(permission)
    assert not scoped.may(permission, "shop")
    assert Principal("ada", everywhere(Role.ADMIN)).may(permission)


def test_a_grant_on_no_service_gives_no_run() -> None:
    assert not Principal("nils", (Grant(Role.OPERATOR, frozenset()),)).may(Permission.RUN_START)


def test_a_grant_is_over_at_its_end() -> None:
    who = Principal("omar", (Grant(Role.OPERATOR, ends_at=NOW),))
    assert who.at(NOW - timedelta(seconds=1)).may(Permission.RUN_START)
    assert not who.at(NOW).may(Permission.RUN_START)


@pytest.mark.parametrize(
    ("ends", "until"),
    [
        ((NOW,), NOW),
        ((NOW, None), None),
        ((None,), None),
        ((NOW, NOW + timedelta(hours=1)), NOW + timedelta(hours=1)),
    ],
)
def test_it_is_known_when_somebody_loses_a_permission(
    ends: tuple[datetime | None, ...], until: datetime | None
) -> None:
    who = Principal("omar", tuple(Grant(Role.OPERATOR, ends_at=one) for one in ends))
    assert who.until(Permission.RUN_START) == until


@pytest.mark.parametrize(
    ("held", "own", "until"),
    [
        (None, NOW, NOW),
        (NOW, None, NOW),
        (NOW, NOW + timedelta(hours=1), NOW),
        (NOW + timedelta(hours=1), NOW, NOW),
        (None, None, None),
    ],
)
def test_a_token_loses_a_permission_at_the_earlier_end(
    held: datetime | None, own: datetime | None, until: datetime | None
) -> None:
    token = Principal("ci", (Grant(Role.ADMIN, ends_at=held),), within=(Grant(Role.ADMIN, ends_at=own),))
    assert token.until(Permission.TOKEN_ISSUE) == until
    assert token.held_until(Permission.TOKEN_ISSUE) == held


@pytest.mark.parametrize(
    ("ends", "own", "until"),
    [
        ((None, None), None, None),
        ((NOW, None), None, NOW),
        ((NOW + timedelta(hours=1), NOW), None, NOW),
        ((None, None), NOW, NOW),
    ],
)
def test_it_is_known_how_long_the_services_of_a_permission_stay_what_they_are(
    ends: tuple[datetime | None, ...], own: datetime | None, until: datetime | None
) -> None:
    held = tuple(
        Grant(Role.PROGRAM, frozenset({name}), end) for name, end in zip(("shop", "cart"), ends, strict=True)
    )
    token = Principal("ci", held, within=(Grant(Role.PROGRAM, ends_at=own),))
    assert token.steady_until(Permission.FLAG_ASK) == until
    assert token.steady_until(Permission.FLAG_READ) is None


def test_a_token_may_nothing_after_its_own_end() -> None:
    token = Principal("ci", everywhere(Role.ADMIN), within=(Grant(Role.ADMIN, ends_at=NOW),))
    assert token.at(NOW - timedelta(seconds=1)).may(Permission.PORTAL_READ)
    assert not token.at(NOW).may(Permission.PORTAL_READ)


def test_a_refusal_says_what_helps() -> None:
    with pytest.raises(NotPermitted, match=r"which admin everywhere has\. Log in again"):
        require(Principal("7.laptop", hint="Log in again"), Permission.AUDIT_READ)


@given(GRANTS, GRANTS)
def test_a_token_never_may_more_than_its_owner_nor_than_itself(
    held: tuple[Grant, ...], own: tuple[Grant, ...]
) -> None:
    token, owner = Principal("t", held, within=own), Principal("o", held)
    itself = Principal("i", own)
    for permission in Permission:
        for service in (None, "shop", "payments"):
            if token.may(permission, service):
                assert owner.may(permission, service)
                assert itself.may(permission, service)
        assert covers(owner.services(permission), token.services(permission))
        assert covers(itself.services(permission), token.services(permission))


@given(GRANTS)
def test_the_services_that_are_told_are_those_that_are_allowed(held: tuple[Grant, ...]) -> None:
    who = Principal("o", held)
    services = who.services(Permission.RUN_START)
    for service in ("shop", "payments", "cart"):
        assert who.may(Permission.RUN_START, service) == (services is None or service in services)


def test_a_refusal_names_the_service_and_how_far_a_grant_must_reach() -> None:
    scoped = Principal("omar", (Grant(Role.OPERATOR, SHOP),))
    with pytest.raises(NotPermitted, match="run:start, which operator on payments has"):
        require(scoped, Permission.RUN_START, "payments")
    with pytest.raises(NotPermitted, match="access:change, which admin everywhere has"):
        require(scoped, Permission.ACCESS_CHANGE)
    assert needs(Permission.PORTAL_READ, "shop") == "viewer"


def test_services_read_as_people_say_them() -> None:
    assert (where(None), where(frozenset()), where(frozenset({"b", "a"}))) == (
        "everywhere",
        "nowhere",
        "a, b",
    )

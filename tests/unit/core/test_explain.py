"""Why somebody may or may not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.access import Grant, Permission, Principal, Role, everywhere
from sre_portal.core.account import Account
from sre_portal.core.explain import (
    Subject,
    decide,
    decide_everywhere,
    exceeds,
    explain,
    held_by,
    usual_services,
    who_can,
)
from sre_portal.core.grant_rule import Rule

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SHOP = frozenset({"shop"})
RULES = (
    Rule(name="staff", provider="keycloak", role=Role.VIEWER),
    Rule(name="sre", group="sre", role=Role.OPERATOR, services=("shop",)),
    Rule(name="platform", group="platform", role=Role.ADMIN),
)
OMAR = Account(
    7,
    "person",
    "keycloak",
    "i",
    "42",
    "Omar",
    groups=("sre",),
    grants=(Grant(Role.ADMIN, ends_at=NOW - timedelta(hours=1), source="broken glass"),),
)
HELD = "viewer everywhere, operator on shop"
SERVICES = st.none() | st.frozensets(st.sampled_from(["shop", "payments"]), max_size=2)
GRANTS = st.lists(st.builds(Grant, st.sampled_from(Role), SERVICES), max_size=3).map(tuple)


def test_an_account_is_explained_rule_by_rule() -> None:
    told = explain(OMAR, RULES, "demo", NOW)
    assert [(one.rule.name, one.misses) for one in told.rules] == [
        ("staff", ()),
        ("sre", ()),
        ("platform", ("not in the group platform",)),
    ]
    assert [one.source for one in told.grants] == ["rule staff", "rule sre"]
    held = {one.permission: (one.where, one.by) for one in told.held}
    assert held[Permission.RUN_START] == ("shop", ("rule sre",))
    assert held[Permission.PORTAL_READ] == ("everywhere", ("rule staff", "rule sre"))
    assert Permission.ACCESS_READ not in held


def test_all_that_somebody_may_is_told_and_nothing_else() -> None:
    for role in Role:
        who = Principal("x", everywhere(role))
        assert [one.permission for one in held_by(who)] == [one for one in Permission if who.may(one)]


@pytest.mark.parametrize(
    ("permission", "service", "allowed", "reason"),
    [
        (Permission.RUN_START, "shop", True, "Omar may run:start on shop: rule sre"),
        (Permission.RUN_START, None, True, "Omar may run:start: rule sre"),
        (
            Permission.RUN_START,
            "payments",
            False,
            "Omar may not run:start on payments: it takes operator on payments, and this is " + HELD,
        ),
        (
            Permission.ACCESS_READ,
            None,
            False,
            "Omar may not access:read: it takes admin everywhere, and this is " + HELD,
        ),
    ],
)
def test_a_decision_says_by_which_grant_or_what_it_takes(
    permission: Permission, service: str | None, reason: str, *, allowed: bool
) -> None:
    found = decide(explain(OMAR, RULES, "demo", NOW).principal, permission, service)
    assert (found.allowed, found.reason) == (allowed, reason)


def test_somebody_without_a_role_is_told_so() -> None:
    assert decide(Principal("Nils"), Permission.PORTAL_READ).reason.endswith("and this is no role")


def test_a_token_that_is_not_for_it_says_so() -> None:
    token = Principal("ci", everywhere(Role.ADMIN), within=everywhere(Role.VIEWER))
    assert decide(token, Permission.RUN_START, "shop").reason == (
        "ci may run:start on shop, but this token is not for it"
    )


def test_everywhere_is_more_than_somewhere() -> None:
    scoped = Principal("Omar", (Grant(Role.OPERATOR, SHOP),))
    found = decide_everywhere(scoped, Permission.RUN_START)
    assert (found.allowed, found.reason) == (False, "Omar may run:start on shop, not everywhere")
    assert decide_everywhere(scoped, Permission.HARM_STOP).allowed
    assert not decide_everywhere(scoped, Permission.AUDIT_READ).allowed


def test_those_who_can_are_told_with_where_why_and_until_when() -> None:
    later = NOW + timedelta(hours=1)
    people = [
        Subject("person", "1", Principal("Ada", everywhere(Role.ADMIN))),
        Subject("person", "2", Principal("Omar", (Grant(Role.OPERATOR, SHOP, later, "given by Ada"),))),
        Subject("token", "ci", Principal("ci", everywhere(Role.VIEWER))),
    ]
    found = who_can(people, Permission.RUN_START, "shop")
    assert [(one.subject.id, one.where, one.by, one.until) for one in found] == [
        ("1", "everywhere", ("the role admin",), None),
        ("2", "shop", ("given by Ada",), later),
    ]
    assert [one.subject.id for one in who_can(people, Permission.RUN_START, "payments")] == ["1"]


@given(GRANTS, st.sampled_from(Permission), st.sampled_from([None, "shop", "payments"]))
def test_the_answer_about_one_is_the_answer_about_all(
    grants: tuple[Grant, ...], permission: Permission, service: str | None
) -> None:
    who = Principal("x", grants)
    assert decide(who, permission, service).allowed == who.may(permission, service)
    assert bool(who_can([Subject("person", "1", who)], permission, service)) == who.may(permission, service)


@pytest.mark.parametrize(
    ("held", "role", "services"),
    [
        ((Grant(Role.VIEWER, SHOP),), Role.PROGRAM, SHOP),
        ((Grant(Role.VIEWER, SHOP),), Role.VIEWER, SHOP),
        ((Grant(Role.VIEWER), Grant(Role.OPERATOR, SHOP)), Role.VIEWER, None),
        ((Grant(Role.VIEWER), Grant(Role.OPERATOR, SHOP)), Role.OPERATOR, SHOP),
        ((Grant(Role.ADMIN, SHOP),), Role.ADMIN, None),
        ((), Role.PROGRAM, None),
    ],
)
def test_an_own_token_of_which_nothing_is_said_holds_wherever_its_owner_may_as_much(
    held: tuple[Grant, ...], role: Role, services: frozenset[str] | None
) -> None:
    who = Principal("omar", held)
    assert usual_services(who, role) == services
    assert exceeds(who, role, services) is (not held or role is Role.ADMIN)


@given(GRANTS, st.sampled_from(Role), SERVICES)
def test_a_role_exceeds_whoever_would_get_something_new(
    grants: tuple[Grant, ...], role: Role, services: frozenset[str] | None
) -> None:
    who, wanted = Principal("x", grants), Principal("y", (Grant(role, services),))
    gains = any(
        wanted.may(permission, service) and not who.may(permission, service)
        for permission in Permission
        for service in (None, "shop", "payments", "a service to come")
    )
    assert exceeds(who, role, services) == gains

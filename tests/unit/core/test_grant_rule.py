"""Rules that turn what a provider says into grants."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.access import Grant, Permission, Role
from sre_portal.core.account import Account
from sre_portal.core.grant_rule import Rule, grants_of, principal_of

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OMAR = Account(
    7, "person", "keycloak", "https://login.example", "42", "Omar", "omar@example.com", ("sre", "staff")
)


def rule(**conditions: object) -> Rule:
    return Rule.model_validate({"name": "rule", "role": "operator", **conditions}, by_name=True)


def misses(one: Rule, account: Account = OMAR, environment: str = "production") -> list[str]:
    return list(one.misses(account, environment))


@pytest.mark.parametrize(
    "conditions",
    [
        {"provider": "keycloak"},
        {"group": "sre"},
        {"email": "Omar@Example.com"},
        {"email_domain": "EXAMPLE.com"},
        {"provider": "keycloak", "group": "staff", "email_domain": "example.com"},
        {"group": "sre", "environments": ["production", "staging"]},
    ],
)
def test_a_rule_whose_conditions_all_hold_fits(conditions: dict[str, object]) -> None:
    assert misses(rule(**conditions)) == []


@pytest.mark.parametrize(
    ("conditions", "why"),
    [
        ({}, ["it has no condition"]),
        ({"provider": "github"}, ["the provider is keycloak, not github"]),
        ({"group": "SRE"}, ["not in the group SRE"]),
        ({"email": "ada@example.com"}, ["the verified e-mail is omar@example.com, not ada@example.com"]),
        ({"email_domain": "ample.com"}, ["the verified e-mail is omar@example.com, not of ample.com"]),
        ({"group": "sre", "environments": ["staging"]}, ["this is production, not staging"]),
        (
            {"group": "ops", "provider": "github"},
            ["the provider is keycloak, not github", "not in the group ops"],
        ),
    ],
)
def test_a_rule_says_each_condition_that_fails(conditions: dict[str, object], why: list[str]) -> None:
    assert misses(rule(**conditions)) == why


def test_an_unverified_address_fits_no_rule_about_addresses() -> None:
    nobody = Account(8, "person", "keycloak", "https://login.example", "43", "Eve")
    assert misses(rule(email="eve@example.com"), nobody)
    assert misses(rule(email_domain="example.com"), nobody)


@given(st.emails())
def test_a_domain_is_what_stands_after_the_last_at(email: str) -> None:
    account = Account(8, "person", "k", "i", "s", "n", email)
    domain = email.rpartition("@")[2]
    assert misses(rule(email_domain=domain), account) == []
    assert misses(rule(email_domain=f"x{domain}"), account)


def test_rules_and_what_people_gave_add_up() -> None:
    given_here = Grant(Role.ADMIN, frozenset({"shop"}), source="given by Ada")
    account = Account(7, "person", "keycloak", "i", "42", "Omar", groups=("sre",), grants=(given_here,))
    sre = Rule(name="sre", group="sre", role=Role.OPERATOR)
    other = Rule(name="other", group="other", role=Role.ADMIN)
    assert grants_of(account, [sre, other], "demo") == (Grant(Role.OPERATOR, source="rule sre"), given_here)


def test_a_blocked_account_holds_nothing() -> None:
    account = Account(
        7, "person", "keycloak", "i", "42", "Omar", groups=("sre",), blocked=True, grants=(Grant(Role.ADMIN),)
    )
    assert grants_of(account, [Rule(name="sre", group="sre", role=Role.ADMIN)], "demo") == ()
    assert not any(principal_of(account, [], "demo").may(one) for one in Permission)


def test_who_acts_is_named_by_the_account_and_not_by_a_name_they_chose() -> None:
    who = principal_of(OMAR, [], "demo", session="s1")
    assert (who.id, who.name, who.session) == ("account:7", "Omar", "s1")


def test_grants_that_end_are_there_until_the_time_is_looked_at() -> None:
    soon = Grant(Role.VIEWER, ends_at=NOW + timedelta(hours=1))
    account = Account(7, "person", "k", "i", "42", "Omar", grants=(soon,))
    who = principal_of(account, [], "demo")
    assert who.at(NOW).may(Permission.PORTAL_READ)
    assert not who.at(NOW + timedelta(hours=2)).may(Permission.PORTAL_READ)

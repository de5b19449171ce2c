"""`sre-portal flags share`."""

from __future__ import annotations

import json

import pytest

from tests.cli.conftest import Invoke
from tests.cli.stub import Reply, StubPortal
from tests.cli.test_flags import FLAG
from tests.cli.test_flags_plans import PLAN

ROUTE = "POST /flags/shop/new-cart/share"
MADE = {
    **FLAG,
    "definition": {"state": "ENABLED"},
    "moves": {"statement": ["15 % of everybody move."]},
    "unknown_facts": ["$slo.pay.burn_1h"],
}


def test_a_share_is_given_at_once_and_it_is_told_who_moved(invoke: Invoke, portal: StubPortal) -> None:
    portal.on(ROUTE, Reply(200, MADE))
    result = invoke("flags", "share", "shop", "new-cart", "on=25%", "--reason", "a quiet night")
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            "15 % of everybody move.",
            "advice: flags.new-cart: $slo.pay.burn_1h is no fact of this portal: the rule gets its fallback.",
            "shop/new-cart is on, version 3.",
        ],
    )
    body = {"variant": "on", "percent": "25", "reason": "a quiet night", "version": None}
    assert portal.asked == [(ROUTE, body)]
    told = invoke("flags", "share", "shop", "new-cart", "on=25", "--reason", "x", "--version", "2", "--json")
    assert json.loads(told.stdout) == MADE
    assert portal.asked[-1] == (ROUTE, {"variant": "on", "percent": "25", "reason": "x", "version": 2})


def test_a_share_of_a_protected_flag_waits(invoke: Invoke, portal: StubPortal) -> None:
    portal.on(ROUTE, Reply(202, PLAN))
    result = invoke("flags", "share", "shop", "new-cart", "on=25", "--reason", "x")
    assert (result.exit_code, "Plan 12 waits for" in result.stdout) == (3, True)


@pytest.mark.parametrize("wanted", ["on", "=5", "on=nan", "on=101", "on=", "25"])
def test_a_share_that_is_none_asks_no_portal(invoke: Invoke, portal: StubPortal, wanted: str) -> None:
    result = invoke("flags", "share", "shop", "new-cart", wanted, "--reason", "x")
    assert (result.exit_code, "no share" in result.stderr, portal.asked) == (2, True, [])


def test_a_share_says_why(invoke: Invoke, portal: StubPortal) -> None:
    assert (invoke("flags", "share", "shop", "new-cart", "on=25").exit_code, portal.asked) == (2, [])

"""`sre-portal flags` and what waits: plans, decisions, and other environments."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Invoke
from tests.cli.stub import Reply, StubPortal
from tests.cli.test_flags import EXAMPLE, FLAG

PLAN = {
    "id": 12,
    "flag_set": "shop",
    "key": "new-cart",
    "text": "switch it off",
    "state": "waiting",
    "reason": "an incident",
    "proposed_by": "ana",
    "approver": "another person who is operator on shop",
    "not_before": None,
    "decided_by": "",
    "decision": "",
    "outcome": "",
}
DONE = {**PLAN, "state": "done", "outcome": "version 5", "approver": ""}
FAILED = {**PLAN, "id": 13, "state": "failed", "outcome": "expected version 1", "approver": ""}
HERE = {**FLAG, "version": 7}


def test_a_change_that_waits_says_so_and_exits_as_not_done(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("POST /flags/shop/new-cart/toggle", Reply(202, PLAN))
    portal.on("POST /flag-sets/shop/import", Reply(202, {**PLAN, "key": "", "text": "import a file"}))
    held = invoke("flags", "toggle", "new-cart", "off", "--set", "shop", "--reason", "x")
    assert (held.exit_code, held.stdout.splitlines()) == (
        3,
        [
            "shop/new-cart is protected, and is as it was.",
            (
                "Plan 12 waits for another person who is operator on shop: "
                "sre-portal flags approve 12 --reason TEXT"
            ),
        ],
    )
    file = invoke("flags", "import", str(EXAMPLE), "--set", "shop", "--reason", "x", "--json")
    assert (file.exit_code, json.loads(file.stdout)["id"]) == (3, 12)


def test_plans_are_listed(invoke: Invoke, portal: StubPortal) -> None:
    later = {**PLAN, "id": 14, "state": "scheduled", "not_before": "2026-12-01T08:00:00Z"}
    portal.on("GET /flag-plans?set=shop&state=waiting", Reply(200, [later, PLAN]))
    lines = invoke("flags", "plans", "--set", "shop", "--state", "waiting").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["PLAN", "14", "12"]
    assert all(word in lines[1] for word in ("shop/new-cart", "scheduled", "2026-12-01 08:00:00", "ana"))
    portal.on("GET /flag-plans", Reply(200, []))
    assert invoke("flags", "plans").stdout == "Nothing is planned.\n"


def test_one_plan_is_shown_with_what_it_would_do(invoke: Invoke, portal: StubPortal) -> None:
    before, after = {"state": "ENABLED"}, {"state": "DISABLED"}
    told = {**PLAN, "before": before, "after": after, "problem": "", "added": ["a"], "shared": True}
    portal.on("GET /flag-plans/12", Reply(200, told))
    lines = invoke("flags", "plans", "12").stdout.splitlines()
    assert lines[:4] == [
        "plan 12: shop/new-cart: switch it off",
        "proposed by ana: an incident",
        "waiting",
        "may be approved by another person who is operator on shop",
    ]
    assert {'-  "state": "ENABLED"', '+  "state": "DISABLED"', "+ a"} <= set(lines)


def test_several_plans_are_decided_at_once_and_one_that_failed_is_an_error(
    invoke: Invoke, portal: StubPortal
) -> None:
    portal.on("POST /flag-plans/12/approve", Reply(200, DONE))
    portal.on("POST /flag-plans/13/approve", Reply(200, FAILED))
    result = invoke("flags", "approve", "12", "13", "--reason", "looked at it")
    assert (result.exit_code, result.stdout.splitlines()) == (
        1,
        [
            "plan 12: shop/new-cart: switch it off: done, version 5",
            "plan 13: shop/new-cart: switch it off: failed, expected version 1",
        ],
    )
    assert portal.asked[0] == ("POST /flag-plans/12/approve", {"reason": "looked at it"})


@pytest.mark.parametrize("verb", ["refuse", "cancel"])
def test_a_plan_is_refused_or_cancelled(invoke: Invoke, portal: StubPortal, verb: str) -> None:
    portal.on(f"POST /flag-plans/12/{verb}", Reply(200, {**PLAN, "state": f"{verb}d", "outcome": "by bo"}))
    result = invoke("flags", verb, "12", "--reason", "no", "--json")
    assert (result.exit_code, json.loads(result.stdout)[0]["outcome"]) == (0, "by bo")
    assert invoke("flags", verb, "12").exit_code == 2


def test_own_plans_cannot_be_approved_and_the_portal_s_words_say_why(
    invoke: Invoke, portal: StubPortal
) -> None:
    portal.on("POST /flag-plans/12/approve", Reply.problem(403, "Nobody approves their own change"))
    result = invoke("flags", "approve", "12", "--reason", "mine")
    assert (result.exit_code, "Nobody approves their own" in result.stderr) == (2, True)


def test_a_rollout_is_planned_in_steps(invoke: Invoke, portal: StubPortal, tmp_path: Path) -> None:
    file = tmp_path / "flag.json"
    file.write_text('{"state": "ENABLED"}')
    portal.on("POST /flags/shop%40staging/new-cart/plans", Reply(202, [PLAN]))
    steps = (
        f"put {file} 3",
        "share on 1",
        "2026-12-01T08:00:00Z share on 10%",
        "2026-12-01T09:00:00+01:00 off",
        "+2h on",
        "2026-12-01 14:30 on",
        "on",
        "remove 9",
    )
    result = invoke(
        "flags",
        "plan",
        "shop@staging",
        "new-cart",
        "--reason",
        "x",
        *(p for s in steps for p in ("--step", s)),
    )
    assert (result.exit_code, result.stdout.splitlines()[1].split()[0]) == (0, "12")
    [(_, body)] = portal.asked
    assert body == {
        "reason": "x",
        "steps": [
            {"kind": "put", "definition": {"state": "ENABLED"}, "version": 3},
            {"kind": "share", "variant": "on", "percent": "1"},
            {"kind": "share", "variant": "on", "percent": "10", "not_before": "2026-12-01T08:00:00Z"},
            {"kind": "toggle", "enabled": False, "not_before": "2026-12-01T09:00:00+01:00"},
            {"kind": "toggle", "enabled": True, "not_before": "+2h"},
            {"kind": "toggle", "enabled": True, "not_before": "2026-12-01 14:30"},
            {"kind": "toggle", "enabled": True},
            {"kind": "remove", "version": 9},
        ],
    }


@pytest.mark.parametrize(
    ("step", "told"),
    [
        ("", "is no step"),
        ("blink", "is no step"),
        ("share on", "is no step"),
        ("share on many", "is no share"),
        ("share on nan", "is no share"),
        ("share on inf", "is no share"),
        ("share on 100.1", "is no share"),
        ("share on -1", "is no share"),
        ("remove", "is no step"),
        ("on 'open", "is no step"),
        ("put nowhere.json 3", "nowhere.json"),
    ],
)
def test_a_step_that_is_none_is_told(invoke: Invoke, portal: StubPortal, step: str, told: str) -> None:
    result = invoke("flags", "plan", "shop", "new-cart", "--reason", "x", "--step", step)
    assert (result.exit_code, told in result.stderr, portal.asked) == (2, True, [])


def compared(**more: object) -> dict[str, object]:
    return {"here": HERE, "there": None, "there_set": "shop@eu", "there_version": 0, "differs": [], **more}


def test_a_flag_is_copied_with_the_version_that_was_seen_there(invoke: Invoke, portal: StubPortal) -> None:
    there = {**FLAG, "flag_set": "shop@eu", "version": 4}
    portal.on(
        "GET /flags/shop/new-cart/compare?to=eu",
        Reply(200, compared(there=there, there_version=4, differs=["state", "targeting"])),
    )
    portal.on("POST /flags/shop/new-cart/copy", Reply(200, {**there, "version": 5}))
    dry = invoke("flags", "copy", "shop", "new-cart", "--to", "eu", "--dry-run")
    difference = ["~ shop@eu/new-cart: state", "~ shop@eu/new-cart: targeting"]
    assert (dry.exit_code, dry.stdout.splitlines(), len(portal.asked)) == (0, difference, 1)
    assert invoke("flags", "copy", "shop", "new-cart", "--to", "eu").exit_code == 2
    done = invoke("flags", "copy", "shop", "new-cart", "--to", "eu", "--reason", "it works")
    assert done.stdout.splitlines() == [*difference, "shop@eu/new-cart is off, version 5."]
    body = {"to_environment": "eu", "version": 4, "reason": "it works", "with_rules": False}
    assert portal.asked[-1] == ("POST /flags/shop/new-cart/copy", body)
    portal.on("POST /flags/shop/new-cart/copy", Reply(202, PLAN))
    held = invoke("flags", "copy", "shop", "new-cart", "--to", "eu", "--reason", "it works")
    assert (held.exit_code, "Plan 12 waits" in held.stdout) == (3, True)


def test_a_comparison_exits_as_a_diff_does(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("GET /flags/shop%40eu/new-cart/compare?to=", Reply(200, compared(there=HERE, there_set="shop")))
    same = invoke("flags", "compare", "shop@eu", "new-cart", "--to", "own")
    assert (same.exit_code, same.stdout) == (0, "shop/new-cart is the same.\n")
    portal.on("GET /flags/shop/new-cart/compare?to=eu", Reply(200, compared(differs=["all of it"])))
    other = invoke("flags", "compare", "shop", "new-cart", "--to", "eu")
    assert (other.exit_code, other.stdout) == (1, "+ shop@eu/new-cart: it is not there yet\n")


def test_the_environments_of_a_service_are_a_table(invoke: Invoke, portal: StubPortal) -> None:
    places = [{"version": 3, "enabled": True}, {"version": 0, "enabled": False}]
    flag = {"key": "new-cart", "differs": True, "places": places}
    told = {"service": "shop", "environments": ["", "eu"], "flags": [flag]}
    portal.on("GET /flag-environments/shop", Reply(200, told))
    assert invoke("flags", "environments", "shop").stdout.splitlines() == [
        "FLAG        own             eu",
        "new-cart *  on (version 3)  -",
    ]
    portal.on("GET /flag-environments/shop", Reply(200, {**told, "flags": []}))
    assert invoke("flags", "environments", "shop").stdout == "shop has no flags.\n"


@pytest.mark.parametrize(
    ("route", "arguments"),
    [
        ("GET /flag-plans", ("plans",)),
        ("GET /flag-plans/1", ("plans", "1")),
        ("GET /flag-environments/a", ("environments", "a")),
        ("GET /flags/a/b/compare?to=c", ("compare", "a", "b", "--to", "c")),
        ("POST /flag-plans/1/cancel", ("cancel", "1", "--reason", "x")),
    ],
)
def test_an_answer_of_something_else_is_told(
    invoke: Invoke, portal: StubPortal, route: str, arguments: tuple[str, ...]
) -> None:
    portal.on(route, Reply(200, {"hello": "world"}))
    assert invoke("flags", *arguments).exit_code == 5


def test_what_is_over_or_not_permitted_is_told_in_one_sentence(invoke: Invoke, portal: StubPortal) -> None:
    over = "plan 7 is cancelled already: cancelled by ana: my mistake"
    portal.on("POST /flag-plans/7/cancel", Reply.problem(409, over, title="Nothing to decide"))
    ended = invoke("flags", "cancel", "7", "--reason", "x")
    assert (ended.exit_code, ended.stderr) == (6, f"Nothing to decide: {over}.\n")
    portal.on("POST /flag-plans/8/approve", Reply.problem(403, "Nobody approves their own change."))
    denied = invoke("flags", "approve", "8", "--reason", "x")
    assert (denied.exit_code, denied.stderr) == (
        2,
        "Not permitted: Nobody approves their own change.\n",
    )


def test_a_list_says_when_each_is_made_why_and_what_came_of_it(invoke: Invoke, portal: StubPortal) -> None:
    at_once = {**PLAN, "id": 14, "state": "scheduled", "approver": ""}
    portal.on("GET /flag-plans", Reply(200, [at_once, PLAN, DONE]))
    head, first, second, third = invoke("flags", "plans").stdout.splitlines()
    assert head.split()[-2:] == ["WHY", "OUTCOME"]
    assert "at once" in first
    assert "when approved" in second
    assert third.endswith("version 5")
    assert "an incident" in third


def test_a_copy_says_which_shared_rules_it_needs_and_brings_them_where_that_is_asked(
    invoke: Invoke, portal: StubPortal
) -> None:
    portal.on("GET /flags/shop/new-cart/compare?to=eu", Reply(200, compared(missing_rules=["is-staff"])))
    dry = invoke("flags", "copy", "shop", "new-cart", "--to", "eu", "--dry-run")
    assert dry.stdout.splitlines() == [
        "+ shop@eu/$evaluators/is-staff: it needs this shared rule",
        "+ shop@eu/new-cart: it is not there yet",
    ]
    portal.on("POST /flags/shop/new-cart/copy", Reply(200, {**FLAG, "flag_set": "shop@eu"}))
    assert (
        invoke("flags", "copy", "shop", "new-cart", "--to", "eu", "--reason", "x", "--with-rules").exit_code
        == 0
    )
    [_, _, (_, body)] = portal.asked
    assert isinstance(body, dict)
    assert body["with_rules"] is True

"""`sre-portal flags`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sre_portal.core.flag.dump import dump_flags
from sre_portal.core.flag.parse import parse_definitions
from sre_portal.core.flag_lint import lint_flags
from tests.cli.conftest import Invoke
from tests.cli.stub import Reply, StubPortal

EXAMPLE = Path(__file__).parents[2] / "examples" / "flags" / "shop.flagd.json"
FLAG = {
    "flag_set": "shop",
    "key": "new-cart",
    "version": 3,
    "definition": {"state": "DISABLED", "variants": {"on": True}},
    "changed_at": "2026-11-25T12:00:00Z",
    "changed_by": "omar",
    "reason": "an incident",
    "unsound": "",
}
DIFFERENCE = {"added": ["a"], "changed": ["b"], "removed": ["c"], "shared": True, "version": 4}
LINES = "+ a\n~ b\n- c\n~ what all flags share: metadata or $evaluators\nshop: version 4\n"
SAME = {"added": [], "changed": [], "removed": [], "shared": False, "version": 4}


def test_a_flag_is_toggled_with_a_reason(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("POST /flags/shop/new-cart/toggle", Reply(200, FLAG))
    result = invoke("flags", "toggle", "new-cart", "off", "--set", "shop", "--reason", "an incident")
    assert (result.exit_code, result.stdout) == (0, "shop/new-cart is off, version 3.\n")
    assert portal.asked == [("POST /flags/shop/new-cart/toggle", {"enabled": False, "reason": "an incident"})]


@pytest.mark.parametrize("arguments", [("new-cart", "maybe", "--reason", "x"), ("new-cart", "on")])
def test_a_toggle_needs_a_state_and_a_reason(
    invoke: Invoke, portal: StubPortal, arguments: tuple[str, ...]
) -> None:
    assert invoke("flags", "toggle", *arguments).exit_code == 2
    assert portal.asked == []


def test_flags_are_listed_with_who_and_why(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("GET /flags?set=shop", Reply(200, [FLAG, {**FLAG, "key": "b", "unsound": "no rule"}]))
    lines = invoke("flags", "list", "--set", "shop").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["FLAG", "shop/new-cart", "shop/b"]
    assert all(word in lines[1] for word in ("off", "3", "2026-11-25 12:00", "omar", "an incident"))
    assert "not in force" in lines[2]
    portal.on("GET /flags", Reply(200, [{**FLAG, "drill": word} for word in ("drilled", "due", "never")]))
    lines = invoke("flags", "list").stdout.splitlines()
    assert ["a drill is due" in lines[2], "never drilled" in lines[3], "drill" in lines[1]] == [
        True,
        True,
        False,
    ]
    portal.on("GET /flags", Reply(200, []))
    assert invoke("flags", "list").stdout == "There are no flags.\n"


def test_a_file_is_imported_and_what_changed_is_told(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("POST /flag-sets/shop/import", Reply(200, DIFFERENCE))
    options = ("--set", "shop", "--reason", "from Git", "--epoch", "2", "--version", "3")
    result = invoke("flags", "import", str(EXAMPLE), *options)
    assert (result.exit_code, result.stdout) == (0, LINES)
    body = {"document": EXAMPLE.read_text(), "reason": "from Git", "epoch": 2, "version": 3}
    assert portal.asked == [("POST /flag-sets/shop/import", body)]


def test_an_import_says_why_or_only_looks(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("POST /flag-sets/shop/diff", Reply(200, DIFFERENCE))
    without = invoke("flags", "import", str(EXAMPLE), "--set", "shop")
    assert (without.exit_code, portal.asked) == (2, [])
    assert "--reason" in without.stderr
    dry = invoke("flags", "import", str(EXAMPLE), "--set", "shop", "--dry-run")
    assert (dry.exit_code, dry.stdout) == (0, LINES)


@pytest.mark.parametrize(("answer", "code"), [(DIFFERENCE, 1), (SAME, 0)])
def test_a_diff_fails_where_there_is_one(
    invoke: Invoke, portal: StubPortal, answer: object, code: int
) -> None:
    portal.on("POST /flag-sets/shop/diff", Reply(200, answer))
    result = invoke("flags", "diff", str(EXAMPLE), "--set", "shop")
    assert result.exit_code == code
    assert json.loads(invoke("flags", "diff", str(EXAMPLE), "--set", "shop", "--json").stdout) == answer
    if not code:
        assert result.stdout == "shop: version 4, no difference\n"


def test_an_export_is_the_file_that_was_imported(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("GET /flag-sets/shop/export", Reply(200, json.loads(EXAMPLE.read_text())))
    assert invoke("flags", "export", "--set", "shop").stdout == EXAMPLE.read_text()


def test_the_example_is_sound_and_written_as_an_export() -> None:
    definitions = parse_definitions(EXAMPLE.read_text())
    assert dump_flags(definitions) == EXAMPLE.read_text()
    assert lint_flags(definitions) == []


def test_a_file_is_linted_without_a_portal(invoke: Invoke, portal: StubPortal, tmp_path: Path) -> None:
    result = invoke("flags", "lint", str(EXAMPLE))
    assert (result.exit_code, result.stdout) == (0, f"{EXAMPLE}: no problem found\n")
    bad = tmp_path / "bad.json"
    bad.write_text(
        '{"flags": {"a": {"state": "ON"}, "b": {"state": "ENABLED", "variants": {"on": 1}, "more": 1}}}'
    )
    result = invoke("flags", "lint", str(bad))
    assert result.exit_code == 2
    assert f"{bad}: flags.a.state: 'ON'; expected ENABLED or DISABLED" in result.stdout
    bad.write_text('{"flags": {"b": {"state": "ENABLED", "variants": {"on": 1}, "more": 1}}}')
    advised = invoke("flags", "lint", str(bad), "--json")
    assert advised.exit_code == 0
    assert [one["path"] for one in json.loads(advised.stdout)["advice"]] == ["flags.b.more"]
    assert portal.asked == []


def test_lint_asks_the_portal_only_for_the_slos_that_rules_read(
    invoke: Invoke, portal: StubPortal, tmp_path: Path
) -> None:
    portal.on("GET /slos", Reply(200, [{"metadata": {"name": "shop"}, "spec": {}}]))
    rule = {"if": [{"<": [{"var": "$slo.shop.budget_remaining"}, {"var": "$slo.pay.burn_1h"}]}, "on", None]}
    file = tmp_path / "flags.json"
    file.write_text(
        json.dumps({"flags": {"f": {"state": "ENABLED", "variants": {"on": 1}, "targeting": rule}}})
    )
    line = "advice: flags.f: $slo.pay.burn_1h is no fact of this portal: the rule gets its fallback."
    result = invoke("flags", "lint", str(file))
    assert (result.exit_code, line in result.stdout.splitlines()) == (0, True)
    assert "$slo.shop" not in result.stdout
    assert [route for route, _ in portal.asked] == ["GET /slos"]
    assert line not in invoke("flags", "lint", str(file), "--offline").stdout
    assert line not in invoke("flags", "lint", str(file), SRE_PORTAL_URL="").stdout
    assert len(portal.asked) == 1
    portal.on("GET /slos", Reply(200, {"no": "slos"}))
    assert invoke("flags", "lint", str(file)).exit_code == 5


def test_a_difference_tells_of_facts_that_no_slo_has(invoke: Invoke, portal: StubPortal) -> None:
    unknown = {"a": ["$slo.pay.burn_1h"], "b": ["$slo.x.burn_1h", "$slo.y.burn_1h"]}
    portal.on("POST /flag-sets/shop/diff", Reply(200, {**SAME, "unknown_facts": unknown}))
    result = invoke("flags", "diff", str(EXAMPLE), "--set", "shop")
    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [
            "shop: version 4, no difference",
            "advice: flags.a: $slo.pay.burn_1h is no fact of this portal: the rule gets its fallback.",
            (
                "advice: flags.b: $slo.x.burn_1h, $slo.y.burn_1h are no facts of this portal: "
                "the rule gets its fallback."
            ),
        ],
    )


def test_every_problem_the_portal_finds_is_told(invoke: Invoke, portal: StubPortal) -> None:
    problem = {"path": "flags.a.state", "seen": "'ON'", "expected": "ENABLED or DISABLED"}
    portal.on("POST /flag-sets/shop/import", Reply.problem(422, "2 problems", problems=[problem, problem]))
    result = invoke("flags", "import", str(EXAMPLE), "--set", "shop", "--reason", "x")
    assert result.exit_code == 2
    assert result.stderr.count("flags.a.state: 'ON'; expected ENABLED or DISABLED") == 2


def test_who_was_first_is_told(invoke: Invoke, portal: StubPortal) -> None:
    detail = "expected version 3 of the set, found version 4 by ada: an incident"
    portal.on("POST /flag-sets/shop/import", Reply.problem(409, detail, title="Somebody else was first"))
    result = invoke("flags", "import", str(EXAMPLE), "--set", "shop", "--reason", "x", "--version", "3")
    assert (result.exit_code, result.stderr) == (6, f"Somebody else was first: {detail}.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("toggle", "new-cart", "on", "--set", "shop", "--reason", "x"),
        ("import", str(EXAMPLE), "--set", "shop", "--reason", "x"),
        ("list",),
    ],
)
def test_an_answer_that_is_none_is_told_as_one(
    invoke: Invoke, portal: StubPortal, arguments: tuple[str, ...]
) -> None:
    for route in ("POST /flags/shop/new-cart/toggle", "POST /flag-sets/shop/import", "GET /flags"):
        portal.on(route, Reply(200, {"what": 1}))
    result = invoke("flags", *arguments)
    assert result.exit_code == 5
    assert "something else than flags" in result.stderr


USE = {
    "flag_set": "shop",
    "key": "new-cart",
    "count": 7,
    "last_at": "2026-11-25T12:00:00Z",
    "variants": {},
    "stale": {"days": 30, "variant": "on", "words": "always variant on for 30 days"},
}


def test_stale_flags_are_listed_and_are_a_failure(invoke: Invoke, portal: StubPortal) -> None:
    never = {**USE, "key": "b", "last_at": None, "count": 0}
    portal.on("GET /flag-uses?stale=true", Reply(200, [USE, never]))
    result = invoke("flags", "stale")
    _, first, second = result.stdout.splitlines()
    assert result.exit_code == 1
    assert all(words in first for words in ("shop/new-cart", "always variant on", "2026-11-25 12:00", "7"))
    assert "never" in second
    portal.on("GET /flag-uses?set=shop&stale=true", Reply(200, []))
    none = invoke("flags", "stale", "--set", "shop")
    assert (none.exit_code, none.stdout) == (0, "No flag is stale.\n")


def test_turns_are_listed_with_what_turned_and_the_facts(invoke: Invoke, portal: StubPortal) -> None:
    turn = {
        "flag_set": "shop",
        "key": "new-cart",
        "at": "2026-11-25T12:00:01Z",
        "words": "$slo.checkout.burn_1h > 2 holds",
        "turned": [],
        "facts": {"checkout.burn_1h": 2.5, "checkout.budget_remaining": None},
    }
    portal.on("GET /flags/shop/new-cart/turns", Reply(200, [turn]))
    line = invoke("flags", "turns", "shop", "new-cart").stdout.splitlines()[1]
    assert all(words in line for words in ("12:00:01", "burn_1h > 2 holds", "burn_1h 2.5", "not known"))
    portal.on("GET /flag-sets/shop/turns", Reply(200, []))
    assert invoke("flags", "turns", "shop").stdout == "No error budget has turned a flag.\n"


SEEN = {
    "flag_set": "shop",
    "set_version": 7,
    "changed_at": "2026-11-23T12:00:00Z",
    "subscribers": 3,
    "seen": 2,
    "p50_ms": 21.4,
    "p99_ms": 61.0,
    "missing": ["shop/shop-3"],
}


def test_who_has_not_seen_the_last_change_is_named(invoke: Invoke, portal: StubPortal) -> None:
    portal.on("GET /flag-sets/shop/seen", Reply(200, SEEN))
    result = invoke("flags", "seen", "shop")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "shop: version 7 of 2026-11-23 12:00:00 UTC is in force at 2 of 3 subscribers.",
        "Of those that were there, half had it after 21 ms and 99 of 100 after 61 ms.",
        "shop/shop-3 does not have it.",
    ]
    assert json.loads(invoke("flags", "seen", "shop", "--json").stdout) == SEEN


def test_the_last_change_of_one_flag_may_be_seen_by_all_or_asked_for_by_none(
    invoke: Invoke, portal: StubPortal
) -> None:
    told = {**SEEN, "seen": 3, "missing": [], "p50_ms": None, "p99_ms": None}
    portal.on("GET /flags/shop/new-cart/seen", Reply(200, told))
    result = invoke("flags", "seen", "shop", "new-cart")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 1)
    portal.on("GET /flag-sets/shop/seen", Reply(200, {**told, "subscribers": 0, "seen": 0}))
    assert "has no subscribers" in invoke("flags", "seen", "shop").stdout


def test_lint_tells_of_a_safety_that_would_be_off_in_silence(invoke: Invoke, tmp_path: Path) -> None:
    file = tmp_path / "flags.json"
    flag = {"state": "ENABLED", "variants": {"on": True}, "metadata": {"killSwitch": "yes"}}
    file.write_text(json.dumps({"flags": {"f": flag}}))
    result = invoke("flags", "lint", str(file))
    assert result.exit_code == 2
    assert 'flags.f.metadata.killSwitch: "yes"; expected true or false, without quotes' in result.stdout


def test_a_state_that_is_none_is_told_in_plain_words(invoke: Invoke) -> None:
    told = invoke("flags", "toggle", "new-cart", "maybe", "--reason", "x").stderr
    assert "'maybe' is not one of 'on', 'off'" in told
    assert "Value error" not in told


def test_a_problem_of_a_whole_document_begins_with_what_was_seen(invoke: Invoke, portal: StubPortal) -> None:
    deep = {"path": "", "seen": "lists and objects in each other", "expected": "at most 99"}
    portal.on("POST /flag-sets/shop/import", Reply.problem(422, "1 problem", problems=[deep]))
    told = invoke("flags", "import", str(EXAMPLE), "--set", "shop", "--reason", "x").stderr
    assert told.splitlines()[1] == "  lists and objects in each other; expected at most 99"

"""`sre-portal flags moves`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sre_portal.cli.flags_moves import PART_KEYS
from tests.cli.conftest import Invoke
from tests.cli.stub import Reply, StubPortal, in_turn

ROUTE = "POST /flags/shop/new-cart/moves"
ANSWER: dict[str, object] = {
    "share_ratio": 0.25,
    "exact": True,
    "parts": [{"path": "flags.new-cart.targeting"}],
    "statement": ["Of everybody with a targeting key, 25 % move: 25 % from 'off' to 'on'."],
    "needed_by": ["pay"],
    "asked": None,
    "moved": [],
}
SAID = (
    "Of everybody with a targeting key, 25 % move: 25 % from 'off' to 'on'.\n"
    "Others need this flag, and their people are not counted: pay.\n"
)
SWITCH = {"state": "ENABLED", "variants": {"on": True}}


def moved(*keys: str, asked: int) -> Reply:
    people = [{"key": key, "before": None, "after": "on"} for key in keys]
    return Reply(200, {**ANSWER, "needed_by": [], "asked": asked, "moved": people})


@pytest.mark.parametrize(
    ("share", "variant", "percent"),
    [("on=25", "on", "25"), ("on=12.5%", "on", "12.5"), ("a=b=1", "a=b", "1"), ("on = 2.50", "on", "2.50")],
)
def test_a_share_is_asked_about(
    invoke: Invoke, portal: StubPortal, share: str, variant: str, percent: str
) -> None:
    portal.on(ROUTE, Reply(200, ANSWER))
    result = invoke("flags", "moves", "shop", "new-cart", "--share", share)
    assert (result.exit_code, result.stdout) == (0, SAID)
    assert portal.asked == [(ROUTE, {"share": {"variant": variant, "percent": percent}})]


def test_an_epoch_and_a_definition_are_asked_about(
    invoke: Invoke, portal: StubPortal, tmp_path: Path
) -> None:
    portal.on(ROUTE, Reply(200, ANSWER))
    file = tmp_path / "cart.json"
    file.write_text(json.dumps(SWITCH))
    assert invoke("flags", "moves", "shop", "new-cart", "--epoch", "2").exit_code == 0
    assert invoke("flags", "moves", "shop", "new-cart", "--definition", str(file)).exit_code == 0
    assert [body for _, body in portal.asked] == [{"epoch": 2}, {"definition": SWITCH}]


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--share", "on=1", "--epoch", "2"),
        ("--share", "on"),
        ("--share", "=5"),
        ("--share", "on=x"),
        ("--share", "on=nan"),
        ("--share", "on=101"),
        ("--epoch", "4"),
        ("--definition", "nowhere.json"),
        ("--epoch", "2", "--keys", "nowhere.txt"),
    ],
)
def test_what_makes_no_sense_asks_no_portal(
    invoke: Invoke, portal: StubPortal, arguments: tuple[str, ...]
) -> None:
    assert invoke("flags", "moves", "shop", "new-cart", *arguments).exit_code == 2
    assert portal.asked == []


@pytest.mark.parametrize("text", ["", "[]", "{", "3", "[" * 100_000])
def test_a_definition_is_an_object(invoke: Invoke, portal: StubPortal, tmp_path: Path, text: str) -> None:
    file = tmp_path / "cart.json"
    file.write_text(text)
    result = invoke("flags", "moves", "shop", "new-cart", "--definition", str(file))
    assert (result.exit_code, portal.asked) == (2, [])
    assert "is not the definition of a flag" in result.stderr


def test_keys_go_in_parts_and_come_back_as_one(invoke: Invoke, portal: StubPortal, tmp_path: Path) -> None:
    portal.on(ROUTE, in_turn(moved("a", asked=PART_KEYS), moved("c", asked=1)))
    keys = tmp_path / "keys.txt"
    keys.write_text("a\n" * PART_KEYS + "c\n")
    options = ("--epoch", "2", "--keys", str(keys), "--attribute", "user.id")
    result = invoke("flags", "moves", "shop", "new-cart", *options)
    assert [line.split() for line in result.stdout.splitlines()[1:]] == [
        ["2", "of", "the", str(PART_KEYS + 1), "given", "move."],
        ["KEY", "BEFORE", "AFTER"],
        ["a", "the", "default", "in", "the", "code", "on"],
        ["c", "the", "default", "in", "the", "code", "on"],
    ]
    assert [body for _, body in portal.asked] == [
        {"epoch": 2, "keys": ["a"] * PART_KEYS, "attribute": "user.id"},
        {"epoch": 2, "keys": ["c"], "attribute": "user.id"},
    ]


def test_an_empty_file_of_keys_is_nobody(invoke: Invoke, portal: StubPortal, tmp_path: Path) -> None:
    portal.on(ROUTE, moved(asked=0))
    keys = tmp_path / "keys.txt"
    keys.write_text("")
    result = invoke("flags", "moves", "shop", "new-cart", "--epoch", "2", "--keys", str(keys))
    assert result.stdout.splitlines()[-1] == "0 of the 0 given move."


def test_json_is_the_answer_as_it_came(invoke: Invoke, portal: StubPortal) -> None:
    portal.on(ROUTE, Reply(200, ANSWER))
    result = invoke("flags", "moves", "shop", "new-cart", "--epoch", "2", "--json")
    assert json.loads(result.stdout) == ANSWER


def test_another_answer_is_no_portal(invoke: Invoke, portal: StubPortal) -> None:
    portal.on(ROUTE, Reply(200, {"moved": 3}))
    assert invoke("flags", "moves", "shop", "new-cart", "--epoch", "2").exit_code not in {0, 2}


def test_a_diff_says_what_moves(invoke: Invoke, portal: StubPortal, tmp_path: Path) -> None:
    file = tmp_path / "shop.json"
    file.write_text("{}")
    answer = {
        "added": [],
        "changed": ["b"],
        "removed": [],
        "shared": False,
        "version": 4,
        "moves": {"b": ANSWER},
    }
    portal.on("POST /flag-sets/shop/diff", Reply(200, answer))
    told = invoke("flags", "diff", str(file), "--set", "shop").stdout.splitlines()
    assert told == ["~ b", f"  b: {SAID.splitlines()[0]}", "shop: version 4"]

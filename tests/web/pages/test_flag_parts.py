from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.flag.definition import Definitions
from sre_portal.core.flag.parse import parse_definitions
from sre_portal.web.pages.flag_diff import Diff
from sre_portal.web.pages.flag_drill import variant_off
from sre_portal.web.pages.flag_words import choices_of, flag_href, serving_of, value_text
from tests.web.pages.flags_told import BANNER, LAYOUTS, PRICES, SWITCH

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=12,
)


@given(JSON, JSON)
def test_a_difference_holds_all_that_went_and_all_that_came(before: object, after: object) -> None:
    old, new = json.dumps(before), json.dumps(after)
    diff = Diff.of(old, new)
    shown = {kind: [one.text for one in diff.lines if one.kind == kind] for kind in ("gone", "new", "same")}
    left = json.dumps(before, indent=2, ensure_ascii=False).splitlines()
    right = json.dumps(after, indent=2, ensure_ascii=False).splitlines()
    assert set(left) - set(right) <= set(shown["gone"])
    assert set(right) - set(left) <= set(shown["new"])
    assert (not diff.lines) == (left == right)
    assert diff.gone + len(shown["same"]) <= len(left)


def test_what_stays_is_counted_where_it_is_not_shown() -> None:
    before = {f"key-{number:03}": number for number in range(100)}
    lines = Diff.of(json.dumps(before), json.dumps({**before, "key-050": "other"})).lines
    assert [one.text for one in lines if one.kind == "left"] == ["48 lines as before", "47 lines as before"]
    assert [one.text.strip() for one in lines if one.kind in {"gone", "new"}] == [
        '"key-050": 50,',
        '"key-050": "other",',
    ]


def test_a_long_definition_is_told_as_a_whole() -> None:
    """Where every line is like every other one, each would be looked for again and again."""
    ones, twos = [1] * 400, [1, 2] * 200
    kinds = "".join(
        one.kind[0] for one in Diff.of(json.dumps([0, *ones, 3]), json.dumps([0, *twos, 3])).lines
    )
    assert kinds == "sss" + "g" * 399 + "n" * 399 + "ss"


def test_a_long_definition_that_changes_in_one_place_is_told_by_that_place() -> None:
    many = list(range(100_000))
    diff = Diff.of(json.dumps(many), json.dumps([*many[:50_000], 1, *many[50_000:]]))
    assert (diff.gone, diff.new) == (0, 1)
    assert next(one.text for one in diff.lines if one.kind == "same").strip() == "49997,"


def test_a_definition_that_is_no_json_is_shown_as_it_is() -> None:
    assert [one.text for one in Diff.of(None, "{no json").lines] == ["{no json"]


@pytest.mark.parametrize(
    ("fields", "words", "shares"),
    [
        (SWITCH, "everybody: on", ""),
        ({**SWITCH, "defaultVariant": None}, "everybody: the default in the code", ""),
        (PRICES, "everybody: the default in the code", ""),
        (BANNER, "split", "a 50 %, b 30 %, c 20 %"),
        (LAYOUTS, "by its rule: rich or plain", ""),
        (
            {**SWITCH, "targeting": {"fractional": [["on", 1], ["off", 2], ["on", 1]]}},
            "split",
            "on 50 %, off 50 %",
        ),
    ],
)
def test_it_is_said_whom_a_flag_serves_what(fields: dict[str, object], words: str, shares: str) -> None:
    kept = {name: value for name, value in fields.items() if value is not None}
    definitions = parse_definitions({"flags": {"one": kept}})
    serving = serving_of(definitions.flags["one"], definitions)
    assert serving.words == words
    assert serving.shares.replace("\N{NARROW NO-BREAK SPACE}", " ") == shares
    assert serving_of(None, Definitions()).words == "nothing is in force"


def test_the_default_is_the_last_choice() -> None:
    definitions = parse_definitions({"flags": {"one": BANNER}})
    assert [name for name, _ in choices_of(definitions.flags["one"])] == ["b", "c", "a"]
    assert choices_of(None) == ()


@pytest.mark.parametrize(
    ("variants", "metadata", "begins"),
    [
        ({"many": 12, "few": 4, "off": 0}, {}, "off"),
        ({"many": "12", "none": "", "few": "4"}, {}, "none"),
        ({"many": 12, "few": 4}, {}, ""),
        ({"many": 12, "off": 0, "out": 0}, {}, ""),
        ({"many": 12, "few": 4, "off": 0}, {"prerequisites": "a=on", "offVariant": "few"}, "few"),
        ({"many": 0, "few": 4}, {}, ""),
    ],
)
def test_a_drill_begins_with_the_variant_that_switches_off_or_with_none(
    variants: dict[str, object], metadata: dict[str, object], begins: str
) -> None:
    fields = {"state": "ENABLED", "variants": variants, "defaultVariant": "many", "metadata": metadata}
    others = {"a": SWITCH} if metadata else {}
    flag = parse_definitions({"flags": {"one": fields, **others}}).flags["one"]
    assert variant_off(flag, metadata) == begins


@given(st.text(min_size=1, max_size=20))
def test_a_key_is_one_part_of_an_address(key: str) -> None:
    href = flag_href("shop@staging", key, "edit")
    assert href.startswith("/flags/shop@staging/")
    assert href.count("/") == 4
    assert not set(href) & set("<>\"' ?#\\")


def test_a_long_value_is_cut() -> None:
    assert value_text("x" * 100, 10) == f'"{"x" * 9}...'

"""What differs between definitions, whose hash a flag keeps, and which names fit into addresses."""

from __future__ import annotations

import pytest

from sre_portal.core.flag.bucket import Epoch
from sre_portal.core.flag.parse import parse_definitions
from sre_portal.core.flag_change import (
    EMPTY_SHARED,
    Difference,
    difference,
    flag_text,
    keeping_pins,
    name_problems,
    shared_text,
)

SPLIT = {
    "state": "ENABLED",
    "variants": {"on": True, "off": False},
    "defaultVariant": "off",
    "targeting": {"fractional": [["on", 50], ["off", 50]]},
}


def one(value: object) -> dict[str, object]:
    return {"flags": {"a": {"state": "ENABLED", "variants": {"on": value}, "defaultVariant": "on"}}}


@pytest.mark.parametrize(("before", "after"), [(1, 1.0), (True, False), (1, 2), ({"x": 1}, {"x": True})])
def test_values_that_python_calls_equal_differ(before: object, after: object) -> None:
    told = difference(parse_definitions(one(before)), parse_definitions(one(after)))
    assert told == Difference(changed=("a",))
    assert told


def test_the_order_of_keys_is_no_difference() -> None:
    turned = {name: SPLIT[name] for name in reversed(SPLIT)}
    old, new = (parse_definitions({"flags": {"a": fields}}) for fields in (SPLIT, turned))
    assert not difference(old, new)
    assert flag_text(old.flags["a"]) == flag_text(new.flags["a"])


def test_what_is_shared_is_compared_and_told_apart() -> None:
    old = parse_definitions({"flags": {}, "metadata": {"owner": "shop"}})
    new = parse_definitions({"flags": {}, "metadata": {"owner": "pay"}})
    assert difference(old, new) == Difference(shared=True)
    assert shared_text(old) == '{"metadata": {"owner": "shop"}}'
    assert shared_text(parse_definitions({"flags": {}})) == EMPTY_SHARED == "{}"


def test_added_and_removed_flags_are_named_in_their_order() -> None:
    old = parse_definitions({"flags": {"b": SPLIT, "a": SPLIT}})
    new = parse_definitions({"flags": {"d": SPLIT, "c": SPLIT}})
    assert difference(old, new) == Difference(("c", "d"), (), ("a", "b"))


def test_a_new_flag_gets_the_epoch_and_one_that_was_there_keeps_its_own() -> None:
    pinned = {**SPLIT, "metadata": {"bucketingEpoch": 2}}
    before = parse_definitions({"flags": {"old": pinned}})
    plain = {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on"}
    asked = parse_definitions({"flags": {"old": SPLIT, "new": SPLIT, "plain": plain}})
    told = keeping_pins(asked, before, Epoch(3)).flags
    assert (told["old"].pinned(), told["new"].pinned(), told["plain"].pinned()) == (2, 3, None)


def test_an_epoch_that_is_written_down_is_left_as_it_is() -> None:
    before = parse_definitions({"flags": {"a": {**SPLIT, "metadata": {"bucketingEpoch": 2}}}})
    asked = parse_definitions({"flags": {"a": {**SPLIT, "metadata": {"bucketingEpoch": 1}}}})
    assert keeping_pins(asked, before, Epoch(3)).flags["a"].pinned() == 1


@pytest.mark.parametrize("name", ["shop", "a", "shop-1.eu", "0"])
@pytest.mark.parametrize("key", ["new-cart", "NewCart", "a.b:c", "färbung", "x" * 200])
def test_names_that_fit_into_addresses(name: str, key: str) -> None:
    assert name_problems(name, [key]) == []


@pytest.mark.parametrize("name", ["", "Shop", "-a", "a-", "a/b", "x" * 64, "ä", "a\n"])
def test_a_name_of_a_set_that_does_not_fit(name: str) -> None:
    assert [one.path for one in name_problems(name)] == ["flag_set"]


@pytest.mark.parametrize("key", ["a/b", "a?b", "a#b", "a b", "a%2Fb", "", "x" * 201, "a\n", "a\x00"])
def test_a_key_that_does_not_fit(key: str) -> None:
    assert [one.path for one in name_problems("shop", ["fine", key])] == [f"flags.{key[:80]}"]

"""What differs between definitions, whose hash a flag keeps, and which names fit into addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from sre_portal.core.flag.bucket import Epoch
from sre_portal.core.flag.parse import parse_definitions
from sre_portal.core.flag_change import SHARED, Difference, FlagRow, difference, edits_to, keeping_pins
from sre_portal.core.flag_name import name_problems

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)

SPLIT = {
    "state": "ENABLED",
    "variants": {"on": True, "off": False},
    "defaultVariant": "off",
    "targeting": {"fractional": [["on", 50], ["off", 50]]},
}


def one(value: object) -> dict[str, object]:
    return {"flags": {"a": {"state": "ENABLED", "variants": {"on": value}, "defaultVariant": "on"}}}


def kept(document: Mapping[str, object]) -> dict[str, FlagRow]:
    """The rows of a set that has been made from nothing."""
    edits = edits_to({}, parse_definitions(document))
    return {
        one.key: FlagRow("shop", one.key, one.version, 1, one.definition, NOW, "ada", "test") for one in edits
    }


def told(rows: Mapping[str, FlagRow], document: Mapping[str, object]) -> Difference:
    return difference(rows, edits_to(rows, parse_definitions(document)))


@pytest.mark.parametrize(("before", "after"), [(1, 1.0), (1.0, 1), (1, 2), ({"x": 1}, {"x": True})])
def test_values_that_python_calls_equal_differ(before: object, after: object) -> None:
    rows = kept(one(before))
    assert told(rows, one(after)) == Difference(changed=("a",))
    assert told(rows, one(before)) == Difference()


def test_the_order_of_keys_is_no_difference() -> None:
    turned = {name: SPLIT[name] for name in reversed(SPLIT)}
    assert not told(kept({"flags": {"a": SPLIT}}), {"flags": {"a": turned}})


def test_what_is_shared_is_compared_and_told_apart() -> None:
    rows = kept({"flags": {}, "metadata": {"owner": "shop"}})
    assert rows[SHARED].definition == '{"metadata": {"owner": "shop"}}'
    assert told(rows, {"flags": {}, "metadata": {"owner": "pay"}}) == Difference(shared=True)
    assert told(rows, {"flags": {}}) == Difference(shared=True)
    assert kept({"flags": {}}) == {}


def test_added_and_removed_flags_are_named_in_their_order() -> None:
    rows = kept({"flags": {"b": SPLIT, "a": SPLIT}})
    assert told(rows, {"flags": {"d": SPLIT, "c": SPLIT}}) == Difference(("c", "d"), (), ("a", "b"))


def test_versions_go_on_after_a_removal() -> None:
    rows = kept({"flags": {"a": SPLIT}})
    [removal] = edits_to(rows, parse_definitions({"flags": {}}))
    assert (removal.version, removal.definition) == (2, None)
    rows["a"] = replace(rows["a"], version=2, definition=None)
    assert edits_to(rows, parse_definitions({"flags": {}})) == []
    [again] = edits_to(rows, parse_definitions({"flags": {"a": SPLIT}}))
    assert again.version == 3
    assert told(rows, {"flags": {"a": SPLIT}}) == Difference(added=("a",))


def test_a_new_flag_gets_the_epoch_and_one_that_was_there_keeps_its_own() -> None:
    pinned = {**SPLIT, "metadata": {"bucketingEpoch": 2}}
    before = parse_definitions({"flags": {"old": pinned}})
    plain = {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on"}
    asked = parse_definitions({"flags": {"old": SPLIT, "new": SPLIT, "plain": plain}})
    flags = keeping_pins(asked, before, Epoch(3)).flags
    assert (flags["old"].pinned(), flags["new"].pinned(), flags["plain"].pinned()) == (2, 3, None)


def test_an_epoch_that_is_written_down_is_left_as_it_is() -> None:
    before = parse_definitions({"flags": {"a": {**SPLIT, "metadata": {"bucketingEpoch": 2}}}})
    asked = parse_definitions({"flags": {"a": {**SPLIT, "metadata": {"bucketingEpoch": 1}}}})
    assert keeping_pins(asked, before, Epoch(3)).flags["a"].pinned() == 1


@pytest.mark.parametrize("name", ["shop", "a", "shop-1.eu", "0"])
@pytest.mark.parametrize("key", ["new-cart", "NewCart", "a.b:c", "färbung", "x" * 200, "...", ".a", "a."])
def test_names_that_fit_into_addresses(name: str, key: str) -> None:
    assert name_problems(name, [key]) == []


@pytest.mark.parametrize("name", ["", "Shop", "-a", "a-", "a/b", "x" * 64, "ä", "a\n"])
def test_a_name_of_a_set_that_does_not_fit(name: str) -> None:
    assert [one.path for one in name_problems(name)] == ["flag_set"]


@pytest.mark.parametrize(
    "key", ["a/b", "a?b", "a#b", "a b", "a%2Fb", "", "x" * 201, "a\n", "a\x00", ".", ".."]
)
def test_a_key_that_does_not_fit(key: str) -> None:
    assert [one.path for one in name_problems("shop", ["fine", key])] == [f"flags.{key[:80]}"]


@pytest.mark.parametrize("unseen", ["\u202e", "\u200b", "\ufeff", "\x85", "\x9b", "\x7f", "\ue000", "\ud800"])
def test_a_key_with_a_character_that_nobody_sees_does_not_fit(unseen: str) -> None:
    assert len(name_problems("shop", [f"pay{unseen}ments", unseen])) == 2

"""What is said of definitions with many faults, and what finding them takes."""

from __future__ import annotations

import json
from collections.abc import ItemsView

import pytest

from sre_portal.core.errors import InvalidInput
from sre_portal.core.flag.flag_set import parse_flags
from sre_portal.core.flag.parse import parse_one
from sre_portal.core.flag.reading import Doubled, from_pairs
from sre_portal.core.flag.taking import take_changes, take_whole
from tests.unit.core.flag.samples import flag, flags


def test_a_key_said_twice_among_many_is_found_in_one_pass() -> None:
    """Each key is compared with a few others, not with all of them."""

    class Key(str):
        compared = 0
        __slots__ = ()

        def __eq__(self, other: object) -> bool:
            Key.compared += 1
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    made = from_pairs([(Key(f"k{n}"), n) for n in range(2000)] + [(Key("k0"), 0)])
    assert isinstance(made, Doubled)
    assert made.keys_said_twice == ("k0",)
    assert Key.compared < 20_000


def test_many_problems_are_told_as_some_and_how_many_more() -> None:
    with pytest.raises(InvalidInput) as refused:
        flags({"or": [{f"variab{n}": 1} for n in range(9000)]})
    problems = refused.value.problems
    assert len(problems) == 101
    assert problems[-1].seen == "8900 more problems"
    assert sum("comes close" in one.expected for one in problems) <= 10
    assert len(str(refused.value)) < 20_000


def test_what_a_problem_tells_is_short() -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_flags(json.dumps({"flags": {"f": flag({"x" * 100_000: 1}), "k" * 100_000: flag()}}))
    assert len(str(refused.value)) < 5000
    assert "at most 1000" in str(refused.value)


def test_a_rule_named_by_many_flags_counts_for_each() -> None:
    """Each flag has it compiled for itself."""
    wide = {"and": [{"==": [{"var": "x"}, "a" * 1000]}] * 200}
    named = {"flags": {f"f{n}": flag({"if": [{"$ref": "wide"}, "b"]}) for n in range(400)}}
    with pytest.raises(InvalidInput, match="together"):
        parse_flags({**named, "$evaluators": {"wide": wide}})


def test_a_set_has_so_many_flags_and_no_more() -> None:
    many = {f"f{n}": flag() for n in range(20_000)}
    full = parse_flags({"flags": many})
    for parse in (
        lambda: parse_flags({"flags": {**many, "new": flag()}}),
        lambda: parse_one("new", flag(), others=full.definitions.flags),
    ):
        with pytest.raises(InvalidInput, match="20001 flags"):
            parse()
    assert list(parse_one("f7", flag(), others=full.definitions.flags).flags) == ["f7"]


def test_of_a_flag_that_cannot_be_taken_in_the_first_problems_are_told() -> None:
    hostile = flag({"or": [{f"variab{n}": 1} for n in range(900)]})
    taken = take_whole(flags(), {}, {"f": flag(), "g": hostile})
    assert list(taken.flags) == ["f"]
    assert "897 more problems" in taken.unsound["g"]
    assert len(taken.unsound["g"]) < 1000
    changed = take_changes(taken, {}, {"f": None, "g": hostile, "h": flag()})
    assert (list(changed.flags), list(changed.unsound)) == (["h"], ["g"])


def test_what_flags_share_is_read_once_however_many_of_them_change() -> None:
    class Shared(dict[str, object]):
        read = 0

        def items(self) -> ItemsView[str, object]:  # type: ignore[override]  # a view is what dict_items is
            Shared.read += 1
            return super().items()

    shared = {"$evaluators": Shared({"e": {"==": [1, 1]}})}
    taken = take_whole(flags(), shared, {f"f{n}": flag({"bad": n}) for n in range(50)})
    assert len(taken.unsound) == 50
    take_changes(taken, shared, {f"f{n}": flag({"if": [{"$ref": "e"}, "b"]}) for n in range(50)})
    assert Shared.read < 20


def test_shared_rules_that_are_no_good_leave_all_as_it_was_and_say_so() -> None:
    before = take_whole(flags(), {}, {"f": flag(), "g": flag()})
    changed = take_changes(
        before, {"$evaluators": {"e": {"bad": 1}}}, {"f": flag({"if": [1, "b"]}), "g": None}
    )
    assert changed.unsound.keys() == {"f"}
    assert "'bad'" in changed.unsound["f"]
    assert changed.flags.evaluate("f", {}).variant == "a"
    assert "g" not in changed.flags

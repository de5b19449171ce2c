"""Whatever is asked, an evaluation takes no more than its effort, and so do all flags of a set."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.errors import InvalidInput
from sre_portal.core.flag.bucket import hash_value
from sre_portal.core.flag.compile import Compiler
from sre_portal.core.flag.effort import (
    FREE_EFFORT,
    HASHED,
    MAX_EFFORT,
    SHARED_EFFORT,
    WRITTEN,
    Portions,
    TooMuch,
    full,
    parts_of,
    spend,
)
from sre_portal.core.flag.flag_set import parse_flags
from sre_portal.core.flag.lookup import NO_FACTS
from sre_portal.core.flag.resolution import ErrorCode, Resolution
from tests.unit.core.flag.samples import flag, flags

LONG = [1] * 32_000
"""As much as a context of 64 KiB has."""
VALUES = {"list": LONG, "nested": [[1]] * 10_000, "digits": "1" * 60_000, "few": [1.5] * 100, "deep": [[[1]]]}


def spent(rule: object, context: Mapping[str, object]) -> int:
    """The effort that an evaluation takes."""
    effort = full()
    Compiler("f").whole(rule)(context, (0, NO_FACTS, effort))
    return MAX_EFFORT - effort[0]


def is_too_much(found: Resolution) -> bool:
    return found.error_code is ErrorCode.GENERAL and "took too much effort" in found.error_details


def all_of(rule: object, many: int, context: Mapping[str, object]) -> list[Resolution]:
    asked = parse_flags({"flags": {f"f{index}": flag(rule) for index in range(many)}})
    return list(asked.evaluate_all(context).values())


def test_what_most_rules_do_is_free() -> None:
    context = {"country": "DE", "age": 42, "targetingKey": "user-1", "version": "1.2.3", "beta": True}
    for condition in (
        {"==": [{"var": "country"}, "DE"]},
        {"in": [{"var": "country"}, ["DE", "FR"]]},
        {"and": [{">=": [{"var": "age"}, 18]}, {"!": {"var": "beta"}}]},
        {"==": [{"+": [{"var": "age"}, "1"]}, 43]},
        {"sem_ver": [{"var": "version"}, ">=", "1.0.0"]},
        {"starts_with": [{"var": "targetingKey"}, "user"]},
    ):
        assert spent({"if": [condition, "a", "b"]}, context) == 0
    assert spent({"fractional": [["a", 1], ["b", 1]]}, context) == 0
    assert spent({"fractional": [{"var": "country"}, ["a", 1], ["b", 1]]}, context) == 0


@pytest.mark.parametrize(
    "condition",
    [
        {"==": [{"var": "x"}, "gold"]}, {"==": ["gold", {"var": "x"}]}, {"!=": [{"var": "x"}, "gold"]},
        {"==": [{"var": "x"}, 7]}, {"<": [{"var": "x"}, "7"]}, {">=": [{"var": "x"}, 7]},
        {"+": [{"var": "x"}, 1]}, {"-": [{"var": "x"}]}, {"*": [{"var": "x"}, 1]}, {"/": [1, {"var": "x"}]},
        {"%": [{"var": "x"}, 2]}, {"min": [{"var": "x"}, 1]}, {"max": [1, {"var": "x"}]},
        {"cat": [{"var": "x"}, "y"]}, {"substr": [{"var": "x"}, 0, 1]}, {"in": [{"var": "x"}, "text"]},
        {"missing_some": [{"var": "x"}, ["a"]]}, {"var": {"var": "x"}},
    ],
)  # fmt: skip
def test_a_list_that_becomes_a_text_or_a_number_is_paid_for_before(condition: dict[str, object]) -> None:
    rule = {"if": [condition, "b", "c"]}
    few = spent(rule, {"x": [1] * 50}) - spent(rule, {"x": [1] * 10})
    assert few == 40 * WRITTEN
    assert is_too_much(flags(rule).evaluate("f", {"x": LONG}))
    assert is_too_much(flags(rule).evaluate("f", {"x": [[[1]]] * 5000}))


def test_a_list_as_the_name_of_a_variant_is_paid_for() -> None:
    assert is_too_much(flags({"var": "x"}).evaluate("f", {"x": LONG}))


@pytest.mark.parametrize(
    ("condition", "context"),
    [
        ({"in": [1, {"var": "x"}]}, {"x": [0] * 60_000}),
        ({"in": ["a" * 50_000, {"var": "x"}]}, {"x": ["b"] * 20_000}),
        ({"missing": {"var": "x"}}, {"x": ["a"] * 20_000}),
        ({"map": [{"var": "x"}, 1]}, {"x": [0] * 120_000}),
        ({"reduce": [{"var": "x"}, {"merge": [{"var": "accumulator"}, {"var": "accumulator"}]}, [1]]},
         {"x": [0] * 40}),
        ({"some": [{"var": "x"}, {"==": [{"var": ""}, "no"]}]}, {"x": [[1] * 100] * 200}),
        ({"some": [[LONG[:20_000]], {"or": [{"==": [{"var": ""}, f"x{n}"]} for n in range(3000)]}]}, {}),
        ({"some": [{"var": "x"}, {"==": [{"var": "a" + ".0" * 500}, "no"]}]}, {"x": [0] * 500}),
        ({"or": [{"in": [{"var": "x"}, {"var": "y"}]}] * 100}, {"x": "a" * 90, "y": "b" * 29_000}),
        ({"or": [{">": [{"var": "x"}, 1]}] * 200}, {"x": "1" * 60_000 + "x"}),
        ({"or": [{"==": [{"var": ""}, "no"]}] * 100}, {f"k{n}": n for n in range(6000)}),
    ],
)  # fmt: skip
def test_work_that_grows_with_what_is_given_ends(condition: object, context: dict[str, object]) -> None:
    assert flags({"if": [condition, "b", "c"]}).evaluate("f", context).error_code is ErrorCode.GENERAL


def test_what_people_are_told_apart_by_is_paid_for() -> None:
    rule = {"fractional": [{"var": "company"}, ["b", 1], ["c", 1]]}
    assert spent(rule, {"company": {"id": 7, "tags": ["a", "b"]}}) == 4 * HASHED
    assert is_too_much(flags(rule).evaluate("f", {"company": {f"k{n}": n for n in range(120_000)}}))
    assert is_too_much(flags(rule).evaluate("f", {"company": {"a": [{"b": LONG}]}}))
    assert spent(rule, {"company": "x" * 60_000}) > 0
    assert spent({"fractional": [["b", 1], ["c", 1]]}, {"targetingKey": "x" * 60_000}) > 0
    with pytest.raises(TooMuch):
        hash_value(LONG, [HASHED * len(LONG) - 1])


def test_what_is_too_much_is_not_begun() -> None:
    effort = [100]
    with pytest.raises(TooMuch):
        spend(effort, 101)
    assert effort == [100]
    spend(effort, 100)
    assert effort == [0]


def test_effort_counts_what_is_inside_the_loop_and_the_evaluators_it_names() -> None:
    many = {"if": [{"map": [{"var": "x"}, {"$ref": "wide"}]}, "b"]}
    wide = flags(many, evaluators={"wide": {"and": [{"==": [1, 1]}] * 500}})
    assert wide.evaluate("f", {"x": [0] * 10}).variant == "b"
    assert is_too_much(wide.evaluate("f", {"x": [0] * 1000}))


def test_effort_is_counted_anew_for_each_evaluation() -> None:
    once = flags({"if": [{"map": [{"var": "x"}, 1]}, "b"]})
    for _ in range(3):
        assert once.evaluate("f", {"x": [0] * 60_000}).variant == "b"


def test_a_large_rule_is_paid_for_by_its_size() -> None:
    small = {"or": [{"==": [{"var": "x"}, "a"]}] * 10}
    large = {"or": [{"==": [{"var": "x"}, "a"]}] * 1000}
    assert spent(small, {"x": "a"}) == 0
    assert spent(large, {"x": "a"}) == parts_of(large, {}) > FREE_EFFORT
    emails = {"in": [{"var": "x"}, [f"{n}@example.org" for n in range(500)]]}
    assert parts_of(emails, {}) <= FREE_EFFORT, "what is looked up at once is cheap"


def test_a_rule_that_could_never_be_evaluated_is_refused() -> None:
    rule = {"or": [{"sem_ver": [{"var": "v"}, "=", "1"]}] * 6000}
    with pytest.raises(InvalidInput, match="takes an effort of"):
        flags({"if": [rule, "b"]})


def test_a_flag_and_those_it_needs_share_one_effort() -> None:
    half = {"if": [{"map": [{"var": "x"}, 1]}, "b"]}
    needs = {f"n{n}": flag(half) for n in range(3)}
    asked = {"f": flag(half, metadata={"prerequisites": "n0=b,n1=b,n2=b"})}
    both = parse_flags({"flags": {**needs, **asked}})
    assert both.evaluate("n0", {"x": [0] * 60_000}).variant == "b"
    assert both.evaluate("f", {"x": [0] * 20_000}).variant == "b"
    assert both.evaluate("f", {"x": [0] * 60_000}).metadata["unmetPrerequisite"] == "n1=b"


def test_ten_thousand_ordinary_flags_are_all_answered() -> None:
    rule = {
        "if": [
            {"in": [{"var": "country"}, ["FR"]]}, "c",
            {"some": [{"var": "roles"}, {"==": [{"var": ""}, "x"]}]},
            "b",
            {"fractional": [["b", 10], ["c", 90]]},
        ]
    }  # fmt: skip
    context = {"country": "DE", "roles": ["a", "b", "c"], "targetingKey": "user-1"}
    assert not any(one.error_code for one in all_of(rule, 10_000, context))


def test_all_flags_share_an_effort_and_those_beyond_it_say_so() -> None:
    found = all_of({"if": [{"==": [{"var": "x"}, "gold"]}, "b", "c"]}, 2000, {"x": [1] * 6000})
    assert [one.variant for one in found[:10]] == ["c"] * 10
    assert all(is_too_much(one) for one in found[11:])


def test_whoever_is_refused_takes_nothing_from_the_others() -> None:
    heavy = {f"h{n}": flag({"if": [{"==": [{"var": "x"}, "gold"]}, "b"]}) for n in range(100)}
    loop = {"if": [{"some": [{"var": "roles"}, {"==": [{"var": ""}, "admin"]}]}, "b", "c"]}
    asked = parse_flags({"flags": {**heavy, "light": flag(loop)}})
    found = asked.evaluate_all({"x": LONG, "roles": ["admin"] * 1000})
    assert found["light"].variant == "b"
    assert is_too_much(found["h0"])


def test_what_is_shared_is_used_up_and_the_free_part_never() -> None:
    portions = Portions()
    taken = 0
    for _ in range(100):
        spend(portions.effort, portions.effort[0])
        taken += portions.most
        portions.next()
    assert taken == SHARED_EFFORT + 100 * FREE_EFFORT
    assert portions.effort == [FREE_EFFORT]


OBJECTS = st.sampled_from([{"var": ""}, {"var": "deep.0"}, {"var": "digits"}, {"merge": [{"var": "few"}]}])
CONDITIONS = st.recursive(
    st.sampled_from([*({"var": name} for name in VALUES), {"var": ""}, 1, "x", "1.5", [1, 2]]),
    lambda inner: st.one_of(
        st.builds(
            lambda operator, left, right: {operator: [left, right]},
            st.sampled_from(["==", "<", ">=", "+", "-", "in", "cat", "merge", "max", "map", "some", "and"]),
            inner,
            inner,
        ),
        st.builds(lambda by: {"fractional": [by, ["b", 1], ["c", 1]]}, OBJECTS),
        st.builds(lambda key: {"missing": [key]}, inner),
    ),
    max_leaves=30,
)  # fmt: skip


@given(CONDITIONS)
def test_no_evaluation_goes_through_more_than_it_pays_for(condition: object) -> None:
    """`Counted` counts how often items of lists are gone through, whatever the rule."""
    counted = {name: Counted(value) if isinstance(value, list) else value for name, value in VALUES.items()}
    Counted.steps = 0
    effort = full()
    with suppress(ValueError, TypeError):
        Compiler("f").whole({"if": [condition, "b", "c"]})(counted, (0, NO_FACTS, effort))
    assert Counted.steps <= MAX_EFFORT


class Counted(list[object]):
    """A list that counts what is taken out of all of its kind."""

    steps = 0

    def __iter__(self) -> Iterator[object]:
        for item in super().__iter__():
            Counted.steps += 1
            yield item

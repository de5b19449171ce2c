"""JSONLogic means what its own implementation means: JavaScript."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.flag.compile import Compiler
from sre_portal.core.flag.effort import TooMuch, full
from sre_portal.core.flag.lookup import NO_FACTS, Step
from sre_portal.core.flag.value import (
    loosely_equal,
    number_text,
    parse_float,
    strictly_equal,
    to_number,
    to_text,
    truthy,
)
from tests.unit.core.flag.jsonlogic_cases import cases


def apply(rule: object, given: object = None, *, nested: bool = True) -> object:
    return Compiler("f").rule(rule, nested=nested)(given, (0, NO_FACTS, full()))


def general(rule: object, given: object) -> object:
    """The same without shortcuts: with somebody watching, there are none."""

    def watch(path: str, rule: object, step: Step) -> Step:
        return step

    return Compiler("f", watch=watch).rule(rule)(given, (0, NO_FACTS, full()))


@pytest.mark.parametrize(
    ("rule", "data", "result"), [pytest.param(*case, id=json.dumps(case[:2])) for case in cases()]
)
def test_a_public_compatibility_case_holds(rule: object, data: object, result: object) -> None:
    found = apply(rule, data)
    assert found == result
    assert isinstance(found, bool) is isinstance(result, bool)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (10.0, "10"), (0.1, "0.1"), (-0.0, "0"), (1e21, "1e+21"), (1e20, "100000000000000000000"),
        (1.5e-7, "1.5e-7"), (1e-6, "0.000001"), (123456789012345680000.0, "123456789012345680000"),
        (5e-324, "5e-324"), (1234.5678, "1234.5678"), (-2.5, "-2.5"), (2**60, "1152921504606847000"),
        (math.nan, "NaN"), (-math.inf, "-Infinity"), (10**400, "Infinity"), (1e300, "1e+300"),
    ],
)  # fmt: skip
def test_a_number_is_written_as_javascript_does(number: float, text: str) -> None:
    assert number_text(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_that_is_written_reads_back(number: float) -> None:
    assert float(number_text(number)) == number
    assert to_number(number_text(number), full()) == number


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (None, 0), (True, 1), ("", 0), (" 12 ", 12), ("1e3", 1000), ("0x1F", 31), ("0b11", 3), ("0o17", 15),
        ([], 0),
        (["7"], 7), ("Infinity", math.inf), ("-Infinity", -math.inf), (".5", 0.5), ("5.", 5), (2**53, 2**53),
    ],
)  # fmt: skip
def test_a_value_is_a_number(value: object, number: float) -> None:
    assert to_number(value, full()) == number


@pytest.mark.parametrize("value", ["a", "1_0", "nan", "inf", "1 2", "٣", {}, [1, 2], "-0x1", "--1"])
def test_a_value_is_no_number(value: object) -> None:
    assert math.isnan(to_number(value, full()))


@pytest.mark.parametrize(
    ("value", "number"), [("3px", 3), (" -1.5e2x", -150), ([4, 5], 4), ("Infinityx", math.inf)]
)
def test_addition_reads_the_number_a_text_begins_with(value: object, number: float) -> None:
    assert parse_float(value, full()) == number


@pytest.mark.parametrize("value", [None, True, "", "px3", {}, []])
def test_addition_makes_nothing_of_what_begins_with_none(value: object) -> None:
    assert math.isnan(parse_float(value, full()))


@pytest.mark.parametrize("value", [True, 1, -1, 0.5, "0", "false", [0], {}, {"a": 0}, math.inf])
def test_a_value_is_truthy(value: object) -> None:
    assert truthy(value)


@pytest.mark.parametrize("value", [None, False, 0, 0.0, -0.0, math.nan, "", []])
def test_a_value_is_falsy(value: object) -> None:
    assert not truthy(value)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (1, "1"),
        (0, ""),
        (0, False),
        ("", False),
        (1.0, True),
        ("1", True),
        (None, None),
        ([1], "1"),
        ([], ""),
        ([], 0),
    ],
)
def test_values_are_loosely_equal(left: object, right: object) -> None:
    assert loosely_equal(left, right, full())
    assert loosely_equal(right, left, full())


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (None, 0),
        (None, False),
        (None, ""),
        ([], []),
        ({}, {}),
        ("a", 0),
        (math.nan, math.nan),
        ("true", True),
    ],
)
def test_values_are_not_even_loosely_equal(left: object, right: object) -> None:
    assert not loosely_equal(left, right, full())


def test_a_list_is_equal_to_itself_only() -> None:
    one: list[object] = [1]
    assert strictly_equal(one, one)
    assert not strictly_equal(one, [1])
    assert not strictly_equal(True, 1)
    assert strictly_equal(1, 1.0)


@pytest.mark.parametrize(
    ("rule", "result"),
    [
        ({"/": [1, 0]}, math.inf), ({"/": [-1, 0]}, -math.inf), ({"/": [1, {"-": [0]}]}, -math.inf),
        ({"%": [5.5, 2]}, 1.5), ({"*": ["2"]}, "2"), ({"max": [[3]]}, 3), ({"+": [2**53, 1]}, 2**53),
        ({"substr": ["abc", -9, 2]}, "ab"), ({"substr": ["abc", 1, None]}, ""), ({"in": ["", ""]}, False),
        ({"cat": [[1, [None, 2]]]}, "1,,2"), ({"merge": [None, {}]}, [None, {}]),
    ],
)  # fmt: skip
def test_odd_corners_are_those_of_javascript(rule: object, result: object) -> None:
    assert apply(rule) == result


@pytest.mark.parametrize(
    "rule", [{"/": [0, 0]}, {"%": [1, 0]}, {"+": ["a"]}, {"min": ["a", 1]}, {"max": [{}]}]
)
def test_what_is_no_number_raises_nothing(rule: object) -> None:
    found = apply(rule)
    assert isinstance(found, float)
    assert math.isnan(found)


def test_a_text_that_grows_without_end_is_stopped() -> None:
    grow = {"reduce": [{"var": ""}, {"cat": [{"var": "accumulator"}, {"var": "accumulator"}]}, "x"]}
    with pytest.raises(TooMuch, match="longer than"):
        apply(grow, [0] * 40)


def test_lists_in_lists_that_grow_are_stopped_when_they_are_read() -> None:
    grow = {"reduce": [{"var": ""}, [{"var": "accumulator"}, {"var": "accumulator"}], "x" * 10]}
    with pytest.raises(TooMuch):
        apply({"cat": [grow]}, [0] * 60)


def test_a_list_that_grows_without_end_is_stopped() -> None:
    grow = {"reduce": [{"var": ""}, {"merge": [{"var": "accumulator"}, {"var": "accumulator"}]}, [1]]}
    with pytest.raises(TooMuch, match="more than"):
        apply(grow, [0] * 40)


def test_loops_in_loops_are_stopped() -> None:
    inner = {"map": [list(range(1000)), 1]}
    with pytest.raises(TooMuch, match="too much effort"):
        apply({"map": [list(range(1000)), inner]})


def test_a_long_text_that_is_nearly_a_number_is_read_at_once() -> None:
    """A regular expression that tries every end would take hours."""
    text = "1" * 90_000
    assert math.isnan(to_number(f"{text}x", full()))
    assert parse_float(f"{text}x", full()) == math.inf
    assert math.isnan(to_number(f"{text}.{text}e", full()))


def test_a_text_of_a_list_that_lies_too_deep_is_refused() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(TooMuch, match="deeper"):
        to_text(deep, full())


TEXTS = st.sampled_from(["", "a", "ab", "abc", "b", "1", "1.0.0", "v2", "2.0.0-rc.1", "true", "0"])
VALUES = st.one_of(
    TEXTS, st.none(), st.booleans(), st.integers(-2, 3), st.just([]), st.just(["a"]), st.just({})
)
READS = st.sampled_from(["x", "y", "z.a", ["x"], ["x", "a"], "x.0", "length"]).map(lambda path: {"var": path})
WRITTEN = st.one_of(TEXTS, st.lists(TEXTS, max_size=3))
SHORT = st.one_of(
    st.builds(
        lambda operator, read, other, turned: {operator: [other, read] if turned else [read, other]},
        st.sampled_from(["==", "!=", "===", "!==", "in", "starts_with", "ends_with"]),
        READS,
        WRITTEN,
        st.booleans(),
    ),
    st.builds(
        lambda read, compare, other: {"sem_ver": [read, compare, other]},
        READS,
        st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "^", "~", "??"]),
        TEXTS,
    ),
)


@given(SHORT, st.dictionaries(st.sampled_from("xyz"), VALUES))
def test_a_shortcut_gives_what_the_general_way_gives(rule: object, context: dict[str, object]) -> None:
    assert apply(rule, context, nested=False) == general(rule, context)

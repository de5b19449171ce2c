from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.errors import InvalidInput
from sre_portal.core.flag_context import LONGEST_CONTEXT, parse_context

NAMES = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)
VALUES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.lists(st.integers(0, 9), max_size=3)


@pytest.mark.parametrize(
    ("text", "context"),
    [
        ("", {}),
        ("  \n\n", {}),
        ("ada", {"targetingKey": "ada"}),
        ("ada\nplan = gold", {"targetingKey": "ada", "plan": "gold"}),
        ("age: 30\nstaff=true", {"age": 30, "staff": True}),
        ('plan = "30"', {"plan": "30"}),
        ("mail = a=b", {"mail": "a=b"}),
        ("empty =", {"empty": ""}),
        ("ratio = NaN", {"ratio": "NaN"}),
        ('tags = ["a", "b"]', {"tags": ["a", "b"]}),
        ("two words", {"targetingKey": "two words"}),
        (' {"targetingKey": "ada", "age": 30} ', {"targetingKey": "ada", "age": 30}),
    ],
)
def test_a_context_is_read_from_lines_or_from_json(text: str, context: dict[str, object]) -> None:
    assert parse_context(text) == context


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"a": ', "line 1"),
        ("{}\n[]", "line 2"),
        ("a = 1\nb = 2\na = 3", "line 3"),
        ("ada\nbo", "targetingKey again"),
        ("x" * (LONGEST_CONTEXT + 1), "characters"),
    ],
)
def test_what_is_no_context_is_a_problem_with_its_line(text: str, told: str) -> None:
    with pytest.raises(InvalidInput) as raised:
        parse_context(text)
    assert told in str(raised.value)
    assert all(one.path == "context" for one in raised.value.problems)


@given(st.dictionaries(NAMES, VALUES, max_size=6))
def test_both_ways_of_writing_give_the_same_context(context: dict[str, object]) -> None:
    lines = "\n".join(f"{name} = {json.dumps(value)}" for name, value in context.items())
    assert parse_context(lines) == parse_context(json.dumps(context)) == context


@given(st.text(max_size=200))
def test_whatever_is_typed_is_a_context_or_a_problem(text: str) -> None:
    with suppress(InvalidInput):
        assert isinstance(parse_context(text), dict)

"""A whole number is ASCII digits and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.errors import InvalidInput
from sre_portal.core.whole import DIGITS, whole_in, whole_number


@given(st.integers(0, 10**DIGITS - 1))
def test_a_number_that_was_written_is_read(number: int) -> None:
    assert whole_in(str(number)) == number
    assert whole_number(str(number), "version", "a number") == number


@given(st.text())
def test_what_is_read_is_digits_alone(text: str) -> None:
    assert (whole_in(text) is None) == (not text or not set(text) <= set("0123456789") or len(text) > DIGITS)


@pytest.mark.parametrize("text", ["", " 1", "-1", "+1", "1.0", "1_0", "1e3", "\u0663", "\u00b2", "1" * 16])
def test_what_is_no_whole_number_is_told_where_it_stands(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        whole_number(text, "If-Match", "such as 3")
    [problem] = refused.value.problems
    assert (problem.path, problem.expected, len(problem.seen) < 80) == ("If-Match", "such as 3", True)


def test_how_many_digits_there_may_be_is_the_reader_s_to_say() -> None:
    assert (whole_in("99", 2), whole_in("100", 2)) == (99, None)

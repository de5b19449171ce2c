"""Splits that are written down, and which hash gives which variant."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.flag.bucket import HASHES, Epoch, places
from sre_portal.core.flag_moves.split import Split, intervals, shares, splits
from tests.unit.core.flag.samples import flags

WEIGHTS = st.lists(st.integers(0, 60), min_size=1, max_size=4)


def split(epoch: Epoch, weights: Sequence[int]) -> Split:
    return Split(
        "p", epoch, "f", None, tuple((name, weight) for name, weight in zip("abcd", weights, strict=False))
    )


@given(st.sampled_from(Epoch), WEIGHTS, st.data())
def test_intervals_say_what_evaluation_says(epoch: Epoch, weights: list[int], data: st.DataObject) -> None:
    one = split(epoch, weights)
    ends = intervals(one)
    assert ends[-1][0] == HASHES
    edges = sorted({0, 2**31 - 1, 2**31, 2**31 + 1, HASHES - 1, *(end for end, _ in ends[:-1])})
    edges += [edge - 1 for edge in edges if edge] + [data.draw(st.integers(0, HASHES - 1))]
    place = places(epoch, weights)
    for hashed in edges:
        index = place(hashed)
        expected = None if index is None else one.buckets[index][0]
        assert next(variant for end, variant in ends if hashed < end) == expected


@given(st.sampled_from(Epoch), WEIGHTS)
def test_shares_are_whole(epoch: Epoch, weights: list[int]) -> None:
    assert sum(shares(split(epoch, weights)).values()) == 1


def test_only_splits_that_are_written_down_are_told() -> None:
    computed = flags({"fractional": [["b", {"var": "w"}], ["c", 1]]})
    assert splits(computed.definitions.flags["f"], computed.definitions) == []
    nested = flags({"if": [{"var": "x"}, {"fractional": [["b", 1], [None, 1]]}, "a"]})
    [found] = splits(nested.definitions.flags["f"], nested.definitions)
    assert found.path == "flags.f.targeting.if[1].fractional"
    assert found.buckets == (("b", 1), (None, 1))

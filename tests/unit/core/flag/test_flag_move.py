"""Who gets something else after a change."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.flag.bucket import HASHES, Epoch, places
from sre_portal.core.flag.definition import Flag
from sre_portal.core.flag.flag_set import compile_flag
from sre_portal.core.flag.move import Moved, Question, Split, intervals, moved, movement, movements, splits
from tests.unit.core.flag.samples import flags

KEYS = [f"user-{number}" for number in range(4000)]
WEIGHTS = st.lists(st.integers(0, 60), min_size=1, max_size=4)


def one(targeting: object, epoch: int = 3, **changed: object) -> Flag:
    return flags(targeting, metadata={"bucketingEpoch": epoch}, **changed).definitions.flags["f"]


def halves(epoch: int = 3, left: int = 50, by: object = None) -> Flag:
    buckets: list[object] = [["b", left], ["c", 100 - left]]
    return one({"fractional": buckets if by is None else [by, *buckets]}, epoch)


def got(one: Flag, key: str) -> str | None:
    return compile_flag(one)({"targetingKey": key}, {}, 0).variant


def split(epoch: Epoch, weights: Sequence[int]) -> Split:
    return Split(
        "p", epoch, "f", None, tuple((name, weight) for name, weight in zip("abcd", weights, strict=False))
    )


def share(before: Flag, after: Flag, *, exact: bool) -> float:
    [found] = movements(before, after)
    assert found.exact is exact
    return float(found.share)


@pytest.mark.parametrize("epoch", [2, 3])
def test_more_weight_moves_exactly_the_difference(epoch: int) -> None:
    assert share(halves(epoch, 20), halves(epoch, 50), exact=True) == pytest.approx(0.3)


def test_nothing_changed_moves_nobody() -> None:
    for epoch in (1, 2, 3):
        assert share(halves(epoch), halves(epoch), exact=True) == 0


def test_another_hash_moves_as_many_as_chance_would() -> None:
    assert share(halves(2), halves(3), exact=False) == pytest.approx(0.5)
    assert share(halves(2, 10), halves(3, 10), exact=False) == pytest.approx(0.18)


def test_another_bucketing_value_moves_as_many_as_chance_would() -> None:
    assert share(halves(), halves(by={"var": "email"}), exact=False) == pytest.approx(0.5)


def test_v1_and_v2_share_a_hash_so_it_is_exact_who_moves() -> None:
    assert share(halves(1), halves(2), exact=True) == pytest.approx(0.5)
    assert share(halves(1, 100), halves(2, 100), exact=True) == pytest.approx(
        3 / 2**32
    )  # the ends V1 leaves out


def test_the_pairs_tell_from_where_to_where() -> None:
    [found] = movements(halves(3, 20), halves(3, 50))
    assert {pair: float(part) for pair, part in found.pairs.items()} == {
        ("b", "b"): pytest.approx(0.2),
        ("c", "b"): pytest.approx(0.3),
        ("c", "c"): pytest.approx(0.5),
    }
    assert sum(found.pairs.values()) == 1


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


@given(st.sampled_from(Epoch), st.sampled_from(Epoch), WEIGHTS, WEIGHTS)
def test_shares_are_whole_and_the_same_both_ways(
    first: Epoch, second: Epoch, old: list[int], new: list[int]
) -> None:
    there, back = (
        movement(split(first, old), split(second, new)),
        movement(split(second, new), split(first, old)),
    )
    assert sum(there.pairs.values()) == 1
    assert there.share == back.share
    assert there.share == sum((part for (a, b), part in there.pairs.items() if a != b), Fraction(0))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (halves(1, 20), halves(1, 60)), (halves(2, 20), halves(2, 60)), (halves(3, 20), halves(3, 60)),
        (halves(1), halves(2)), (halves(2), halves(3)), (halves(1), halves(3)), (halves(3), halves(3)),
    ],
    ids=["weights v1", "weights v2", "weights v3", "v1 to v2", "v2 to v3", "v1 to v3", "none"],
)  # fmt: skip
def test_as_many_of_many_keys_move_as_was_said(before: Flag, after: Flag) -> None:
    [told] = movements(before, after)
    assert len(list(moved(KEYS, before, after))) / len(KEYS) == pytest.approx(float(told.share), abs=0.03)


def test_exactly_those_keys_are_named_that_get_something_else() -> None:
    before, after = halves(3, 20), halves(3, 50)
    given = {key: (got(before, key), got(after, key)) for key in KEYS[:200]}
    expected = [Moved(key, old, new) for key, (old, new) in given.items() if old != new]
    assert list(moved(KEYS[:200], before, after)) == expected
    assert {(one.before, one.after) for one in expected} == {("c", "b")}


def test_keys_are_values_of_any_attribute() -> None:
    before, after = (
        one({"if": [{"var": "beta"}, {"fractional": [{"var": "user.id"}, ["b", left], ["c", 100 - left]]}]})
        for left in (0, 100)
    )
    asked = Question("user.id", {"beta": True, "user": {"name": "x"}})
    assert [found.key for found in moved(["k", "l"], before, after, question=asked)] == ["k", "l"]
    assert list(moved(["k"], before, after, question=Question("user.id"))) == []
    assert asked.context == {"beta": True, "user": {"name": "x"}}


def test_only_splits_that_are_written_down_are_told() -> None:
    computed = one({"fractional": [["b", {"var": "w"}], ["c", 1]]})
    assert movements(computed, computed) == []
    nested = flags({"if": [{"var": "x"}, {"fractional": [["b", 1], [None, 1]]}, "a"]})
    [found] = splits(nested.definitions.flags["f"], nested.definitions)
    assert found.path == "flags.f.targeting.if[1].fractional"
    assert found.buckets == (("b", 1), (None, 1))

"""The share of people who get a variant, and definitions with another share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.errors import InvalidInput
from sre_portal.core.flag.bucket import HASHES, MAX_WEIGHTS, Epoch
from sre_portal.core.flag.definition import Definitions, Flag
from sre_portal.core.flag.parse import parse_definitions
from sre_portal.core.flag_moves.compare import moves
from sre_portal.core.flag_moves.share import MOST_BUCKETS, shares_of, with_epoch, with_share
from tests.unit.core.flag.samples import flag

VARIANTS = ("a", "b", "c", "true", "false")
PERCENTS = st.integers(0, 10_000).map(lambda part: Decimal(part) / 100)
WEIGHTS = st.integers(0, 100) | st.integers(0, MAX_WEIGHTS // 5)
BUCKETS = st.lists(st.tuples(st.sampled_from([*VARIANTS[:4], None]), WEIGHTS), min_size=1, max_size=6).filter(
    lambda buckets: sum(weight for _, weight in buckets) > 0
)


def split(*buckets: tuple[str | None, int], epoch: int = 3, **changed: object) -> dict[str, object]:
    rule = {"fractional": [list(bucket) for bucket in buckets]}
    return flag(rule, metadata={"bucketingEpoch": epoch}, **changed)


def parsed(fields: Mapping[str, object]) -> Flag:
    return parse_definitions({"flags": {"f": fields}}).flags["f"]


def rule_after(fields: Mapping[str, object], variant: str, percent: Decimal | int) -> object:
    return with_share(fields, variant, percent)["targeting"]


def wrong(fields: Mapping[str, object], variant: str, percent: Decimal | int) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInput) as refused:
        with_share(fields, variant, percent)
    return [(one.path, one.expected) for one in refused.value.problems]


def crossing(before: Mapping[str, object], after: Mapping[str, object], variant: str) -> Fraction:
    """What moves between others than the variant."""
    found = moves(parsed(before), parsed(after), Definitions())
    assert not found.unknown
    pairs = [pair for part in found.parts for pair in part.pairs.items()]
    return sum((part for (old, new), part in pairs if old != new and variant not in {old, new}), Fraction(0))


def test_a_flag_without_targeting_gets_a_split_with_its_default_variant() -> None:
    assert rule_after(flag(), "b", Decimal(25)) == {"fractional": [["b", 25], ["a", 75]]}
    assert rule_after(flag(), "b", Decimal("0.01")) == {"fractional": [["b", 1], ["a", 9999]]}
    assert rule_after(flag(defaultVariant=...), "b", 50) == {"fractional": [["b", 50], [None, 50]]}
    assert shares_of(parsed(flag())) == {"a": Fraction(1)}


def test_the_default_variant_alone_has_everybody() -> None:
    [(path, expected)] = wrong(flag(), "a", 50)
    assert path == "variant"
    assert "another one" in expected


def test_weights_stay_where_they_stand() -> None:
    rule = {"if": [{"var": "beta"}, {"fractional": [{"var": "mail"}, ["b", 1], ["c", 3]]}, "a"]}
    found = rule_after(flag(rule), "b", Decimal("33.33"))
    assert found == {
        "if": [{"var": "beta"}, {"fractional": [{"var": "mail"}, ["b", 3333], ["c", 6667]]}, "a"]
    }
    assert flag(rule)["targeting"] == rule


def test_the_others_keep_their_proportions_and_nobody_moves_between_them() -> None:
    before = split(("a", 33), ("b", 33), ("c", 34))
    after = with_share(before, "a", 50)
    shares = shares_of(parsed(after)) or {}
    assert shares["a"] == Fraction(1, 2)
    assert float(shares["b"]) == pytest.approx(0.5 * 33 / 67, abs=1e-4)
    assert crossing(before, after, "a") == 0
    assert float(moves(parsed(before), parsed(after)).share or 0) == pytest.approx(0.17)


def test_a_variant_that_had_no_bucket_gets_one() -> None:
    after = with_share(split(("a", 50), ("b", 50)), "c", 10)
    assert shares_of(parsed(after)) == {"a": Fraction(45, 100), "b": Fraction(45, 100), "c": Fraction(1, 10)}


def test_null_in_a_bucket_is_the_default_variant() -> None:
    before = split(("b", 20), (None, 80))
    assert shares_of(parsed(before)) == {"b": Fraction(1, 5), "a": Fraction(4, 5)}
    assert rule_after(before, "a", 50) == {"fractional": [["b", 50], [None, 50]]}


def test_a_way_there_and_back_gives_the_same_people_the_same() -> None:
    before = split(("b", 25), ("a", 75))
    gone = with_share(before, "b", 0)
    assert gone["targeting"] == {"fractional": [["b", 0], ["a", 100]]}
    assert with_share(gone, "b", 25)["targeting"] == before["targeting"]


def test_who_has_everybody_gives_the_rest_to_the_default_variant() -> None:
    three = split(("b", 100), ("c", 0), ("true", 0))
    assert shares_of(parsed(with_share(three, "b", 60))) == {
        "b": Fraction(3, 5), "a": Fraction(2, 5), "c": 0, "true": 0,
    }  # fmt: skip
    two = split(("a", 100), ("b", 0))
    assert rule_after(two, "a", 60) == {"fractional": [["a", 60], ["b", 40]]}
    [(path, _)] = wrong(split(("a", 100), ("b", 0), ("c", 0)), "a", 60)
    assert path == "targeting"


@pytest.mark.parametrize(
    "rule",
    [
        {"if": [{"var": "x"}, {"fractional": [["b", 1]]}, {"fractional": [["c", 1]]}]},
        {"fractional": [["b", {"var": "w"}], ["c", 1]]},
        {"fractional": [{"var": "mail"}, {"var": "bucket"}]},
        {"fractional": [[{"var": "x"}, 1], ["c", 1]]},
        {"fractional": [["b", 0], ["c", 0]]},
        {"if": [{"var": "x"}, "b"]},
        {"$ref": "half"},
    ],
)
def test_other_targeting_has_no_place_for_a_share(rule: object) -> None:
    [(path, _)] = wrong(flag(rule), "b", 20)
    assert path.startswith("targeting")


def test_no_share_is_told_where_there_is_none() -> None:
    assert shares_of(parsed(flag({"if": [{"var": "x"}, "b"]}))) is None


@pytest.mark.parametrize(
    "percent",
    [Decimal("NaN"), Decimal("Infinity"), Decimal("sNaN"), Decimal(-1), Decimal("100.01"),
     Decimal("12.345"), Decimal("1e999999"), Decimal("1e-999999"), 101],
)  # fmt: skip
def test_a_percentage_is_from_0_to_100_with_two_digits_after_the_point(percent: Decimal | int) -> None:
    assert [path for path, _ in wrong(flag(), "b", percent)] == ["percent"]


def test_every_problem_is_told() -> None:
    paths = [path for path, _ in wrong(flag({"var": "x"}), "z", 101)]
    assert paths == ["percent", "variant", "targeting"]
    assert wrong(flag(), "aa", 10)[0][1] == "a variant of the flag; 'a' comes close"


@given(BUCKETS, st.sampled_from(VARIANTS[:4]), PERCENTS, st.sampled_from([2, 3]))
def test_a_share_that_was_set_is_the_share_there_is(
    buckets: Sequence[tuple[str | None, int]], variant: str, percent: Decimal, epoch: int
) -> None:
    before = split(*buckets, epoch=epoch)
    try:
        after = with_share(before, variant, percent)
    except InvalidInput:  # the default variant has everybody, and of the others nobody knows the proportions
        assert (shares_of(parsed(before)) or {})[variant] == 1
        return
    old, new = shares_of(parsed(before)) or {}, shares_of(parsed(after)) or {}
    assert abs(new.get(variant, Fraction(0)) - Fraction(percent) / 100) <= Fraction(1, 20_000)
    rest = 1 - old.get(variant, Fraction(0))
    for name, share in old.items():
        if name != variant and rest:
            kept = share / rest * (1 - new.get(variant, Fraction(0)))
            assert abs(new.get(name, Fraction(0)) - kept) <= Fraction(2, 10_000)
    assert crossing(before, after, variant) == 0
    step = abs(new.get(variant, Fraction(0)) - old.get(variant, Fraction(0)))
    moved = moves(parsed(before), parsed(after)).share
    assert moved is not None
    assert abs(moved - step) <= Fraction(2 * MOST_BUCKETS, HASHES)


@given(st.lists(st.tuples(st.sampled_from(VARIANTS[:4]), PERCENTS), max_size=30), st.sampled_from([1, 2, 3]))
def test_many_steps_stay_sound_and_move_nobody_between_others(
    steps: list[tuple[str, Decimal]], epoch: int
) -> None:
    fields = split(("a", 25), ("b", 25), ("c", 25), ("true", 25), epoch=epoch)
    for variant, percent in steps:
        try:
            after = with_share(fields, variant, percent)
        except InvalidInput:
            continue
        targeting = after["targeting"]
        assert isinstance(targeting, dict)
        buckets = targeting["fractional"]
        assert len(buckets) <= MOST_BUCKETS
        allowed = Fraction(0) if epoch > 1 else Fraction(4 * MOST_BUCKETS, HASHES)
        assert crossing(fields, after, variant) <= allowed
        fields = after


def test_another_epoch_is_written_into_the_metadata() -> None:
    told = with_epoch(flag(metadata={"owner": "x"}), Epoch.V2)["metadata"]
    assert told == {"owner": "x", "bucketingEpoch": 2}
    assert with_epoch(flag(), Epoch.V1)["metadata"] == {"bucketingEpoch": 1}


def test_a_split_of_many_pieces_is_laid_out_anew() -> None:
    names = [f"v{number}" for number in range(40)]
    rule = {"fractional": [[name, 1] for name in names]}
    before = flag(rule, variants=dict.fromkeys(names, "x"), defaultVariant="v0")
    after = with_share(before, "v20", 50)
    targeting = after["targeting"]
    assert isinstance(targeting, dict)
    assert [name for name, _ in targeting["fractional"]] == names
    assert (shares_of(parsed(after)) or {})["v20"] == Fraction(1, 2)
    assert crossing(before, after, "v20") > 0  # which `moves` tells, as of any change

"""What a change moves, in shares and in words, and who of many people."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.flag.definition import Definitions, Flag
from sre_portal.core.flag.effort import full
from sre_portal.core.flag.flag_set import FlagSet, compile_flag, parse_flags
from sre_portal.core.flag_moves.compare import NEW, STILL, Moves, moves, moves_between
from sre_portal.core.flag_moves.people import Asked, Moved, moved
from sre_portal.core.flag_moves.words import sentences
from tests.unit.core.flag.samples import document, flag, flags
from tests.unit.core.flag.test_flagd_agreement import CONTEXTS, TARGETING

KEYS = [f"user-{number}" for number in range(4000)]
T = "flags.f.targeting"


def one(targeting: object = None, epoch: int = 3, **changed: object) -> Flag:
    metadata = {"bucketingEpoch": epoch}
    rule = () if targeting is None else (targeting,)
    return flags(*rule, **{"metadata": metadata} | changed).definitions.flags["f"]


def halves(epoch: int = 3, left: int = 50, by: object = None) -> Flag:
    return one(fractional(left, by), epoch)


def fractional(left: int = 50, by: object = None) -> dict[str, object]:
    buckets: list[object] = [["b", left], ["c", 100 - left]]
    return {"fractional": buckets if by is None else [by, *buckets]}


def holding(one: Flag) -> FlagSet:
    return FlagSet(Definitions({"f": one}))


def who(before: Flag, after: Flag, keys: list[str] = KEYS, asked: Asked | None = None) -> list[Moved]:
    return list(moved(keys, "f", holding(before), holding(after), asked))


def share(before: Flag, after: Flag, *, exact: bool = True) -> float:
    found = moves(before, after)
    assert found.exact is exact
    assert found.share is not None
    assert found.share == found.at_most
    return float(found.share)


@pytest.mark.parametrize("epoch", [2, 3])
def test_more_weight_moves_exactly_the_difference(epoch: int) -> None:
    assert share(halves(epoch, 20), halves(epoch, 50)) == pytest.approx(0.3)


def test_nothing_changed_moves_nobody() -> None:
    for epoch in (1, 2, 3):
        assert moves(halves(epoch), halves(epoch)) == STILL
    assert sentences(STILL) == ["Nobody gets another variant."]


def test_another_hash_moves_as_many_as_chance_would() -> None:
    assert share(halves(2), halves(3), exact=False) == pytest.approx(0.5)
    assert share(halves(2, 10), halves(3, 10), exact=False) == pytest.approx(0.18)


def test_v1_and_v2_share_a_hash_so_it_is_exact_who_moves() -> None:
    assert share(halves(1), halves(2)) == pytest.approx(0.5)
    rest = moves(halves(1, 100), halves(2, 100)).share
    assert rest == Fraction(3, 2**32)  # the ends that V1 leaves out


def test_the_pairs_tell_from_where_to_where() -> None:
    [found] = moves(halves(3, 20), halves(3, 50)).parts
    assert {pair: float(part) for pair, part in found.pairs.items()} == {
        ("b", "b"): pytest.approx(0.2),
        ("c", "b"): pytest.approx(0.3),
        ("c", "c"): pytest.approx(0.5),
    }
    assert sum(found.pairs.values()) == 1
    assert found.among == "everybody with a targeting key"


def test_a_split_where_there_was_none_moves_its_share() -> None:
    found = moves(one(), one({"fractional": [["b", 1], ["a", 3]]}))
    assert sentences(found) == ["Of everybody with a targeting key, 25 % move: 25 % from 'a' to 'b'."]
    assert float(found.share or 0) == 0.25


def test_a_disabled_flag_moves_everybody_to_their_own_default() -> None:
    found = moves(halves(), one(fractional(), state="DISABLED"))
    assert found.share is None or found.share == 1
    assert "'b' to the default in the code" in sentences(found)[0]
    assert moves(halves(), None).at_most in {None, 1}


def test_a_flag_that_is_new_moves_nobody() -> None:
    assert moves(None, halves()) == NEW
    assert sentences(NEW) == ["The flag is new: it gave nobody anything before."]


def test_a_bucketing_value_that_is_another_gives_words_and_no_number() -> None:
    found = moves(halves(), halves(by={"var": "email"}))
    assert (found.share, found.at_most, found.parts) == (None, None, ())
    assert found.unknown[0].startswith(f"{T}: people are told apart by another value than before.")


def test_a_bucketing_value_counts_as_text_where_the_hash_changes() -> None:
    by = {"var": "email"}
    [found] = moves(halves(2, by=by), halves(3, by=by)).parts
    assert found.among == "everybody with a bucketing value that is a text"
    assert not found.exact


@pytest.mark.parametrize(
    "after",
    [
        {"fractional": [["b", {"var": "w"}], ["c", 1]]},
        {"fractional": [[{"var": "x"}, 1], ["c", 1]]},
        {"var": "x"},
    ],
)
def test_what_is_computed_gives_words_and_no_number(after: object) -> None:
    for pair in ((halves(), one(after)), (one(after), halves())):
        found = moves(*pair)
        assert (found.share, found.at_most, found.parts) == (None, None, ())
        assert found.unknown
        assert "Not known in advance:" in sentences(found)
    assert moves(one(after), one(after)) == STILL


def test_computed_weights_move_an_unknown_share_when_the_hash_changes() -> None:
    rule = {"fractional": [["b", {"var": "w"}], ["c", 1]]}
    assert moves(one(rule, 2), one(rule, 3)).at_most is None
    in_condition = {"if": [{"==": [rule, "b"]}, "b", "c"]}
    assert moves(one(in_condition, 2), one(in_condition, 3)).at_most is None


def test_branches_are_compared_with_each_other() -> None:
    def rule(left: int, other: str) -> dict[str, object]:
        return {"if": [{"var": "x"}, fractional(left), {"var": "y"}, "b", other]}

    found = moves(one(rule(20, "a")), one(rule(30, "c")))
    assert [(part.path, part.among, float(part.share)) for part in found.parts] == [
        (f"{T}.if[1]", f"people with a targeting key who come to {T}.if[1]", pytest.approx(0.1)),
        (f"{T}.if[4]", "those for whom no condition holds", 1.0),
    ]
    assert (found.share, found.at_most, found.unknown) == (None, Fraction(1), ())
    assert "Of everybody at most 100 % move." in sentences(found)


def test_a_branch_that_is_new_or_gone_is_compared_with_all_there_was() -> None:
    rule = {"if": [{"var": "x"}, "b"]}
    [found] = moves(one(), one(rule)).parts
    assert (found.path, found.share) == (f"{T}.if[1]", Fraction(1))
    assert set(found.pairs) == {("a", "b")}
    [back] = moves(one(rule), one()).parts
    assert "as it was before" in back.among


def test_another_condition_gives_words() -> None:
    found = moves(one({"if": [{"var": "x"}, "b", "c"]}), one({"if": [{"var": "y"}, "b", "c"]}))
    [told] = found.unknown
    assert told.startswith(f"{T}: the rule decides by something else than before.")


def test_another_default_variant_moves_whoever_gets_it() -> None:
    rule = {"fractional": [["b", 1], [None, 3]]}
    found = moves(one(rule), one(rule, defaultVariant="c"))
    assert float(found.parts[0].share) == 0.75
    assert any("whoever has no targeting key gets 'c' instead of 'a'" in told for told in found.unknown)
    assert found.share is None


def test_shared_rules_are_looked_into() -> None:
    def made(text: str, extra: str = "") -> Definitions:
        rule = {"if": [{"$ref": "staff"}, "b", "c"]}
        staff = {"ends_with": [{"$ref": "mail"}, text]}
        shared = {"staff": staff, "mail": {"var": f"mail{extra}"}}
        return parse_flags(document(rule, evaluators=shared)).definitions

    old, same, other = made("@x"), made("@x"), made("@y")
    assert moves(old.flags["f"], same.flags["f"], old, same) == STILL
    assert moves(old.flags["f"], other.flags["f"], old, other).unknown
    assert moves(old.flags["f"], old.flags["f"], old, made("@x", "2")).unknown
    assert list(moves_between(old, other, ["f", "gone"])) == ["f"]
    assert moves_between(old, same, ["f"]) == {}


def test_another_hash_is_given_up_only_where_a_condition_that_is_named_splits_people() -> None:
    def made(epoch: int, staff: object) -> tuple[Flag, Definitions]:
        rule = {"if": [{"$ref": "staff"}, "b", fractional()]}
        shared = {"staff": {"or": [{"$ref": "inner"}, False]}, "inner": staff}
        metadata = {"bucketingEpoch": epoch}
        found = parse_flags(document(rule, evaluators=shared, metadata=metadata)).definitions
        return found.flags["f"], found

    def compared(staff: object) -> Moves:
        (old, around), (new, around_after) = made(2, staff), made(3, staff)
        return moves(old, new, around, around_after)

    by_mail = compared({"ends_with": [{"var": "mail"}, "@x"]})
    [part] = by_mail.parts
    assert float(part.share) == pytest.approx(0.5)
    assert by_mail.unknown == ()
    assert sentences(by_mail)[0].startswith(
        "Of people with a targeting key for whom no condition holds, about 50 % move: "
    )
    assert compared({"==": [fractional(), "b"]}).unknown


def test_a_shared_rule_is_followed_to_its_split() -> None:
    def made(left: int) -> Definitions:
        return parse_flags(document({"$ref": "half"}, evaluators={"half": fractional(left)})).definitions

    old, new = made(20), made(50)
    assert float(moves(old.flags["f"], new.flags["f"], old, new).share or 0) == pytest.approx(0.3)


def test_another_value_of_a_variant_is_told() -> None:
    other = one(variants={**flag()["variants"], "b": "else"})  # type: ignore[dict-item]  # the variants are a mapping
    assert moves(one(), other).notes == ("The variant 'b' has another value.",)


def test_prerequisites_narrow_whom_a_share_is_of() -> None:
    needs = {"metadata": {"prerequisites": "g=on", "bucketingEpoch": 3}}
    switch = {"g": {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}}

    def made(left: int, **changed: object) -> Flag:
        told = document(fractional(left), **changed)
        return parse_flags({"flags": {**told["flags"], **switch}}).definitions.flags["f"]  # type: ignore[dict-item]  # the flags are a mapping

    found = moves(made(20, **needs), made(50, **needs))
    assert found.share is None
    assert float(found.at_most or 0) == pytest.approx(0.3)
    assert found.parts[0].among.endswith("of those who meet the prerequisites")
    assert "the prerequisites are others than before" in moves(made(20), made(20, **needs)).unknown[0]
    off = {"metadata": {**needs["metadata"], "offVariant": "b"}}
    assert "gets 'b' instead of 'a'" in moves(made(20, **needs), made(20, **off)).unknown[0]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (halves(1, 20), halves(1, 60)), (halves(2, 20), halves(2, 60)), (halves(3, 20), halves(3, 60)),
        (halves(1), halves(2)), (halves(2), halves(3)), (halves(1), halves(3)), (halves(3), halves(3)),
        (one(), halves(3, 20)),
    ],
    ids=["weights v1", "weights v2", "weights v3", "v1 to v2", "v2 to v3", "v1 to v3", "none", "from one"],
)  # fmt: skip
def test_as_many_of_many_keys_move_as_was_said(before: Flag, after: Flag) -> None:
    told = moves(before, after)
    assert told.at_most is not None
    assert len(who(before, after)) / len(KEYS) == pytest.approx(float(told.at_most), abs=0.03)


@given(
    st.sampled_from([1, 2, 3]),
    st.sampled_from([1, 2, 3]),
    st.lists(st.integers(0, 9), min_size=3, max_size=3),
    st.lists(st.integers(0, 9), min_size=3, max_size=3),
)
def test_shares_agree_with_people_for_any_weights(
    first: int, second: int, old: list[int], new: list[int]
) -> None:
    before, after = (
        one({"fractional": [[name, weight] for name, weight in zip("abc", weights, strict=True)]}, epoch)
        for epoch, weights in ((first, old), (second, new))
    )
    told = moves(before, after)
    assert told.share is not None
    assert len(who(before, after, KEYS[:1500])) / 1500 == pytest.approx(float(told.share), abs=0.08)


@given(TARGETING, TARGETING, st.lists(CONTEXTS, min_size=1, max_size=4))
def test_nobody_moves_where_it_says_so(
    old: object, new: object, contexts: list[Mapping[str, object]]
) -> None:
    before, after = flags(old), flags(new)
    told = moves(before.definitions.flags["f"], after.definitions.flags["f"])
    if told.at_most == 0:
        assert list(moved(contexts, "f", before, after)) == []


def test_exactly_those_keys_are_named_that_get_something_else() -> None:
    before, after = halves(3, 20), halves(3, 50)
    got = {
        key: [compile_flag(one)({"targetingKey": key}, {}, 0, full()).variant for one in (before, after)]
        for key in KEYS
    }
    expected = [Moved(key, *pair) for key, pair in got.items() if pair[0] != pair[1]]
    assert who(before, after) == expected
    assert {(one.before, one.after) for one in expected} == {("c", "b")}


def test_keys_are_values_of_any_attribute() -> None:
    before, after = (
        one({"if": [{"var": "beta"}, fractional(left, {"var": "user.id"})]}) for left in (0, 100)
    )
    asked = Asked("user.id", {"beta": True, "user": {"name": "x"}})
    assert [found.key for found in who(before, after, ["k", "l"], asked)] == ["k", "l"]
    assert who(before, after, ["k"], Asked("user.id")) == []
    assert asked.context == {"beta": True, "user": {"name": "x"}}


def test_whole_contexts_are_taken_as_they_are() -> None:
    before, after = holding(one({"if": [{"var": "x"}, "b"]})), holding(one({"if": [{"var": "x"}, "c"]}))
    people: list[str | Mapping[str, object]] = [{"targetingKey": "u", "x": True}, {"x": False}, {"x": 1}]
    assert list(moved(people, "f", before, after)) == [Moved("u", "b", "c"), Moved("", "b", "c")]


def test_what_is_less_than_can_be_said_is_not_called_nothing() -> None:
    told = sentences(moves(halves(1, 100), halves(2, 100)))
    assert told[0].startswith("Of everybody with a targeting key, less than 0.01 %")
    assert isinstance(moves(halves(), halves(3, 20)), Moves)

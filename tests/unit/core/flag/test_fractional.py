"""Splits, as flagd's testbed has them for each generation, and where their values come from."""

from __future__ import annotations

import pytest

from sre_portal.core.flag.bucket import DEFAULT_EPOCH, Epoch
from sre_portal.core.flag.flag_set import parse_flags
from sre_portal.core.flag.resolution import Reason
from sre_portal.core.flag_pin import pin
from tests.unit.core.flag.samples import document, flag, flags, variant

CARDS = {name: name for name in ("clubs", "diamonds", "hearts", "spades", "wild")}
SUITS = [["clubs", 25], ["diamonds", 25], ["hearts", 25], ["spades", 25]]


def drawn(key: str, seed: object, name: str, epoch: int) -> str | None:
    rule = {"fractional": [{"cat": [seed, {"var": "user.name"}]}, *SUITS]}
    one = flag(rule, variants=CARDS, defaultVariant="wild", metadata={"bucketingEpoch": epoch})
    return parse_flags({"flags": {key: one}}).evaluate(key, {"user": {"name": name}}).variant


@pytest.mark.parametrize(
    ("epoch", "cards"),
    [
        (1, "jack=spades queen=clubs ten=diamonds nine=hearts 3=diamonds"),
        (2, "jack=hearts queen=spades ten=clubs nine=diamonds 3=clubs"),
        (3, "jack=diamonds queen=diamonds ten=clubs nine=clubs 3=spades"),
    ],
)
def test_each_epoch_draws_the_cards_of_the_testbed(epoch: int, cards: str) -> None:
    for card in cards.split():
        name, _, suit = card.partition("=")
        assert drawn("fractional-flag", {"var": "$flagd.flagKey"}, name, epoch) == suit


@pytest.mark.parametrize(
    ("epoch", "cards"),
    [
        (1, "jack=hearts queen=spades ten=hearts nine=diamonds"),
        (2, "seven=hearts eight=diamonds nine=clubs two=spades"),
        (3, "seven=hearts eight=hearts nine=diamonds two=diamonds"),
    ],
)
def test_flags_that_share_a_seed_share_their_splits(epoch: int, cards: str) -> None:
    for card in cards.split():
        name, _, suit = card.partition("=")
        assert {drawn(key, "shared-seed", name, epoch) for key in ("one", "two")} == {suit}


@pytest.mark.parametrize(
    ("key", "side"),
    [("ejOoVL", "b"), ("bY9fO-", "b"), ("SI7p-", "b"), ("6LvT0", "c"), ("ceQdGm", "c")],
)
def test_keys_at_the_edges_of_the_hash_are_split_as_in_the_testbed(key: str, side: str) -> None:
    rule = {"fractional": [{"var": "targetingKey"}, ["b", 50], ["c", 50]]}
    assert variant(rule, {"targetingKey": key}, metadata={"bucketingEpoch": 2}) == side


@pytest.mark.parametrize(
    ("value", "bucket"),
    [
        (True, 5), (False, 1), ("user1", 22), ("user2", 16), (123, 20), (456, 12), (1.23, 14), (4.56, 18),
        ("123", 22),
        ("true", 24), ("false", 1), ("null", 8), ("1.23", 4), (0, 8), (-0.0, 8), (1.0, 23), (1, 23),
        (-2.0, 12),
        (9007199254740992.0, 10), (2147483647, 10), (-2147483648, 8), (23, 21), (24, 11), (255, 13),
        (256, 13),
        (65535, 4), (65536, 11), (-24, 4), (-25, 16), (1e20, 19), (-1e20, 25), (65504.0, 16),
        (0.00006103515625, 22),
        (65505.0, 17), (3.4028234663852886e38, 10), (3.5e38, 1), (1.7976931348623157e308, 17), (5e-324, 2),
        ({"a": 1, "b": 2}, 23), ({"b": 2, "a": 1}, 23), ({"z": 1, "aa": 2}, 21), ({"a": {"b": 1}, "b": 2}, 9),
        ({"a": True, "bbb": 1, "c": "text", "dddd": 2.5}, 25), ({"aaa": 1, "ÿ": 2}, 12),
    ],
)  # fmt: skip
def test_any_value_is_split_as_in_the_testbed_since_v3(value: object, bucket: int) -> None:
    names = [f"bucket{number}" for number in range(1, 26)]
    rule = {"fractional": [{"var": "x"}, *([name, 1] for name in names)]}
    variants = {name: name for name in names}
    assert variant(rule, {"x": value}, variants=variants, defaultVariant=None) == f"bucket{bucket}"


@pytest.mark.parametrize("epoch", [1, 2])
def test_before_v3_only_texts_are_split(epoch: int) -> None:
    rule = {"fractional": [{"var": "x"}, ["b", 1], ["c", 1]]}
    pinned = {"bucketingEpoch": epoch}
    assert flags(rule, metadata=pinned).evaluate("f", {"x": 12, "targetingKey": "u"}).reason is Reason.DEFAULT
    by_key = variant({"fractional": [["b", 1], ["c", 1]]}, {"targetingKey": "u"}, metadata=pinned)
    assert (
        variant(rule, {"targetingKey": "u"}, metadata=pinned) == by_key
    )  # null goes back to the targeting key


def test_since_v3_a_missing_bucketing_value_gives_the_default() -> None:
    assert variant({"fractional": [{"var": "x"}, ["b", 1]]}, {"targetingKey": "u"}) == "a"


@pytest.mark.parametrize("context", [{}, {"targetingKey": ""}, {"targetingKey": 7}, {"targetingKey": None}])
def test_without_a_targeting_key_the_default_is_given_and_no_error(context: dict[str, object]) -> None:
    found = flags({"fractional": [["b", 1], ["c", 1]]}).evaluate("f", context)
    assert (found.variant, found.reason, found.error_code) == ("a", Reason.DEFAULT, None)


def test_a_flag_that_does_not_say_is_split_as_flagd_does_now() -> None:
    assert DEFAULT_EPOCH is Epoch.V3
    unpinned = [variant({"fractional": [["b", 1], ["c", 1]]}, {"targetingKey": f"u{n}"}) for n in range(50)]
    pinned = [
        variant(
            {"fractional": [["b", 1], ["c", 1]]}, {"targetingKey": f"u{n}"}, metadata={"bucketingEpoch": 3}
        )
        for n in range(50)
    ]
    assert unpinned == pinned


def test_the_metadata_of_the_set_says_the_epoch_where_the_flag_does_not() -> None:
    rule = {"fractional": [["b", 1], ["c", 1]]}
    for key in (f"u{n}" for n in range(50)):
        context = {"targetingKey": key}
        by_set = parse_flags(document(rule) | {"metadata": {"bucketingEpoch": 1}}).evaluate("f", context)
        assert by_set.variant == variant(rule, context, metadata={"bucketingEpoch": 1})


PREMIUM = {"if": [{"==": [{"var": "tier"}, "premium"]}, "b", "c"]}


def test_a_variant_is_a_rule() -> None:
    rule = {"fractional": [{"var": "targetingKey"}, [PREMIUM, 100], ["a", 0]]}
    assert variant(rule, {"targetingKey": "u", "tier": "premium"}) == "b"
    assert variant(rule, {"targetingKey": "u"}) == "c"


def test_a_weight_is_a_rule() -> None:
    rule = {"fractional": [["b", {"if": [{"var": "on"}, 1, 0]}], ["c", {"if": [{"var": "on"}, 0, 1.0]}]]}
    assert variant(rule, {"targetingKey": "u", "on": True}) == "b"
    assert variant(rule, {"targetingKey": "u"}) == "c"


@pytest.mark.parametrize("weight", [-5, 0])
def test_a_computed_weight_below_zero_is_zero(weight: int) -> None:
    rule = {"fractional": [["b", {"var": "w"}], ["c", 1]]}
    assert variant(rule, {"targetingKey": "u", "w": weight}) == "c"


@pytest.mark.parametrize("weight", ["1", True, None, 1.5, 2**31, [1]])
def test_a_computed_weight_that_is_none_gives_the_default(weight: object) -> None:
    rule = {"fractional": [["b", {"var": "w"}], ["c", 1]]}
    assert variant(rule, {"targetingKey": "u", "w": weight}) == "a"


def test_a_bucket_is_a_rule() -> None:
    rule = {"fractional": [{"var": "targetingKey"}, {"if": [{"var": "x"}, ["b", 1], ["c", 1]]}]}
    assert variant(rule, {"targetingKey": "u", "x": 1}) == "b"
    assert variant(rule, {"targetingKey": "u"}) == "c"


def test_a_bucketing_value_that_is_a_list_is_the_first_bucket() -> None:
    rule = {"fractional": [{"merge": [{"var": "name"}, 1]}, ["c", 0]]}
    assert variant(rule, {"targetingKey": "u", "name": "b"}) == "b"
    assert variant({"fractional": [{"var": "x"}, ["c", 0]]}, {"targetingKey": "u", "x": ["b", 1]}) == "b"


def test_a_split_is_a_condition() -> None:
    assert (
        variant({"if": [{"fractional": [[False, 0], [True, 100]]}, "b", "c"]}, {"targetingKey": "u"}) == "b"
    )
    assert (
        variant({"if": [{"fractional": [[False, 100], [True, 0]]}, "b", "c"]}, {"targetingKey": "u"}) == "c"
    )


def test_no_weight_at_all_gives_the_default() -> None:
    assert variant({"fractional": [["b", 0], ["c", 0]]}, {"targetingKey": "u"}) == "a"


@pytest.mark.parametrize("epoch", Epoch)
def test_one_bucket_is_for_everybody(epoch: Epoch) -> None:
    assert (
        variant({"fractional": [["b"]]}, {"targetingKey": "u"}, metadata={"bucketingEpoch": int(epoch)})
        == "b"
    )


@pytest.mark.parametrize("epoch", Epoch)
def test_more_weight_takes_nobody_away(epoch: Epoch) -> None:
    """A rollout that grows keeps those it has: the reason for hashing at all."""
    pinned = {"bucketingEpoch": int(epoch)}
    had: set[str] = set()
    for share in (0, 5, 20, 50, 99, 100):
        split = flags({"fractional": [["b", share], ["c", 100 - share]]}, metadata=pinned)
        have = {
            key
            for key in (f"user-{n}" for n in range(500))
            if split.evaluate("f", {"targetingKey": key}).variant == "b"
        }
        assert had <= have
        had = have
    assert len(had) == 500


def test_an_import_pins_what_splits_people_and_says_no_epoch() -> None:
    split = {"fractional": [["b", 1], ["c", 1]]}
    written = {
        "flags": {
            "split": flag(split, metadata={"owner": "x"}),
            "shared": flag({"if": [{"var": "x"}, {"$ref": "half"}]}),
            "pinned": flag(split, metadata={"bucketingEpoch": 1}),
            "plain": flag({"if": [{"var": "x"}, "b"]}),
        },
        "$evaluators": {"half": split},
    }
    pinned = pin(parse_flags(written).definitions, Epoch.V2).flags
    assert pinned["split"].metadata == {"owner": "x", "bucketingEpoch": 2}
    assert {key: one.pinned() for key, one in pinned.items()} == {
        "split": Epoch.V2, "shared": Epoch.V2, "pinned": Epoch.V1, "plain": None,
    }  # fmt: skip

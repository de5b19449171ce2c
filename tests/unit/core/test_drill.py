"""The rule around a drilled kill switch: nobody else notices it, and the clock ends it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from sre_portal.core.drill import (
    DrillName,
    Wrapper,
    by_hand,
    cohort_words,
    share_of,
    until_of,
    unwrap,
    without_drill,
    wrap,
    wrapper_in,
    wrapper_of,
)
from sre_portal.core.errors import InvalidInput
from sre_portal.core.experiment import Cohort
from sre_portal.core.flag.definition import Flag
from sre_portal.core.flag.dump import flag_fields
from sre_portal.core.flag.flag_set import FlagSet, parse_flags
from sre_portal.core.flag.resolution import Resolution
from sre_portal.core.flag_change import flag_text
from tests.unit.core.flag.samples import document, flag
from tests.unit.core.flag.test_flagd_agreement import CONTEXTS, TARGETING, theirs

UNTIL = datetime(2026, 11, 23, 12, 0, 30, tzinfo=UTC)
BEFORE, AFTER = int(UNTIL.timestamp()) - 1, int(UNTIL.timestamp())
NAME = DrillName(12, "shop", "f")
EVERYBODY = Cohort()
FIFTH = Cohort(percent=Decimal(20))
BETA = Cohort(attribute="group", equals="beta")
COHORTS = st.one_of(
    st.just(EVERYBODY),
    st.builds(lambda name, text: Cohort(attribute=name, equals=text), st.sampled_from("xyz"), st.text()),
    st.decimals("0.001", 100, places=3).map(lambda percent: Cohort(percent=percent)),
)


def wrapper(cohort: Cohort = EVERYBODY, variant: str = "b") -> Wrapper:
    return wrapper_of(NAME, cohort, variant, UNTIL)


def drilled(fields: Mapping[str, object], cohort: Cohort = EVERYBODY) -> FlagSet:
    return parse_flags({"flags": {"f": wrap(fields, wrapper(cohort))}})


def answer(flags: FlagSet, context: Mapping[str, object], at: int) -> tuple[object, str | None, object]:
    found: Resolution = flags.evaluate("f", context, at=at)
    return found.value, found.variant, found.error_code


def parsed(targeting: object, default: object) -> FlagSet:
    try:
        return parse_flags(document(targeting, defaultVariant=default))
    except InvalidInput:
        assume(False)  # not every drawn rule names variants that are there
        raise


@given(TARGETING, CONTEXTS, st.sampled_from(["a", None]), COHORTS)
def test_after_its_end_a_drill_changes_nobody(
    targeting: object, context: Mapping[str, object], default: object, cohort: Cohort
) -> None:
    plain = parsed(targeting, default)
    wrapped = drilled(flag_fields(plain.definitions.flags["f"]), cohort)
    for at in (AFTER, AFTER + 1, AFTER + 86_400):
        assert answer(wrapped, context, at) == answer(plain, context, at)


@given(TARGETING, CONTEXTS, st.sampled_from(["a", None]), COHORTS)
def test_whoever_is_outside_the_cohort_notices_nothing(
    targeting: object, context: Mapping[str, object], default: object, cohort: Cohort
) -> None:
    plain = parsed(targeting, default)
    wrapped = drilled(flag_fields(plain.definitions.flags["f"]), cohort)
    everybody = parse_flags(document({"if": [wrapper(cohort).cohort, "c", "a"]}))
    inside = everybody.evaluate("f", context).variant == "c"
    expected = ("value of b", "b", None) if inside else answer(plain, context, BEFORE)
    assert answer(wrapped, context, BEFORE) == expected


@given(TARGETING, st.sampled_from(["a", None]), COHORTS)
def test_what_was_wrapped_comes_back_to_the_byte(targeting: object, default: object, cohort: Cohort) -> None:
    plain = parsed(targeting, default)
    text = flag_text(plain.definitions.flags["f"])
    wrapped = json.loads(json.dumps(wrap(json.loads(text), wrapper(cohort))))
    assert wrapper_in(wrapped) == wrapper(cohort)
    assert json.dumps(unwrap(wrapped), ensure_ascii=False) == text


@given(TARGETING)
def test_other_rules_are_not_taken_for_a_wrapper(targeting: object) -> None:
    fields = {"targeting": targeting}
    assert wrapper_in(fields) is None
    assert unwrap(fields) == fields


def test_a_flag_without_a_rule_is_wrapped_and_comes_back_without_one() -> None:
    wrapped = wrap(flag(), wrapper())
    assert unwrap(wrapped) == flag()
    assert answer(drilled(flag()), {}, BEFORE) == ("value of b", "b", None)
    assert answer(drilled(flag()), {}, AFTER) == ("value of a", "a", None)


def test_only_the_outer_one_of_two_wrappers_is_taken_off() -> None:
    once = wrap(flag(), wrapper())
    assert unwrap(wrap(once, wrapper(BETA))) == once


TEXT, CLOCK = "drill 12 of shop/f", {"<": [{"var": "$flagd.timestamp"}, 1]}


def test_the_rule_says_of_which_run_and_flag_it_is() -> None:
    found = wrapper_in({"targeting": {"if": [{"and": [TEXT, CLOCK, True]}, "b", None]}})
    assert found is not None
    assert (str(found.name), found.name) == (TEXT, NAME)


@pytest.mark.parametrize(
    "targeting",
    [
        {"if": [{"and": [TEXT, CLOCK, True]}, "b"]},
        {"if": [{"and": [TEXT, CLOCK, True]}, "b", "a"]},
        {"if": [{"and": [TEXT, CLOCK, True]}, "b", {}]},
        {"if": [{"and": [TEXT, CLOCK, 1]}, "b", None]},
        {"if": [{"and": [TEXT, CLOCK, False]}, "b", None]},
        {"if": [{"and": [TEXT, CLOCK, {"==": [{"var": "x"}, 1]}]}, "b", None]},
        {"if": [{"and": [TEXT, CLOCK, True, True]}, "b", None]},
        {"if": [{"and": [CLOCK, True]}, "b", None]},
        {"if": [{"and": ["drill 0 of shop/f", CLOCK, True]}, "b", None]},
        {"if": [{"and": ["drill 1234567890123456 of shop/f", CLOCK, True]}, "b", None]},
        {"if": [{"and": ["drill 12 of shop", CLOCK, True]}, "b", None]},
        {"if": [{"and": ["drill 12 of shop/f\n", CLOCK, True]}, "b", None]},
        {"if": [{"and": [{"==": [TEXT, TEXT]}, CLOCK, True]}, "b", None]},
        {"if": [{"or": [TEXT, CLOCK, True]}, "b", None]},
        {"if": [{"and": [TEXT, {"<": [{"var": "$flagd.timestamp"}, True]}, True]}, "b", None]},
        {"if": [{"and": [TEXT, {"<": [{"var": "$flagd.timestamp"}, 1.5]}, True]}, "b", None]},
        {"if": [{"and": [TEXT, {"<": [{"var": "now"}, 1]}, True]}, "b", None]},
        {"if": [{"and": [TEXT, CLOCK, True]}, {"var": "x"}, None]},
        {"if": [{"and": [TEXT, CLOCK, True]}, "b", None], "or": [1]},
        {"if": [{"and": [TEXT, {**CLOCK, "or": [1]}, True]}, "b", None]},
        {"if": [{"and": [TEXT, {"<": [{"var": "$flagd.timestamp", "or": [1]}, 1]}, True]}, "b", None]},
        "b",
        None,
    ],
)
def test_what_somebody_wrote_alike_is_theirs(targeting: object) -> None:
    assert wrapper_in({"targeting": targeting}) is None


def test_a_split_with_the_salt_of_another_drill_is_no_wrapper() -> None:
    other = wrapper_of(DrillName(13, "shop", "f"), FIFTH, "b", UNTIL)
    assert wrapper_in(wrap(flag(), replace(other, name=NAME))) is None


def parsed_flag(fields: Mapping[str, object]) -> Flag:
    return parse_flags({"flags": {"f": fields}}).definitions.flags["f"]


def test_of_a_flag_that_leaves_its_place_all_wrappers_are_taken_off() -> None:
    plain = parsed_flag(flag({"if": [{"var": "x"}, "c"]}))
    twice = parsed_flag(wrap(wrap(flag_fields(plain), wrapper(BETA)), wrapper()))
    assert without_drill(twice) == plain
    assert without_drill(plain) is plain


def test_who_edits_a_flag_keeps_the_wrapper_that_is_in_force_and_brings_no_other() -> None:
    plain, during = parsed_flag(flag()), parsed_flag(wrap(flag(), wrapper()))
    longer = parsed_flag(wrap(flag(), replace(wrapper(), until=AFTER + 86_400)))
    now = during.targeting
    assert by_hand(during, now) is during
    for brought, before in ((during, plain.targeting), (during, None), (longer, now), (plain, now)):
        assert by_hand(brought, before) == plain


ORIGINALS: tuple[object, ...] = (
    ...,
    {"if": [{"==": [{"var": "x"}, "beta"]}, "c"]},
    {"fractional": [["b", 30], ["c", 70]]},
)


@given(st.sampled_from(ORIGINALS), COHORTS, st.sampled_from([1, 2**33]))
def test_the_evaluator_of_flagd_takes_the_rule_as_ours_does(
    targeting: object, cohort: Cohort, until: int
) -> None:
    told = {"flags": {"f": wrap(flag(targeting), replace(wrapper(cohort), until=until))}}
    for key in ("user-1", "user-2"):
        context = {"targetingKey": key, "x": "beta"}
        assert theirs(told, context)[:2] == answer(parse_flags(told), context, 2**30)[:2]


def test_a_cohort_by_percent_is_a_share_of_keys_and_always_the_same() -> None:
    flags = drilled(flag(), FIFTH)
    first = [answer(flags, {"targetingKey": f"user-{one}"}, BEFORE) for one in range(4000)]
    assert first == [answer(flags, {"targetingKey": f"user-{one}"}, BEFORE - 10) for one in range(4000)]
    assert 700 < first.count(("value of b", "b", None)) < 900


def test_a_cohort_by_percent_does_not_follow_the_split_of_the_flag() -> None:
    split = {"fractional": [["a", 20], ["c", 80]]}
    plain, flags = parse_flags(document(split)), drilled(flag(split), FIFTH)
    both = [0, 0]
    for one in range(4000):
        context = {"targetingKey": f"user-{one}"}
        if answer(flags, context, BEFORE)[1] == "b":
            both[plain.evaluate("f", context).variant == "a"] += 1
    assert 0.14 < both[1] / sum(both) < 0.26


@pytest.mark.parametrize("context", [{}, {"targetingKey": ""}, {"targetingKey": None}])
@pytest.mark.parametrize("percent", ["100", "99.999"])
def test_without_a_key_nobody_is_in_a_cohort_by_percent(context: Mapping[str, object], percent: str) -> None:
    flags = drilled(flag(), Cohort(percent=Decimal(percent)))
    assert answer(flags, context, BEFORE)[1] == "a"


def test_all_percent_are_everybody_with_a_key() -> None:
    flags = drilled(flag(), Cohort(percent=Decimal(100)))
    assert {answer(flags, {"targetingKey": str(one)}, BEFORE)[1] for one in range(500)} == {"b"}


def test_a_cohort_by_attribute_is_who_has_it() -> None:
    flags = drilled(flag(), BETA)
    assert answer(flags, {"group": "beta"}, BEFORE)[1] == "b"
    assert answer(flags, {"group": "alpha"}, BEFORE)[1] == "a"
    assert answer(flags, {}, BEFORE)[1] == "a"


@given(st.integers(0, 10**15), st.integers(1, 86_400_000))
def test_a_drill_ends_in_a_whole_second_five_seconds_after_its_run(us: int, ms: int) -> None:
    granted, duration = UNTIL + timedelta(microseconds=us), timedelta(milliseconds=ms)
    until = until_of(granted, duration)
    assert until.microsecond == 0
    assert timedelta(seconds=5) <= until - granted - duration < timedelta(seconds=6.001)


def test_cohorts_in_words() -> None:
    assert [cohort_words(one) for one in (EVERYBODY, FIFTH, BETA)] == [
        "everybody",
        "20 % of targeting keys",
        "everybody whose group is beta",
    ]
    assert [share_of(one) for one in (EVERYBODY, FIFTH, BETA)] == [100, 20, 100]

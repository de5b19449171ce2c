"""Ours and flagd's own evaluator give the same answers, wherever flagd's is sound JSONLogic."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openfeature.contrib.tools.flagd.core import FlagdCore
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import OpenFeatureError

from sre_portal.core.errors import InvalidInput
from sre_portal.core.flag.flag_set import parse_flags
from sre_portal.core.flag.resolution import ErrorCode, Reason
from tests.unit.core.flag.samples import document, variant

Answer = tuple[object, str | None, str, str | None]


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    """The evaluator of flagd logs whatever makes no sense."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def theirs(written: Mapping[str, object], context: Mapping[str, object]) -> Answer:
    core = FlagdCore()
    core.set_flags(copy.deepcopy(dict(written)))
    attributes = {name: value for name, value in context.items() if name != "targetingKey"}
    key = context.get("targetingKey")
    asked = EvaluationContext(str(key) if key is not None else None, attributes)  # type: ignore[arg-type]  # any JSON
    try:
        found = core.resolve_string_value("f", "", asked)
    except OpenFeatureError as error:
        return (None, None, Reason.ERROR, error.error_code.value)
    return (found.value if found.variant else None, found.variant, str(found.reason), None)


def ours(written: Mapping[str, object], context: Mapping[str, object]) -> Answer:
    found = parse_flags(written).evaluate("f", context, expected_type="string")
    return (found.value, found.variant, found.reason, found.error_code)


VARIANTS = st.sampled_from(["a", "b", "c"])
NAMES = st.sampled_from(
    ["x", "y", "user.name", "user.age", "list", "list.1", "$flagd.flagKey", "targetingKey"]
)
READS = NAMES.map(lambda name: {"var": name})
SIMPLE = st.sampled_from(
    ["x", "y", "user.name", "user.age", "list.1", "$flagd.flagKey"]
)  # never an empty text
TEXTS = st.sampled_from(["a", "abc", "abcd", "b", "1", "2.0", "v1.2", "1.2.3-rc.1", "x@example.com"])
NUMBERS = st.one_of(st.integers(-3, 30), st.sampled_from([0.5, -1.25, 2.5]))
PLAIN = st.one_of(TEXTS, NUMBERS, st.booleans())
OPERAND = st.one_of(READS, READS, PLAIN)
DEFAULTED = st.builds(lambda name, other: {"var": [name, other]}, SIMPLE, TEXTS)


def binary(operators: list[str], left: st.SearchStrategy[object], right: st.SearchStrategy[object]) -> Rules:
    return st.builds(lambda name, one, two: {name: [one, two]}, st.sampled_from(operators), left, right)


Rules = st.SearchStrategy[dict[str, object]]
NUMERIC = st.recursive(
    st.one_of(NUMBERS, NUMBERS.map(str)),
    lambda inner: st.one_of(
        binary(["+", "-", "*"], inner, inner),
        st.lists(inner, min_size=1, max_size=3).map(lambda values: {"max": values}),
        st.lists(inner, min_size=1, max_size=3).map(lambda values: {"min": values}),
    ),
    max_leaves=4,
)
CONDITIONS: st.SearchStrategy[object] = st.recursive(
    st.one_of(
        binary(["==", "!="], st.one_of(DEFAULTED, PLAIN), PLAIN),
        binary(["===", "!=="], OPERAND, TEXTS),
        binary(["<", "<=", ">", ">="], SIMPLE.map(lambda name: {"var": name}), NUMBERS),
        binary(["<", "<=", ">", ">=", "=="], NUMERIC, NUMERIC),
        st.builds(lambda low, name, high: {"<=": [low, {"var": name}, high]}, NUMBERS, SIMPLE, NUMBERS),
        binary(["in"], st.one_of(READS, TEXTS), st.lists(TEXTS, max_size=4)),
        binary(["in"], TEXTS, TEXTS.filter(bool)),
        binary(["starts_with", "ends_with"], OPERAND.filter(lambda one: isinstance(one, (str, dict))), TEXTS),
        st.builds(
            lambda read, how, version: {"sem_ver": [read, how, version]},
            READS,
            st.sampled_from(["=", "!=", "<", "<=", ">", ">=", "^", "~"]),
            st.sampled_from(["1.2.3", "v1.2.3-rc.1", "1.2", "1", "2.0.0+build.5", "1.2.3-rc.11"]),
        ),
        st.lists(st.sampled_from(["x", "y", "user.name", "zz"]), max_size=3).map(
            lambda names: {"missing": names}
        ),
        st.builds(lambda need: {"missing_some": [need, ["x", "user.age", "zz"]]}, st.integers(0, 3)),
        st.builds(
            lambda loop, low: {loop: [{"var": "list"}, {">": [{"var": ""}, low]}]},
            st.sampled_from(["all", "some", "none", "filter", "map"]),
            NUMBERS,
        ),
        PLAIN,
    ),
    lambda inner: st.one_of(
        inner.map(lambda rule: {"!": [rule]}),
        inner.map(lambda rule: {"!!": [rule]}),
        st.lists(inner, min_size=1, max_size=3).map(lambda rules: {"and": rules}),
        st.lists(inner, min_size=1, max_size=3).map(lambda rules: {"or": rules}),
    ),
    max_leaves=5,
)
BUCKETS = st.lists(
    st.one_of(
        st.tuples(VARIANTS, st.integers(0, 100)).map(list),
        VARIANTS.map(lambda name: [name]),
        st.tuples(VARIANTS.map(lambda name: {"if": [{"var": "x"}, name, None]}), st.integers(0, 9)).map(list),
        st.builds(
            lambda name, rule, low: [name, {"if": [rule, low, 3]}], VARIANTS, CONDITIONS, st.integers(-2, 9)
        ),
    ),
    min_size=1,
    max_size=4,
)
KEYS = st.one_of(
    READS,
    TEXTS,
    st.just({"cat": [{"var": "$flagd.flagKey"}, {"var": ["user.name", ""]}]}),
)
SPLITS = st.one_of(
    BUCKETS.map(lambda buckets: {"fractional": buckets}),
    st.builds(lambda key, buckets: {"fractional": [key, *buckets]}, KEYS, BUCKETS),
)
TARGETING = st.recursive(
    st.one_of(SPLITS, CONDITIONS.filter(lambda rule: isinstance(rule, dict))),
    lambda inner: st.builds(
        lambda condition, then, other: {"if": [condition, then, other]},
        CONDITIONS,
        st.one_of(VARIANTS, st.none(), inner),
        st.one_of(VARIANTS, st.none(), inner),
    ),
    max_leaves=4,
)
CONTEXTS = st.fixed_dictionaries(
    {},
    optional={
        "x": PLAIN,
        "y": PLAIN,
        "user": st.fixed_dictionaries({}, optional={"name": TEXTS, "age": NUMBERS}),
        "list": st.lists(NUMBERS, max_size=4),
        "targetingKey": st.text(max_size=20),
    },
)


@settings(max_examples=400)
@given(TARGETING, CONTEXTS)
def test_any_rule_gives_what_flagd_gives(targeting: object, context: dict[str, object]) -> None:
    written = document(targeting)
    try:
        parse_flags(written)
    except InvalidInput:
        return  # no rule at all for us: a version that is none, say
    assert ours(written, context) == theirs(written, context)


@given(st.text(max_size=30), BUCKETS, st.text(max_size=10))
def test_anybody_is_split_as_flagd_splits(key: str, buckets: list[object], seed: str) -> None:
    context: dict[str, object] = {"targetingKey": key, "seed": seed}
    for targeting in ({"fractional": buckets}, {"fractional": [{"var": "seed"}, *buckets]}):
        written = document(targeting)
        assert ours(written, context) == theirs(written, context)


VALUES = st.recursive(
    st.one_of(st.text(max_size=5), st.integers(-(2**70), 2**70), st.booleans(), st.floats(allow_nan=False)),
    lambda inner: st.one_of(st.dictionaries(st.text(max_size=3), inner, max_size=3)),
    max_leaves=5,
)


@given(VALUES)
def test_any_bucketing_value_is_hashed_as_flagd_hashes(value: object) -> None:
    written = document(
        {"fractional": [{"var": "x"}, ["a", 1], ["b", 1], ["c", 1], ["true", 1], ["false", 1]]}
    )
    assert ours(written, {"x": value}) == theirs(written, {"x": value})


@pytest.mark.parametrize(
    ("changed", "reason", "code"),
    [
        ({}, Reason.STATIC, None),
        ({"state": "DISABLED"}, Reason.DISABLED, None),
        ({"defaultVariant": None}, Reason.DEFAULT, None),
        ({"defaultVariant": ...}, Reason.DEFAULT, None),
        ({"targeting": {}}, Reason.STATIC, None),
        ({"targeting": {"if": [True, "b"]}}, Reason.TARGETING_MATCH, None),
        ({"targeting": {"if": [False, "b"]}}, Reason.DEFAULT, None),
        ({"targeting": {"if": [False, "b"]}, "defaultVariant": None}, Reason.DEFAULT, None),
        ({"targeting": {"==": [1, 1]}}, Reason.TARGETING_MATCH, None),
        ({"targeting": {"var": "none"}}, Reason.DEFAULT, None),
        ({"targeting": {"cat": ["z"]}}, Reason.ERROR, ErrorCode.GENERAL),
        ({"variants": {"a": 1}}, Reason.ERROR, ErrorCode.TYPE_MISMATCH),
        ({"state": "DISABLED", "variants": {"a": 1}}, Reason.DISABLED, None),
    ],
)
def test_reasons_and_codes_are_those_of_flagd(
    changed: dict[str, object], reason: Reason, code: ErrorCode | None
) -> None:
    written = document(**changed)
    assert ours(written, {})[2:] == (reason, code)
    assert ours(written, {}) == theirs(written, {})


def test_an_evaluator_is_what_flagd_writes_in() -> None:
    written = document({"if": [{"$ref": "e"}, "b", "c"]}, evaluators={"e": {"==": [{"var": "x"}, 1]}})
    for context in ({"x": 1}, {"x": 2}, {}):
        assert ours(written, context) == theirs(written, context)


# Where flagd's JSONLogic is not JavaScript's, JavaScript's is followed. Each line: ours, and flagd's.
@pytest.mark.parametrize(
    ("condition", "context", "our", "their"),
    [
        ({"==": [{"cat": ["k", {"var": "gone"}]}, "k"]}, {}, "b", "c"),  # null is nothing in a text
        ({"==": [{"cat": ["k", True]}, "ktrue"]}, {}, "b", "c"),  # Python writes True
        ({"===": [{"var": ["x", 1]}, None]}, {"x": None}, "b", "c"),  # null is there, so it needs no default
        ({"==": [{"var": "gone"}, 0]}, {}, "c", "b"),  # null is equal to nothing else
        ({"==": ["", 0]}, {}, "b", "c"),  # an empty text reads as 0
        ({"===": [1, True]}, {}, "c", "b"),  # a boolean is no number
        ({"in": [1, [True]]}, {}, "c", "b"),
        ({"==": [{"%": [-3, 2]}, -1]}, {}, "b", "c"),  # the remainder has the sign of the dividend
        ({"==": [{"*": [{"var": "x"}, 2]}, 2]}, {"x": True}, "c", "b"),  # + and * read texts, not booleans
        ({"==": [{"+": ["3px"]}, 3]}, {}, "b", "c"),
        ({"==": ["0x10", 16]}, {}, "b", "c"),
        ({"==": ["1_0", 10]}, {}, "c", "b"),
        ({"in": ["", ""]}, {}, "c", "b"),
        ({">": [3, 2, 5]}, {}, None, "c"),  # refused: only < and <= take three
    ],
)
def test_where_flagd_is_no_jsonlogic_ours_is(
    condition: object, context: dict[str, object], our: str | None, their: str
) -> None:
    targeting = {"if": [condition, "b", "c"]}
    assert theirs(document(targeting), context)[1] == their
    if our is None:
        with pytest.raises(InvalidInput):
            variant(targeting, context)
    else:
        assert variant(targeting, context) == our


def test_a_division_by_zero_is_an_answer_and_no_crash() -> None:
    targeting = {"if": [{"/": [1, 0]}, "b", "c"]}
    assert variant(targeting) == "b"
    with pytest.raises(ZeroDivisionError):
        theirs(document(targeting), {})

"""Each operator has its row in all that knows operators: checked, compiled, what it gives, reads and says."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import suppress

import pytest

from sre_portal.core.errors import InvalidInput
from sre_portal.core.flag.compile import Compiler
from sre_portal.core.flag.effort import full
from sre_portal.core.flag.lookup import Facts
from sre_portal.core.flag.operators import (
    ARITIES,
    EAGER,
    GIVES_TRUTH,
    GIVES_TRUTH_OR_NULL,
    LOOPS,
    READERS,
)
from sre_portal.core.flag.outcome import outcomes, variant_name
from sre_portal.core.flag_conditions import conditions_of
from sre_portal.core.flag_reads import RuleReader, read_by
from sre_portal.core.flag_rule_words import AS_JSON, rule_words
from tests.unit.core.flag.samples import flags

TIER, AGE, TAGS, ITEM = {"var": "tier"}, {"var": "age"}, {"var": "tags"}, {"var": ""}
VERSION = {"var": "version"}
FACT = {"var": "$slo.checkout.burn_1h"}
ORDER: list[object] = [AGE, 18]
LIST: list[object] = [TAGS, {"==": [ITEM, "beta"]}]
SUM: list[object] = [{"var": "accumulator"}, {"var": "current"}]
SAMPLES: Mapping[str, list[object]] = {
    "var": ["tier"], "missing": ["tier", "age"], "missing_some": [1, ["tier", "age"]],
    "if": [TIER, "b", "c"], "?:": [TIER, "b", "c"], "and": [TIER, "b"], "or": [TIER, "b"],
    "!": [TIER], "!!": [TIER],
    "==": [TIER, "gold"], "===": [TIER, "gold"], "!=": [TIER, "gold"], "!==": [TIER, "gold"],
    ">": ORDER, ">=": ORDER, "<": ORDER, "<=": ORDER,
    "+": ORDER, "-": ORDER, "*": ORDER, "/": ORDER, "%": ORDER, "min": ORDER, "max": ORDER,
    "map": LIST, "filter": LIST, "reduce": [TAGS, {"cat": SUM}, ""], "all": LIST, "none": LIST, "some": LIST,
    "merge": [TAGS, "x"], "in": ["beta", TAGS], "cat": [TIER, "-"], "substr": [TIER, 1], "log": [TIER],
    "fractional": [["b", 1], ["c", 1]], "sem_ver": [VERSION, ">=", "1.2.0"],
    "starts_with": [TIER, "go"], "ends_with": [TIER, "ld"],
}  # fmt: skip
"""A use of each operator. Whoever adds an operator adds one here; the tests tell what else it needs."""
CONTEXTS: list[dict[str, object]] = [
    {},
    {"tier": "gold", "age": 17, "tags": ["beta", "x"], "version": "1.3.0", "targetingKey": "ann"},
    {"tier": "", "age": 40.5, "tags": [], "version": "none", "targetingKey": "bob"},
]
HELD: list[Facts] = [{}, {"checkout": {"burn_1h": 20.0}}]

each = pytest.mark.parametrize("operator", ARITIES)


def values(operator: str) -> list[object]:
    step = Compiler("f").rule({operator: SAMPLES[operator]})
    return [step(context, (1_700_000_000, facts, full())) for context in CONTEXTS for facts in HELD]


def with_part(operator: str, part: object) -> Iterator[tuple[object, int]]:
    """The sample with another part at each place that is evaluated with the context."""
    sample = SAMPLES[operator]
    for place in range(len(sample)):
        if not (operator in LOOPS and place == 1):
            yield {operator: [*sample[:place], part, *sample[place + 1 :]]}, place


def test_there_is_a_sample_of_each_operator_and_of_nothing_else() -> None:
    assert set(SAMPLES) == set(ARITIES)
    assert set(EAGER) | LOOPS | READERS | GIVES_TRUTH | GIVES_TRUTH_OR_NULL | AS_JSON <= set(ARITIES)


@each
def test_each_operator_is_checked_and_gives_what_its_row_says(operator: str) -> None:
    assert flags({operator: SAMPLES[operator]})  # the check lets it through
    kinds = {type(value) for value in values(operator)}
    if operator in GIVES_TRUTH:
        assert kinds == {bool}
    elif operator in GIVES_TRUTH_OR_NULL:
        assert kinds == {bool, type(None)}
    else:
        assert kinds - {bool, type(None)}


@each
def test_what_an_operator_gives_is_among_what_it_can_give(operator: str) -> None:
    possible = list(outcomes({operator: SAMPLES[operator]}, "", {}))
    if all(one.known for one in possible):
        assert {variant_name(value) for value in values(operator)} <= {one.variant for one in possible}


@each
def test_a_fact_is_found_wherever_an_operator_reads_it(operator: str) -> None:
    for rule, _ in with_part(operator, FACT):
        assert RuleReader({}).of(rule).facts == {"checkout.burn_1h"}


@each
def test_an_operator_that_reads_by_itself_says_what(operator: str) -> None:
    assert bool(list(read_by(operator, SAMPLES[operator]))) is (operator in READERS)


@each
def test_a_condition_below_an_operator_is_found(operator: str) -> None:
    for rule, place in with_part(operator, {"<": [FACT, 1]}):
        with suppress(InvalidInput):  # some places take only what is written down
            found = conditions_of(flags(rule).definitions.flags["f"], {})
            assert found.found or not found.whole, (rule, place)


@each
def test_each_operator_has_words_or_is_known_to_have_none(operator: str) -> None:
    rule = {operator: SAMPLES[operator]}
    assert (rule_words(rule) == json.dumps(rule)) is (operator in AS_JSON)

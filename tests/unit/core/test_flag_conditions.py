"""The conditions on error budgets are taken out of a rule: while none of them turns, nobody is moved."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sre_portal.core.errors import InvalidInput
from sre_portal.core.flag.lookup import Facts
from sre_portal.core.flag_conditions import FAILED, Conditions, Purpose, conditions_of
from sre_portal.core.flag_reads import RuleReader
from tests.unit.core.flag.samples import flags

LEFT = {"var": ["$slo.checkout.budget_remaining", 1]}
BURN = {"var": ["$slo.checkout.burn_1h", 0]}
MISSED = "$slo.checkout.burn_1h"
LOW, HOT = {"<": [LEFT, 0.2]}, {">": [BURN, 14]}
TIER = {"var": "tier"}


def facts(left: float | None = None, burn: float | None = None) -> Facts:
    told = {"budget_remaining": left, "burn_1h": burn}
    return {"checkout": {name: value for name, value in told.items() if value is not None}}


def found(targeting: object, evaluators: Mapping[str, object] | None = None, **changed: object) -> Conditions:
    made = flags(targeting, evaluators=evaluators, **changed)
    return conditions_of(made.definitions.flags["f"], made.definitions.evaluators)


def seen(targeting: object, evaluators: Mapping[str, object] | None = None) -> list[tuple[str, str]]:
    """Path below the targeting, or of the evaluator, and words of each condition."""
    return [
        (one.path.removeprefix("flags.f.targeting."), one.words) for one in found(targeting, evaluators).found
    ]


LOW_WORDS = "$slo.checkout.budget_remaining < 0.2"
HOT_WORDS = "$slo.checkout.burn_1h > 14"


@pytest.mark.parametrize(
    ("targeting", "expected"),
    [
        ({"if": [LOW, "b", "c"]}, [("if[0]", LOW_WORDS)]),
        ({"if": [LOW, "b", HOT, "c"]}, [("if[0]", LOW_WORDS), ("if[2]", HOT_WORDS)]),
        ({"if": [{"and": [LOW, HOT]}, "b", "c"]}, [("if[0]", f"{LOW_WORDS} and {HOT_WORDS}")]),
        (
            {"if": [{"or": [{"==": [TIER, "free"]}, {"and": [LOW, HOT]}]}, "b"]},
            [("if[0].or[1]", f"{LOW_WORDS} and {HOT_WORDS}")],
        ),
        ({"if": [{"and": [{"==": [TIER, "free"]}, LOW]}, "b"]}, [("if[0].and[1]", LOW_WORDS)]),
        ({"if": [{"!": [LOW]}, "b"]}, [("if[0]", f"not {LOW_WORDS}")]),
        ({"if": [{"==": [TIER, "free"]}, {"if": [LOW, "b", "c"]}]}, [("if[1].if[0]", LOW_WORDS)]),
        ({"if": [{"if": [TIER, LOW, HOT]}, "b"]}, [("if[0].if[1]", LOW_WORDS), ("if[0].if[2]", HOT_WORDS)]),
        (
            {"fractional": [["a", {"if": [LOW, 0, 50]}], [{"if": [HOT, "b", "c"]}, 50]]},
            [("fractional[0][1].if[0]", LOW_WORDS), ("fractional[1][0].if[0]", HOT_WORDS)],
        ),
        ({"cat": [TIER, {"if": [LOW, "b", ""]}]}, [("cat[1].if[0]", LOW_WORDS)]),
        ({"if": [{"==": [TIER, LOW]}, "b"]}, [("if[0].==[1]", LOW_WORDS)]),
        ({"var": ["wanted", {"if": [LOW, "b", "c"]}]}, [("var[1].if[0]", LOW_WORDS)]),
        ({"in": [TIER, {"merge": [TIER, LOW]}]}, [("in[1].merge[1]", LOW_WORDS)]),
        ({"if": [{"missing": [MISSED]}, "b"]}, [("if[0]", f'{{"missing": ["{MISSED}"]}}')]),
        ({"if": [TIER, "b", "c"]}, []),
    ],
)  # fmt: skip
def test_the_largest_parts_that_only_facts_decide_are_found(
    targeting: object, expected: list[tuple[str, str]]
) -> None:
    assert seen(targeting) == expected
    assert found(targeting).whole


def test_a_shared_rule_is_looked_into_once() -> None:
    evaluators = {"degraded": {"or": [LOW, {"$ref": "hot"}]}, "hot": HOT}
    targeting = {"if": [{"$ref": "degraded"}, "b", {"and": [TIER, {"$ref": "degraded"}]}, "c"]}
    [(path, _)] = seen(targeting, evaluators)
    assert path == "$evaluators.degraded"
    mixed = {"degraded": {"or": [{"$ref": "hot"}, TIER]}, "hot": HOT}
    assert seen(targeting, mixed) == [("$evaluators.hot", HOT_WORDS)]


@pytest.mark.parametrize(
    "targeting",
    [
        {"if": [{"<": [LEFT, {"var": "threshold"}]}, "b"]},
        {"if": [{"<": [LEFT, {"var": "$flagd.timestamp"}]}, "b"]},
        {"cat": [TIER, LEFT]},
        {"if": [{"var": TIER}, "b"]},
        {"if": [{"var": ""}, "b"]},
        {"if": [{"in": ["x", {"var": "$slo"}]}, "b"]},
        {"fractional": [["a", {"*": [LEFT, 100]}], ["b", 1]]},
    ],
)
def test_a_fact_that_something_else_is_made_of_is_said_to_be_unwatched(targeting: object) -> None:
    assert (found(targeting).found, found(targeting).whole) == ((), False)


def test_what_a_condition_gives_is_whether_it_holds_or_the_variant() -> None:
    rule = found({"if": [LOW, {"cat": ["", {"var": ["$slo.checkout.tier", "z"]}]}, {"and": [HOT, None]}]})
    assert rule.states(facts(0.1, 20)) == (True, "<no variant>", None)
    assert rule.states(facts(0.3, 1)) == (False, "<no variant>", False)
    assert rule.states({"checkout": {"tier": "b"}}) == (False, "b", False)
    assert [one.purpose for one in rule.found] == [Purpose.TRUTH, Purpose.OUTCOME, Purpose.OUTCOME]


def test_facts_that_are_read_are_told_and_missing_ones_too() -> None:
    rule = found({"if": [{"and": [LOW, HOT]}, "b"]})
    assert rule.reads == ("checkout.budget_remaining", "checkout.burn_1h")
    assert rule.known(facts(0.1)) == {"checkout.budget_remaining": 0.1, "checkout.burn_1h": None}


def test_an_element_of_a_list_is_no_fact() -> None:
    inner = {"<": [{"var": "$slo.checkout.budget_remaining"}, 1]}
    assert seen({"if": [{"all": [{"var": "items"}, inner]}, "b"]}) == []


def test_a_disabled_flag_has_no_conditions() -> None:
    assert found({"if": [LOW, "b"]}, state="DISABLED") == Conditions()


def test_a_condition_that_fails_is_a_state_of_its_own() -> None:
    grown = {"reduce": [{"map": [[1] * 1500, 1]}, {"merge": [{"var": "accumulator"}] * 90}, LEFT]}
    rule = found({"if": [{"==": [grown, 1]}, "b"]})
    assert rule.states(facts(0.1)) == (FAILED,)


def test_deep_rules_with_many_references_are_read_in_no_time() -> None:
    evaluators: dict[str, object] = {"e0": LOW}
    for index in range(1, 10):
        evaluators[f"e{index}"] = {"or": [{"$ref": f"e{index - 1}"}] * 2}
    assert seen({"if": [{"$ref": "e9"}, "b"]}, evaluators)[0][0] == "$evaluators.e9"
    looked = RuleReader(evaluators)
    assert looked.of(evaluators["e9"]).only_facts


LEAVES = st.sampled_from(
    [
        *(0, 1, 0.2, "a", "b", "z", "", True, False, None),
        *(LEFT, BURN, TIER, LOW, HOT, {"$ref": "low"}, {"$ref": "mixed"}),
        *({"var": path} for path in (MISSED, "$slo.gone.burn_1h", "$flagd.flagKey")),
    ]
)
EVALUATORS = {"low": LOW, "mixed": {"or": [{"==": [TIER, "b"]}, {"if": [HOT, "a", "b"]}]}}


def _rules(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    one, two, some = (st.lists(inner, min_size=low, max_size=high) for low, high in ((1, 1), (2, 2), (1, 4)))
    bucket = st.tuples(inner, st.integers(0, 3) | inner).map(list)
    values: dict[str, st.SearchStrategy[object]] = {
        **dict.fromkeys(("<", "==", "===", "!=", ">=", "in", "-", "all", "filter"), two),
        **dict.fromkeys(("if", "?:", "and", "or", "cat", "max", "merge", "missing", "+"), some),
        **dict.fromkeys(("!", "!!", "log"), one),
        "var": st.tuples(st.sampled_from(["tier", MISSED]), inner).map(list),
        "fractional": st.lists(bucket, min_size=1, max_size=3),
    }
    return st.one_of(*(st.fixed_dictionaries({name: value}) for name, value in values.items()))


RULES = st.recursive(LEAVES, _rules, max_leaves=12)
BUDGETS = st.none() | st.sampled_from([-1, 0, 0.1, 0.19, 0.2, 0.5, 1])
RATES = st.none() | st.sampled_from([0, 1, 14, 14.01, 30])
CONTEXTS = st.fixed_dictionaries(
    {}, optional={"tier": st.sampled_from(["a", "b", "", 1]), "targetingKey": st.text(max_size=3)}
)


FACTS = st.tuples(BUDGETS, RATES).map(lambda pair: facts(*pair))


@settings(max_examples=500)
@given(RULES, FACTS, FACTS, CONTEXTS)
def test_while_no_condition_turns_everybody_gets_the_same(
    rule: object, before: Facts, after: Facts, context: dict[str, object]
) -> None:
    try:
        made = flags(rule, evaluators=EVALUATORS)
    except InvalidInput:
        return  # no rule at all
    conditions = conditions_of(made.definitions.flags["f"], made.definitions.evaluators)
    if conditions.whole and conditions.states(before) == conditions.states(after):
        first, second = (made.evaluate("f", context, facts=one) for one in (before, after))
        assert (first.variant, first.error_code) == (second.variant, second.error_code)

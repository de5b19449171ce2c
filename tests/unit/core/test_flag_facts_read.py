"""Of all facts, those that the rules of a set read; found without evaluating a rule."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from sre_portal.core.flag_change import FlagRow, SetNews
from sre_portal.core.flag_facts_read import FactsRead
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_reads import Reads, RuleReader
from tests.unit.core.flag.samples import flag

AT = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
BURN = {"var": "$slo.shop.burn_1h"}
HOT = {"if": [{">": [BURN, 1]}, "b", "a"]}
FACTS = {"shop": {"burn_1h": 2.0, "budget_remaining": 0.5}, "payments": {"burn_1h": 1.0}}
OF_SHOP = {"shop": FACTS["shop"]}


def after(before: KeptSet, **definitions: object) -> KeptSet:
    """The set with flags in other versions. None takes one away."""
    version = before.version + 1
    rows = [
        FlagRow(
            before.name, key, version, version, told if told is None else json.dumps(told), AT, "ada", "-"
        )
        for key, told in definitions.items()
    ]
    return before.following(SetNews(before.name, version, rows))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (BURN, Reads(frozenset({"shop.burn_1h"}))),
        ({"missing": ["$slo.shop.burn_1h", "tier"]}, Reads(frozenset({"shop.burn_1h"}), context=True)),
        ({"var": ["tier", BURN]}, Reads(frozenset({"shop.burn_1h"}), context=True)),
        ({"var": "$flagd.timestamp"}, Reads(context=True)),
        ({"var": "$flagd.flagKey"}, Reads()),
        ({"fractional": [["a", 1], ["b", 1]]}, Reads(context=True)),
        ({"var": ""}, Reads(anything=True)),
        ({"var": "$slo"}, Reads(anything=True)),
        ({"var": {"cat": ["$slo.", {"var": "x"}]}}, Reads(context=True, anything=True)),
        ({"some": [{"var": "groups"}, {"==": [{"var": ""}, "beta"]}]}, Reads(context=True)),
        ({"reduce": [[1], {"var": "$slo.shop.burn_1h"}, BURN]}, Reads(frozenset({"shop.burn_1h"}))),
        ({"$ref": "hot"}, Reads(frozenset({"shop.burn_1h"}))),
    ],
)
def test_what_a_rule_reads_is_known(rule: object, expected: Reads) -> None:
    assert RuleReader({"hot": BURN}).of(rule) == expected


def test_a_set_whose_rules_look_at_elements_of_a_list_reads_no_fact() -> None:
    rule = {"if": [{"some": [{"var": "groups"}, {"==": [{"var": ""}, "beta"]}]}, "b", "a"]}
    assert FactsRead(after(KeptSet("shop"), f=flag(rule))).of(FACTS) is None


def test_a_set_is_given_the_facts_that_its_rules_read_as_it_changes() -> None:
    kept = after(KeptSet("shop"), f=flag(), g=flag(HOT))
    read = FactsRead(kept)
    assert read.of(FACTS) == OF_SHOP
    assert read.of({}) == {}  # it reads some, and they are not known
    read.follow(kept := after(kept, g=None))
    assert read.of(FACTS) is None
    read.follow(kept := after(kept, f=flag({"if": [{"var": ""}, "a"]})))
    assert read.of(FACTS) == FACTS
    read.follow(after(kept, f=flag(HOT)))
    assert read.of(FACTS) == OF_SHOP


def test_what_flags_share_is_read_by_those_that_name_it() -> None:
    kept = after(
        KeptSet("shop"),
        f=flag({"if": [{"$ref": "hot"}, "a"]}),
        **{"": {"$evaluators": {"hot": {"<": [1, 2]}}}},
    )
    read = FactsRead(kept)
    assert read.of(FACTS) is None
    read.follow(after(kept, **{"": {"$evaluators": {"hot": {"<": [BURN, 2]}}}}))
    assert read.of(FACTS) == OF_SHOP

from __future__ import annotations

from sre_portal.core.flag_rules_named import rules_named, rules_needed

RULES: dict[str, object] = {
    "staff": {"ends_with": [{"var": "email"}, "@shop.example"]},
    "friends": {"or": [{"$ref": "staff"}, {"in": [{"var": "id"}, ["ada"]]}]},
    "circle": {"and": [{"$ref": "circle"}, {"$ref": "friends"}]},
    "alone": True,
}


def test_a_rule_names_others_wherever_they_stand_in_it() -> None:
    rule = {"if": [{"$ref": "friends"}, "on", {"if": [{"!": {"$ref": "alone"}}, "off"]}, {"$ref": "friends"}]}
    assert list(rules_named(rule)) == ["friends", "alone", "friends"]
    assert list(rules_named("friends")) == []


def test_what_a_named_rule_names_is_needed_as_well_and_rules_in_a_circle_end() -> None:
    assert list(rules_needed({"$ref": "friends"}, RULES)) == ["friends", "staff"]
    assert list(rules_needed({"$ref": "circle"}, RULES)) == ["circle", "friends", "staff"]
    assert rules_needed({"$ref": "nobody"}, RULES) == {}
    assert rules_needed(None, RULES) == {}

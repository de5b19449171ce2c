"""What an evaluation says."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest

import sre_portal.core.flag as flag_package
from sre_portal.core.flag.effort import full
from sre_portal.core.flag.flag_set import FlagSet, compile_flag, parse_flags
from sre_portal.core.flag.resolution import ErrorCode, ExpectedType, Reason, Resolution
from tests.unit.core.flag.samples import document, flag, flags, variant


def test_the_agent_can_import_all_of_it_without_pydantic() -> None:
    names = [
        path.stem for path in Path(flag_package.__file__ or "").parent.glob("*.py") if path.stem != "__init__"
    ]
    assert "flag_set" in names
    modules = ", ".join(f"sre_portal.core.flag.{name}" for name in names)
    code = f"import sys, {modules}; sys.exit('pydantic' in sys.modules or 'yaml' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_static_flag_has_all_details() -> None:
    found = flags(metadata={"owner": "team"}).evaluate("f", {})
    assert found == Resolution("value of a", "a", Reason.STATIC, {"owner": "team"}, None, "")


def test_a_match_has_all_details() -> None:
    found = flags({"if": [{"==": [{"var": "x"}, 1]}, "b"]}).evaluate("f", {"x": 1})
    assert found == Resolution("value of b", "b", Reason.TARGETING_MATCH, {}, None, "")


def test_an_unknown_flag_is_an_answer() -> None:
    found = flags().evaluate("gone", {})
    assert (found.reason, found.error_code, found.variant) == (Reason.ERROR, ErrorCode.FLAG_NOT_FOUND, None)
    assert "'gone'" in found.error_details


def test_a_disabled_flag_leaves_the_value_to_the_caller() -> None:
    found = flags(state="DISABLED", metadata={"a": 1}).evaluate("f", {}, expected_type="boolean")
    assert found == Resolution(None, None, Reason.DISABLED, {"a": 1})


@pytest.mark.parametrize("default", [None, "", ...])
def test_without_a_default_variant_the_caller_has_the_value(default: object) -> None:
    assert flags(defaultVariant=default).evaluate("f", {}) == Resolution(None, None, Reason.DEFAULT)
    targeted = flags({"if": [{"var": "x"}, "b"]}, defaultVariant=default)
    assert targeted.evaluate("f", {}) == Resolution(None, None, Reason.DEFAULT)
    assert targeted.evaluate("f", {"x": 1}).variant == "b"


def test_a_result_that_names_no_variant_is_an_error() -> None:
    found = flags({"var": "x"}, metadata={"a": 1}).evaluate("f", {"x": "z" * 1000})
    assert (found.error_code, found.value, found.metadata) == (ErrorCode.GENERAL, None, {"a": 1})
    assert len(found.error_details) < 200


@pytest.mark.parametrize(("given", "name"), [(True, "true"), (False, "false"), ("b", "b"), (None, "a")])
def test_a_result_names_a_variant(given: object, name: str) -> None:
    assert variant({"var": "x"}, {"x": given}) == name


def test_a_number_names_the_variant_it_is_written_as() -> None:
    variants = {"1": "one", "1.5": "more"}
    assert variant({"var": "x"}, {"x": 1.0}, variants=variants, defaultVariant=None) == "1"
    assert variant({"var": "x"}, {"x": 1.5}, variants=variants, defaultVariant=None) == "1.5"


@pytest.mark.parametrize(
    ("value", "expected", "fits"),
    [
        (True, "boolean", True), (True, "integer", False), (True, "float", False), (True, "string", False),
        ("x", "string", True), ("x", "object", False), (1, "integer", True), (1, "number", True),
        (1, "boolean", False),
        (1.5, "integer", False), (1.5, "float", True), (10.0, "integer", False), ({}, "object", True),
        ({}, "string", False),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_a_mismatch(value: object, expected: ExpectedType, fits: bool) -> None:
    found = flags(variants={"a": value}, metadata={"m": 1}).evaluate("f", {}, expected_type=expected)
    assert found.error_code == (None if fits else ErrorCode.TYPE_MISMATCH)
    assert found.metadata == {"m": 1}
    if not fits:
        assert found.variant is None
        assert expected in found.error_details


def test_a_whole_number_asked_for_as_a_float_is_one() -> None:
    value = flags(variants={"a": 10}).evaluate("f", {}, expected_type="float").value
    assert isinstance(value, float)
    assert value == 10


def test_what_is_said_of_the_flag_goes_before_what_is_said_of_the_set() -> None:
    written = document(metadata={"owner": "flag", "bucketingEpoch": 2}) | {
        "metadata": {"owner": "set", "version": "1"}
    }
    found = parse_flags(written).evaluate("f", {})
    assert found.metadata == {"owner": "flag", "version": "1", "bucketingEpoch": 2}


def test_metadata_cannot_be_changed_by_whoever_gets_it() -> None:
    found = flags(metadata={"a": 1}).evaluate("f", {})
    with pytest.raises(TypeError):
        found.metadata["a"] = 2  # type: ignore[index]  # this is what must fail


def test_a_context_that_is_no_object_is_an_answer() -> None:
    found = flags({"var": "x"}).evaluate("f", [1])  # type: ignore[arg-type]  # what a client may send
    assert (found.reason, found.error_code) == (Reason.ERROR, ErrorCode.INVALID_CONTEXT)


def test_any_mapping_is_a_context() -> None:
    assert variant({"var": "x"}, MappingProxyType({"x": "b"})) == "b"


def test_a_context_that_lies_too_deep_is_an_answer() -> None:
    deep: object = "x"
    for _ in range(100_000):
        deep = [deep]
    found = flags({"cat": [{"var": "x"}]}).evaluate("f", {"x": deep})
    assert found.error_code is ErrorCode.GENERAL
    assert flags({"fractional": [{"var": "x.0"}, ["b", 1]]}).evaluate("f", {"x": [{"y": deep}]}).error_code
    while isinstance(deep, list):  # taken apart here: Python frees such a thing by recursion
        deep = deep.pop()


def test_the_flag_and_the_time_are_in_the_context() -> None:
    rule = {"if": [{">=": [{"var": "$flagd.timestamp"}, 100]}, "b", "c"]}
    assert flags(rule).evaluate("f", {}, at=100).variant == "b"
    assert flags(rule).evaluate("f", {}, at=99).variant == "c"
    assert variant({"if": [{"==": [{"var": "$flagd.flagKey"}, "f"]}, "b"]}) == "b"
    assert variant({"if": [{"==": [{"var": ["$flagd.other", 7]}, 7]}, "b"]}) == "b"


def test_a_caller_cannot_say_what_the_portal_says() -> None:
    lie: dict[str, object] = {
        "$flagd": {"flagKey": "z", "timestamp": 1},
        "$slo": {"checkout": {"burn_1h": 0}},
    }
    assert variant({"if": [{"==": [{"var": "$flagd.flagKey"}, "f"]}, "b"]}, lie) == "b"
    assert variant({"if": [{"missing": ["$slo.checkout.burn_1h"]}, "b"]}, lie) == "b"
    assert variant({"if": [{"==": [{"var": {"cat": ["$slo", ".checkout.burn_1h"]}}, None]}, "b"]}, lie) == "b"


def test_a_fact_decides() -> None:
    rule = {"if": [{"<": [{"var": "$slo.checkout.budget_remaining"}, 0.1]}, "b", "c"]}
    facts = {"checkout": {"budget_remaining": 0.05, "burn_1h": 14.4}}
    assert flags(rule).evaluate("f", {}, facts=facts).variant == "b"
    assert flags(rule).evaluate("f", {}, facts={"checkout": {"budget_remaining": 0.5}}).variant == "c"


class Counted(Mapping[str, Mapping[str, object]]):
    """Facts that tell which were asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __getitem__(self, name: str) -> Mapping[str, object]:
        self.asked.append(name)
        return {"burn_1h": 2}

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("nobody asks for all facts")

    def __len__(self) -> int:
        return 1


def test_facts_are_only_looked_up_when_a_rule_asks() -> None:
    facts = Counted()
    asking = {"if": [{"var": "x"}, {"if": [{">": [{"var": "$slo.checkout.burn_1h"}, 1]}, "b"]}]}
    assert flags(asking).evaluate("f", {}, facts=facts).variant == "a"
    assert facts.asked == []
    assert flags(asking).evaluate("f", {"x": 1}, facts=facts).variant == "b"
    assert facts.asked == ["checkout"]


def test_all_flags_are_evaluated_in_their_order() -> None:
    written = {"flags": {"z": flag({"if": [True, "b"]}), "y": flag(state="DISABLED"), "x": flag()}}
    found = parse_flags(written).evaluate_all({})
    assert list(found) == ["z", "y", "x"]
    assert [one.reason for one in found.values()] == [Reason.TARGETING_MATCH, Reason.DISABLED, Reason.STATIC]


def test_a_change_makes_another_set_and_leaves_the_first() -> None:
    first = flags({"if": [True, "b"]}, evaluators={"e": {"==": [1, 1]}})
    changed = parse_flags(document({"if": [True, "c"]})).definitions.flags["f"]
    second = first.with_flag(changed)
    assert (first.evaluate("f", {}).variant, second.evaluate("f", {}).variant) == ("b", "c")
    third = second.with_flag(parse_flags(document()).definitions.flags["f"])
    assert third.evaluate("f", {}).reason is Reason.STATIC
    assert third.with_flag(changed) == second
    assert len(third.without("f")) == 0
    assert third.without("f").evaluate("f", {}).error_code is ErrorCode.FLAG_NOT_FOUND
    assert "f" in third


def test_equal_definitions_are_equal_sets() -> None:
    assert flags() == flags()
    assert hash(flags()) == hash(flags())
    assert flags() != flags(state="DISABLED")
    assert FlagSet(flags().definitions) == flags()


def test_one_flag_is_compiled_by_itself() -> None:
    one = flags({"if": [{"var": "x"}, "b"]}).definitions.flags["f"]
    assert compile_flag(one)({"x": 1}, {}, 0, full()).variant == "b"
    fixed = flags().definitions.flags["f"]
    assert compile_flag(fixed)({}, {}, 0, full()).reason is Reason.STATIC


@pytest.mark.parametrize(
    ("left", "how", "right", "holds"),
    [
        ("2.0.0", "=", "2.0.0", True), ("2.0.0-alpha", "<", "2.0.0", True), ("1.0.0+a", "=", "1.0.0+b", True),
        ("v1.2.3", "=", "1.2.3", True), ("V1", "=", "1.0.0", True), ("1.2", ">", "1.1.9", True),
        (1, "^", "1.9", True),
        (1.5, "~", "1.5.3", True), ("1.0.0-1", "<", "1.0.0-a", True), ("1.0.0-2", "<", "1.0.0-11", True),
        ("1.0.0-a", "<", "1.0.0-a.1", True), ("1.0.0-alpha.beta", "<", "1.0.0-beta", True),
        ("1.0.0-rc.1", "!=", "1.0.0", True), ("1.9.9", "^", "1.0.0", True), ("2.0.0", "^", "1.0.0", False),
        ("1.1.0", "~", "1.0.0", False), ("2.0.0.0", "=", "2.0.0", None), ("01.0.0", "=", "1.0.0", None),
        ("1.0.0-01", "=", "1.0.0", None), ("", "=", "1.0.0", None), (True, "=", "1.0.0", None),
        (None, "=", "1.0.0", None), ("1." * 200, "=", "1.0.0", None), ("1.0-rc", "<", "1.0.0", True),
    ],
)  # fmt: skip
def test_versions_have_their_precedence(left: object, how: str, right: str, holds: bool | None) -> None:
    expected = {True: "true", False: "false", None: "a"}[holds]
    assert variant({"sem_ver": [{"var": "v"}, how, right]}, {"v": left}) == expected
    assert variant({"sem_ver": [{"var": "v"}, {"var": "how"}, right]}, {"v": left, "how": how}) == expected


def test_many_flags_change_at_once_and_the_first_set_stays() -> None:
    first = parse_flags({"flags": {name: flag() for name in "abc"}})
    other = parse_flags({"flags": {"b": flag(state="DISABLED"), "d": flag()}}).definitions.flags
    second = first.changed({"a": None, "b": other["b"], "d": other["d"], "gone": None})
    assert list(second) == ["b", "c", "d"]
    assert list(first) == ["a", "b", "c"]
    assert second.evaluate("b", {}).reason == "DISABLED"

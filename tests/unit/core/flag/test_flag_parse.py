"""A definition that makes no sense is refused, with everything that is wrong with it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.core.flag.dump import dump_flags
from sre_portal.core.flag.flag_set import FlagSet, parse_flags
from sre_portal.core.flag.reading import MAX_DEPTH, MAX_RULE
from tests.unit.core.flag.samples import document, flag, flags


def problems(written: object) -> list[Problem]:
    text = written if isinstance(written, str) else json.dumps(written)
    with pytest.raises(InvalidInput) as refused:
        parse_flags(text, "flags.json")
    assert all(problem.source == "flags.json" for problem in refused.value.problems)
    return list(refused.value.problems)


def paths(written: object) -> list[str]:
    return [problem.path for problem in problems(written)]


T = "flags.f.targeting"


@pytest.mark.parametrize(
    ("targeting", "path", "seen"),
    [
        ({"fractionl": [["a", 1]]}, f"{T}.fractionl", "the operator 'fractionl'"),
        ({"if": [True, {"nope": 1}]}, f"{T}.if[1].nope", "the operator 'nope'"),
        ({"!": {"nope": 1}}, f"{T}.!.nope", "the operator 'nope'"),
        ({"==": [1]}, f"{T}.==", "1 values"),
        ({"<": [1, 2, 3, 4]}, f"{T}.<", "4 values"),
        ({">": [1, 2, 3]}, f"{T}.>", "3 values"),
        ({"and": []}, f"{T}.and", "0 values"),
        ({"if": [True, {"a": 1, "b": 2}]}, f"{T}.if[1]", "an object of a, b"),
        ({"if": [True, {}]}, f"{T}.if[1]", "an empty object"),
        ({"$ref": "gone"}, f"{T}.$ref", "the evaluator 'gone'"),
        ({"if": [{"$ref": 1}, "a"]}, f"{T}.if[0].$ref", "a number"),
        ({"fractional": [["a", -1], ["b", 1]]}, f"{T}.fractional[0][1]", "-1"),
        ({"fractional": [["a", 1.5], ["b", 1]]}, f"{T}.fractional[0][1]", "1.5"),
        ({"fractional": [["a", "1"]]}, f"{T}.fractional[0][1]", "a string"),
        ({"fractional": [["a", True]]}, f"{T}.fractional[0][1]", "a boolean"),
        ({"fractional": [["a", 2**31 - 1], ["b"]]}, f"{T}.fractional", "weights of 2147483648 together"),
        ({"fractional": [{"var": "x"}, "a"]}, f"{T}.fractional[1]", "a string"),
        ({"fractional": [{"var": "x"}]}, f"{T}.fractional", "no bucket"),
        ({"fractional": [["a", 1, 2]]}, f"{T}.fractional[0]", "3 values"),
        ({"fractional": [[["a"], 1]]}, f"{T}.fractional[0][0]", "a list"),
        ({"fractional": [["z", 1]]}, f"{T}.fractional[0][0]", "'z'"),
        (
            {"if": [True, {"fractional": [{"var": "x"}, ["a", 1], ["b", -2]]}]},
            f"{T}.if[1].fractional[2][1]",
            "-2",
        ),
        ({"if": [True, "z", "a"]}, f"{T}.if[1]", "'z'"),
        ({"if": [True, "a", {"if": [True, "b", "y"]}]}, f"{T}.if[2].if[2]", "'y'"),
        ({"if": [True, 7]}, f"{T}.if[1]", "'7'"),
        ({"sem_ver": [{"var": "v"}, "=>", "1.0.0"]}, f"{T}.sem_ver[1]", "'=>'"),
        ({"sem_ver": [{"var": "v"}, "=", "1.x"]}, f"{T}.sem_ver[2]", "'1.x'"),
        ({"starts_with": [{"var": "v"}, 3]}, f"{T}.starts_with[1]", "a number"),
        ({"starts_with": ["abc"]}, f"{T}.starts_with", "1 values"),
        ({"var": [1.5]}, f"{T}.var", "a number"),
        ([], T, "a list"),
        ("a", T, "a string"),
        (
            {"map": [[1], {"map": [[1], {"map": [[1], {"map": [[1], 1]}]}]}]},
            f"{T}.map[1].map[1].map[1].map",
            "4 loops in each other",
        ),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused(targeting: object, path: str, seen: str) -> None:
    [problem] = problems(document(targeting))
    assert (problem.path, problem.seen) == (path, seen)


@pytest.mark.parametrize(
    ("changed", "path", "seen"),
    [
        ({"state": ...}, "flags.f.state", "nothing"),
        ({"state": "ON"}, "flags.f.state", "'ON'"),
        ({"variants": ...}, "flags.f.variants", "nothing"),
        ({"variants": {}}, "flags.f.variants", "nothing"),
        ({"variants": ["a"]}, "flags.f.variants", "a list"),
        ({"variants": {"a": 1, "b": "x"}}, "flags.f.variants.b", "a string"),
        ({"variants": {"a": True, "b": 1}}, "flags.f.variants.b", "a number"),
        ({"variants": {"a": None}, "defaultVariant": "a"}, "flags.f.variants.a", "null"),
        ({"variants": {"a": [1]}}, "flags.f.variants.a", "a list"),
        ({"variants": {"a": 2**53}}, "flags.f.variants.a", "9007199254740992"),
        ({"variants": {"a": "x", "": "y"}}, "flags.f.variants", "a variant without a name"),
        ({"defaultVariant": "A"}, "flags.f.defaultVariant", "'A'"),
        ({"defaultVariant": True}, "flags.f.defaultVariant", "a boolean"),
        ({"metadata": {"a": None}}, "flags.f.metadata.a", "null"),
        ({"metadata": {"": 1}}, "flags.f.metadata", "a value without a name"),
        ({"metadata": []}, "flags.f.metadata", "a list"),
        ({"metadata": {"bucketingEpoch": 4}}, "flags.f.metadata.bucketingEpoch", "4"),
        ({"metadata": {"bucketingEpoch": "2"}}, "flags.f.metadata.bucketingEpoch", "'2'"),
        ({"metadata": {"bucketingEpoch": True}}, "flags.f.metadata.bucketingEpoch", "True"),
    ],
)
def test_a_flag_that_makes_no_sense_is_refused(changed: dict[str, object], path: str, seen: str) -> None:
    [problem] = problems(document(**changed))
    assert (problem.path, problem.seen) == (path, seen)


@pytest.mark.parametrize(
    ("text", "path", "seen"),
    [
        ("{", "", "Expecting property name enclosed in double quotes"),
        ("[]", "", "a list"),
        ("{}", "flags", "nothing"),
        ('{"flags": 1}', "flags", "a number"),
        ('{"flags": {"": {}}}', "flags", "an empty key"),
        ('{"flags": {"f": 1}}', "flags.f", "a number"),
        ('{"flags": {}, "flags": {}}', "flags", "the same key twice"),
        ('{"flags": {}, "$evaluators": []}', "$evaluators", "a list"),
        ('{"flags": {}, "$evaluators": {"e": "x"}}', "$evaluators.e", "a string"),
        ('{"flags": {}, "$evaluators": {"e": {"no": 1}}}', "$evaluators.e.no", "the operator 'no'"),
        ('{"flags": {}, "metadata": {"a": []}}', "metadata.a", "a list"),
        ('{"flags": [{"key": 1}]}', "flags[0].key", "a number"),
        ('{"flags": {}, "x": NaN}', "x", "nan"),
        ('{"flags": {}, "x": 1e999}', "x", "inf"),
        ('{"flags": {}, "x": "\\ud800"}', "x", "half of a surrogate pair"),
        ('{"flags": {}, "x": {"a": 1, "a": 2}}', "x", "the key 'a' twice"),
    ],
)
def test_a_document_that_makes_no_sense_is_refused(text: str, path: str, seen: str) -> None:
    found = problems(text)
    assert found[0].path == path
    assert found[0].seen == seen


def test_a_flag_that_is_there_twice_is_refused() -> None:
    one = json.dumps(flag())
    [problem] = problems(f'{{"flags": {{"f": {one}, "f": {one}}}}}')
    assert (problem.path, problem.seen) == ("flags.f", "the same key twice")
    written = {"flags": [flag(key="f"), flag(key="f")]}
    [problem] = problems(written)
    assert (problem.path, problem.seen) == ("flags[1].key", "'f' again")


def test_a_key_that_is_there_twice_deep_inside_is_found_at_its_place() -> None:
    text = json.dumps(document({"if": [{"==": [1, 1]}, "b"]})).replace(
        '{"==": [1, 1]}', '{"==": [1, 1], "==": [1, 2]}'
    )
    assert paths(text) == [f"{T}.if[0]"]


def test_not_a_number_is_refused_where_it_stands() -> None:
    assert paths(document({"if": [{"<": [{"var": "x"}, float("nan")]}, "b"]})) == [f"{T}.if[0].<[1]"]


def test_text_that_is_no_utf8_is_refused() -> None:
    with pytest.raises(InvalidInput, match="bytes that are no text"):
        parse_flags(b'{"flags": {"\xff": {}}}')


def test_a_byte_order_mark_is_passed_over() -> None:
    assert len(parse_flags(b'\xef\xbb\xbf{"flags": {}}')) == 0


def test_the_line_of_broken_json_is_told() -> None:
    [problem] = problems('{\n"flags": {\n"f" 1}}')
    assert problem.line == 3


def test_everything_that_is_wrong_is_told_at_once() -> None:
    written = {
        "flags": {
            "one": flag({"if": [{"nope": 1}, "z", {"==": [1]}]}, state="on", defaultVariant="no"),
            "two": flag({"fractional": [["a", -1], ["b", 0.5]]}, metadata={"x": None}),
        },
        "$evaluators": {"e": {"$ref": "gone"}},
    }
    assert paths(written) == [
        "$evaluators.e.$ref",
        "flags.one.state",
        "flags.one.defaultVariant",
        "flags.one.targeting.if[0].nope",
        "flags.one.targeting.if[2].==",
        "flags.two.targeting.fractional[0][1]",
        "flags.two.targeting.fractional[1][1]",
        "flags.two.metadata.x",
    ]


def test_a_name_that_comes_close_is_suggested() -> None:
    assert "'fractional'" in problems(document({"fractionl": [["a", 1]]}))[0].expected
    assert "'b'" not in problems(document(defaultVariant="green"))[0].expected
    assert "'true'" in problems(document(defaultVariant="True"))[0].expected


def test_evaluators_that_need_each_other_are_refused() -> None:
    evaluators = {
        "a": {"!": {"$ref": "b"}},
        "b": {"!": {"$ref": "a"}},
        "self": {"and": [{"$ref": "self"}, True]},
        "outside": {"!": {"$ref": "a"}},
        "fine": {"!": True},
    }
    cycles = ["$evaluators.a", "$evaluators.b", "$evaluators.self"]
    assert paths(document(evaluators=evaluators)) == cycles
    for named in ("a", "outside"):  # it is there: only that it does not end is wrong
        assert paths(document({"if": [{"$ref": named}, "a", "b"]}, evaluators=evaluators)) == cycles


def test_a_long_chain_of_evaluators_is_too_deep() -> None:
    evaluators: dict[str, object] = {f"e{n}": {"!": [{"$ref": f"e{n + 1}"}]} for n in range(70)}
    found = problems(document({"$ref": "e0"}, evaluators=evaluators | {"e70": {"!": [True]}}))
    assert "levels" in found[0].seen
    assert f"{T}" in [problem.path for problem in found]


def test_evaluators_that_double_each_time_are_too_large() -> None:
    evaluators: dict[str, object] = {
        f"e{n}": {"and": [{"$ref": f"e{n + 1}"}, {"$ref": f"e{n + 1}"}]} for n in range(40)
    }
    found = problems(document({"$ref": "e0"}, evaluators=evaluators | {"e40": {"!": [True]}}))
    assert any("characters" in problem.seen for problem in found)


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 1000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [('{"!": ', "}"), ("[", "]")])
def test_a_deep_rule_is_refused_and_no_recursion_error(depth: int, opening: str, closing: str) -> None:
    deep = opening * depth + "1" + closing * depth
    text = json.dumps(document({"!": "DEEP"})).replace('"DEEP"', deep)
    assert any(str(MAX_DEPTH) in problem.expected for problem in problems(text))


def test_a_deep_mapping_is_refused_and_no_recursion_error() -> None:
    deep: object = 1
    for _ in range(sys.getrecursionlimit() * 2):
        deep = {"!": deep}
    with pytest.raises(InvalidInput, match="levels"):
        parse_flags(document(deep))
    with pytest.raises(InvalidInput, match="levels"):
        parse_flags(document(variants={"a": {"x": deep}}))


def test_the_deepest_rule_is_evaluated() -> None:
    rule: object = {"if": [True, "b", "c"]}
    for _ in range((MAX_DEPTH - 3) // 2):
        rule = {"if": [False, "c", rule]}
    assert flags(rule).evaluate("f", {}).variant == "b"


def test_a_huge_rule_is_refused() -> None:
    [problem] = problems(document({"in": [{"var": "x"}, ["y" * 10] * (MAX_RULE // 13)]}))
    assert "characters" in problem.seen
    [problem] = problems(document({"in": [{"var": "x"}, "y" * 1_000_000]}))
    assert "characters" in problem.seen


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    [problem] = problems(json.dumps(document()).replace('"value of a"', "9" * 5000))
    assert problem.expected == "numbers that fit a double"


def test_what_is_no_json_in_a_mapping_is_refused() -> None:
    with pytest.raises(InvalidInput, match="set"):
        parse_flags(document(variants={"a": {"x": {1, 2}}}))
    with pytest.raises(InvalidInput, match="keys that are texts"):
        parse_flags(document(variants={"a": {1: 2}}))


def test_a_list_of_flags_is_read() -> None:
    assert list(parse_flags({"flags": [flag(key="one"), flag(key="two")]})) == ["one", "two"]


def test_unknown_keys_are_kept() -> None:
    written = {"$schema": "https://flagd.dev/schema/v0/flags.json", "flags": {"f": flag(owner={"team": "x"})}}
    assert json.loads(dump_flags(parse_flags(written).definitions)) == written


def test_floats_stay_floats() -> None:
    text = dump_flags(flags(variants={"a": 10.0, "b": 1}).definitions)
    assert '"a": 10.0,' in text
    value = parse_flags(text).evaluate("f", {}).value
    assert isinstance(value, float)


def test_the_same_content_is_the_same_text() -> None:
    one = {"flags": {"x": flag({"==": [{"var": "a"}, 1]}), "y": flag()}, "metadata": {"b": 1, "a": 2}}
    other = json.loads(json.dumps(one, sort_keys=True))
    assert dump_flags(parse_flags(one).definitions) == dump_flags(parse_flags(other).definitions)


def test_a_document_is_written_like_this() -> None:
    written = document({"if": [{"var": "x"}, "b"]}, variants={"b": "ü", "a": "y"}, metadata={"owner": "team"})
    assert dump_flags(parse_flags(written).definitions) == (
        """\
{
  "flags": {
    "f": {
      "state": "ENABLED",
      "variants": {
        "a": "y",
        "b": "ü"
      },
      "defaultVariant": "a",
      "targeting": {
        "if": [
          {
            "var": "x"
          },
          "b"
        ]
      },
      "metadata": {
        "owner": "team"
      }
    }
  }
}
"""
    )


VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(
                ["if", "var", "fractional", "$ref", "sem_ver", "==", "in", "map", "reduce", "x", "e"]
            ),
            inner,
            max_size=2,
        ),
    ),
    max_leaves=12,
)


def parsed_or_refused(written: Mapping[str, object]) -> FlagSet | None:
    """None where it is refused, with at least one problem. Anything else that is raised fails the test."""
    try:
        return parse_flags(written)
    except InvalidInput as refused:
        if not refused.problems:
            raise
        return None


@given(VALUES, st.dictionaries(st.sampled_from(["e", "x"]), VALUES, max_size=2), VALUES)
def test_any_rule_is_either_refused_or_never_raises(
    rule: object, evaluators: object, context: object
) -> None:
    parsed = parsed_or_refused(document(rule, evaluators=evaluators))
    if parsed is None:
        return
    parsed.evaluate("f", {"x": context, "e": context})
    assert parse_flags(dump_flags(parsed.definitions)) == parsed


@given(VALUES)
def test_anything_at_all_is_refused_or_parsed(tree: object) -> None:
    documents: tuple[dict[str, object], ...] = (
        {"flags": tree},
        {"flags": {"f": tree}},
        {"flags": {}, "$evaluators": tree, "metadata": tree},
    )
    for written in documents:
        parsed_or_refused(written)

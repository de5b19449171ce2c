"""Why somebody gets what they get."""

from __future__ import annotations

from hypothesis import given

from sre_portal.core.errors import InvalidInput
from sre_portal.core.flag.flag_set import parse_flags
from sre_portal.core.flag.resolution import ErrorCode, Reason
from sre_portal.core.flag_explain import Look, explain
from tests.unit.core.flag.samples import document, flags
from tests.unit.core.flag.test_flagd_agreement import CONTEXTS, TARGETING

T = "flags.f.targeting"
RULE = {
    "if": [
        {"==": [{"var": "tier"}, "gold"]},
        "b",
        {"if": [{"$ref": "inside"}, {"fractional": [["b", 0], ["c", 1]]}, "a"]},
    ]
}
SET = flags(RULE, evaluators={"inside": {"ends_with": [{"var": "mail"}, "@x.org"]}})


def test_conditions_are_told_with_their_values_and_the_branch() -> None:
    found = explain(SET, "f", {"tier": "gold"})
    assert found.resolution.variant == "b"
    assert found.branch == f"{T}.if[1]"
    assert found.looked[:2] == (
        Look(f"{T}.if[0].==[0]", '{"var": "tier"}', "gold"),
        Look(f"{T}.if[0]", '{"==": [{"var": "tier"}, "gold"]}', True),
    )


def test_the_branch_is_followed_into_branches_and_buckets() -> None:
    found = explain(SET, "f", {"mail": "me@x.org", "targetingKey": "u"})
    assert found.resolution.variant == "c"
    assert found.branch == f"{T}.if[2].if[1].fractional[1][0]"
    assert f"{T}.if[2].if[0]" in [look.path for look in found.looked]


def test_what_was_not_looked_at_is_not_told() -> None:
    paths = [look.path for look in explain(SET, "f", {"tier": "gold"}).looked]
    assert all(not path.startswith(f"{T}.if[2]") for path in paths)


def test_without_targeting_there_is_no_path() -> None:
    found = explain(flags(), "f", {})
    assert (found.resolution.reason, found.looked, found.branch) == (Reason.STATIC, (), "")
    assert explain(flags(), "gone", {}).resolution.error_code is ErrorCode.FLAG_NOT_FOUND


def test_a_branch_that_is_not_there_is_the_operator() -> None:
    assert explain(flags({"if": [False, "b"]}), "f", {}).branch == f"{T}.if"


def test_an_evaluator_has_its_own_path() -> None:
    shared = flags({"$ref": "e"}, evaluators={"e": {"if": [{"var": "x"}, "b", "c"]}})
    assert explain(shared, "f", {"x": 1}).branch == "$evaluators.e.if[1]"


@given(TARGETING, CONTEXTS)
def test_an_explanation_ends_in_the_answer(targeting: object, context: dict[str, object]) -> None:
    try:
        parsed = parse_flags(document(targeting))
    except InvalidInput:
        return
    assert explain(parsed, "f", context).resolution == parsed.evaluate("f", context)

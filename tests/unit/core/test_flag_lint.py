"""Definitions that are right and probably not meant."""

from __future__ import annotations

import pytest

from sre_portal.core.flag.flag_set import parse_flags
from sre_portal.core.flag_lint import lint_flags
from tests.unit.core.flag.samples import document, flags

T = "flags.f.targeting"
TWO = {"a": 1, "b": 2}


def advice(targeting: object = None, **changed: object) -> list[str]:
    changed = {"variants": TWO, "metadata": {"bucketingEpoch": 3}} | changed
    return [str(one) for one in lint_flags(flags(targeting, **changed).definitions)]


def test_a_sound_flag_needs_no_advice() -> None:
    assert advice({"if": [{"==": [{"var": "x"}, 1]}, "b"]}) == []
    assert advice({"fractional": [["a", 1], ["b", 1]]}) == []
    assert advice() == []


@pytest.mark.parametrize(
    ("targeting", "found"),
    [
        (
            {"if": [{"var": "x"}, "b", True, "a", "b"]},
            f"{T}.if[4]: Nobody comes here: the condition [2] always holds.",
        ),
        ({"if": [{"<": [2, 1]}, "b", "a"]}, f"{T}.if[1]: Nobody comes here: the condition never holds."),
        (
            {"if": [{"var": "x"}, "b", {"var": "x"}, "a", "b"]},
            f"{T}.if[3]: Nobody comes here: the condition is that of [0].",
        ),
        ({"if": [{"var": "x"}, "a"]}, f"{T}: This gives everybody the variant a."),
        ({"if": [{"var": "x"}, "a"]}, "flags.f.variants.b: Nobody gets this variant."),
        ({"fractional": [["b", 1]]}, f"{T}.fractional: One bucket has all the weight: this splits nobody."),
        (
            {"fractional": [["a", 0], ["b", 1]]},
            f"{T}.fractional: One bucket has all the weight: this splits nobody.",
        ),
        (
            {"fractional": [["a", 0], ["b", 0]]},
            f"{T}.fractional: No bucket has a weight: this gives everybody the default variant.",
        ),
        (
            {"==": [{"var": "x"}, 1]},
            f"{T}.==: This can give true, which is no variant: an error for whoever asks.",
        ),
    ],
)
def test_advice_is_given(targeting: object, found: str) -> None:
    assert found in advice(targeting)


def test_a_computed_result_leaves_open_what_is_used() -> None:
    assert advice({"var": "x"}) == []


def test_a_split_without_a_pinned_epoch_is_told() -> None:
    told = advice({"fractional": [["a", 1], ["b", 1]]}, metadata={})
    assert [text.partition(",")[0] for text in told] == [
        "flags.f.metadata: No bucketingEpoch in the metadata: people are split as by epoch 3"
    ]


def test_a_key_without_meaning_is_told() -> None:
    assert advice(targetting={"var": "x"}) == [
        "flags.f.targetting: This key has no meaning here. It is kept."
    ]


def test_an_evaluator_nobody_names_is_told() -> None:
    written = document(
        {"if": [{"$ref": "used"}, "b"]}, variants=TWO, evaluators={"used": {"var": "x"}, "not": {"!": 1}}
    )
    told = [str(one) for one in lint_flags(parse_flags(written).definitions)]
    assert told == ["$evaluators.not: No rule names this evaluator."]


def test_what_an_evaluator_gives_is_known() -> None:
    told = advice({"$ref": "e"}, evaluators={"e": {"if": [{"var": "x"}, "b"]}})
    assert told == []
    told = advice({"$ref": "e"}, evaluators={"e": {"if": [{"var": "x"}, "a"]}})
    assert f"{T}: This gives everybody the variant a." in told


def test_a_split_gives_whoever_has_no_key_the_default_variant() -> None:
    assert not any("gives everybody" in one for one in advice({"fractional": [["b", 1]]}))


def test_a_key_of_the_metadata_that_is_nearly_one_with_a_meaning_is_told() -> None:
    assert advice(metadata={"kill_switch": True, "owner": "shop"}) == [
        "flags.f.metadata.kill_switch: This key has no meaning here; killSwitch has."
    ]
    shared = {**document(), "metadata": {"staleafterdays": 3}}
    assert [str(one) for one in lint_flags(parse_flags(shared).definitions)] == [
        "metadata.staleafterdays: This key has no meaning here; staleAfterDays has."
    ]

"""What the metadata of a flag says to the portal is what it takes, or a problem where it is handed in."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.drill_standing import standing
from sre_portal.core.errors import InvalidInput
from sre_portal.core.flag.definition import Definitions
from sre_portal.core.flag_change import edited
from sre_portal.core.flag_said import (
    DRILL_EVERY_DAYS,
    KILL_SWITCH,
    MOST_DAYS,
    PROTECTED,
    STALE_AFTER,
    TAKES,
    accepted,
    days_said,
    meant,
)
from sre_portal.core.flag_use import stale_after
from tests.store.samples import NOW


@given(st.floats(0, MOST_DAYS) | st.integers(0, MOST_DAYS))
def test_days_are_taken_as_they_are_said(days: float) -> None:
    assert days_said({STALE_AFTER: days}, STALE_AFTER, 30) == days


@given(st.text() | st.booleans() | st.none() | st.floats(max_value=-1e-9) | st.floats(MOST_DAYS + 1))
def test_nonsense_and_silence_are_what_is_usual(odd: object) -> None:
    assert days_said({STALE_AFTER: odd}, STALE_AFTER, 30) == 30
    assert days_said({}, STALE_AFTER, 30) == 30


@pytest.mark.parametrize(("said", "days"), [("x", 30), (7, 7), (0.5, 0.5), (MOST_DAYS, MOST_DAYS)])
def test_drills_and_stale_flags_take_days_in_one_way(said: object, days: float) -> None:
    metadata = {"killSwitch": True, "drillEveryDays": said, "staleAfterDays": said}
    drilled = standing(metadata, None, NOW)
    assert drilled is not None
    assert drilled.every == stale_after(metadata) == timedelta(days=days)


SWITCH: dict[str, object] = {"state": "ENABLED", "variants": {"on": True}, "defaultVariant": "on"}
WRONG: dict[str, object] = {KILL_SWITCH: "yes", PROTECTED: 1, STALE_AFTER: -3, DRILL_EVERY_DAYS: "weekly"}


def problems_of(document: dict[str, object] | str) -> list[str]:
    with pytest.raises(InvalidInput) as refused:
        accepted(document)
    return list(map(str, refused.value.problems))


def test_a_key_that_says_what_it_does_not_take_is_a_problem_with_its_path() -> None:
    found = problems_of({"flags": {"f": {**SWITCH, "metadata": WRONG}}, "metadata": {KILL_SWITCH: "no"}})
    assert found == [
        'flags.f.metadata.killSwitch: "yes"; expected true or false, without quotes',
        "flags.f.metadata.protected: 1; expected true or false, without quotes",
        "flags.f.metadata.staleAfterDays: -3; expected a number of days from 0, which is never, to 3660",
        'flags.f.metadata.drillEveryDays: "weekly"; expected a number of days, more than 0 and at most 3660',
        'metadata.killSwitch: "no"; expected true or false, without quotes',
    ]


def test_flags_in_a_list_are_looked_at_as_well() -> None:
    [found] = problems_of({"flags": [{"key": "f", **SWITCH, "metadata": {PROTECTED: "main"}}]})
    assert found.startswith("flags.f.metadata.protected:")


def test_what_the_format_forbids_is_told_together_with_what_a_key_does_not_take() -> None:
    found = problems_of({"flags": {"f": {"state": "ON", "metadata": {KILL_SWITCH: "yes"}}}})
    assert [one.split(":")[0] for one in found] == [
        "flags.f.state",
        "flags.f.variants",
        "flags.f.metadata.killSwitch",
    ]


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4))
def test_a_document_of_whatever_shape_is_taken_or_refused(odd: object) -> None:
    for document in (
        odd,
        {"flags": odd, "metadata": odd},
        {"flags": {"f": odd}},
        {"flags": {"f": {"metadata": odd}}},
    ):
        with suppress(InvalidInput):
            accepted(json.dumps(document))


@given(st.sampled_from(sorted(TAKES)), st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text())
def test_a_key_is_accepted_where_it_takes_what_is_said(name: str, said: float | str) -> None:
    document = {"flags": {"f": {**SWITCH, "metadata": {name: said}}}}
    try:
        taken = accepted(document).flags["f"].metadata == {name: said}
    except InvalidInput:
        taken = False
    assert taken is TAKES[name].is_right(said) or said in (float("inf"), float("-inf"))


def test_an_edit_is_refused_for_what_it_makes_wrong_and_not_for_what_was_wrong_before() -> None:
    before = edited({}, Definitions(), "f", SWITCH)
    wrong = replace(before, metadata={KILL_SWITCH: "yes"})
    with pytest.raises(InvalidInput, match="killSwitch"):
        edited({}, Definitions({"f": before}), "f", {**SWITCH, "metadata": {KILL_SWITCH: "yes"}})
    off = {**SWITCH, "state": "DISABLED", "metadata": {KILL_SWITCH: "yes"}}
    assert not edited({}, Definitions({"f": wrong}), "f", off).enabled


@pytest.mark.parametrize(
    ("written", "known"),
    [
        ("kill_switch", KILL_SWITCH),
        ("killswitch", KILL_SWITCH),
        ("Protected", PROTECTED),
        ("stale-after-days", STALE_AFTER),
        (KILL_SWITCH, None),
        ("owner", None),
    ],
)
def test_a_key_that_is_nearly_one_is_known_by_the_one_it_means(written: str, known: str | None) -> None:
    assert meant(written) == known

"""Steps are kept as text and come back equal; what was never written so is refused."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.flag.bucket import Epoch
from sre_portal.core.flag_step import (
    Import,
    Put,
    Remove,
    Share,
    Step,
    Toggle,
    dump_step,
    in_words,
    kind_of,
    load_step,
)

VERSIONS = st.none() | st.integers(0, 2**53)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
STEPS = st.one_of(
    st.builds(Put, st.dictionaries(st.text(), JSON, max_size=4)),
    st.builds(Remove),
    st.builds(Toggle, st.booleans()),
    st.builds(Share, st.text(), st.decimals(0, 100, places=2)),
    st.builds(Import, st.text(), st.sampled_from(Epoch)),
)


@given(STEPS, VERSIONS)
def test_a_step_is_kept_as_it_is(step: Step, seen: int | None) -> None:
    text = dump_step(step, seen)
    again = load_step(text)
    assert again == (step, seen)
    assert dump_step(*again) == text
    assert kind_of(step) == json.loads(text)["kind"]


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"kind": "rename", "version": 1},
        {"kind": "put", "version": 1, "definition": []},
        {"kind": "toggle", "version": 1, "enabled": "yes"},
        {"kind": "toggle", "version": "1", "enabled": True},
        {"kind": "remove", "version": True},
        {"kind": "share", "version": 1, "variant": "on", "percent": "10"},
        {"kind": "import", "version": 1, "document": "{}", "epoch": 4},
        [],
    ],
)
def test_what_is_no_step_is_refused(told: object) -> None:
    with pytest.raises(ValueError, match=r"step|version|Epoch"):
        load_step(json.dumps(told))


@pytest.mark.parametrize(
    ("step", "seen", "told"),
    [
        (Put({}), 0, "make it"),
        (Put({}), 3, "change its definition"),
        (Remove(), 3, "remove it"),
        (Toggle(True), None, "switch it on"),
        (Toggle(False), 2, "switch it off"),
        (Share("on", Decimal("12.50")), 2, "give on to 12.5 %"),
        (Share("on", 100), None, "give on to 100 %"),
        (Import("{}"), 7, "import a file into the set"),
    ],
)
def test_a_step_is_told_in_words(step: Step, seen: int | None, told: str) -> None:
    assert in_words(step, seen) == told

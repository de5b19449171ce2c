"""Lines of the portal, and what is none of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.agent.flags.known import Known, OutOfStep
from sre_portal.agent.flags.line import parse_line
from sre_portal.contract.flags import BeatLine, ChangeLine, FactsLine, SetLine

GOLDEN = Path(__file__).parents[1] / "wire" / "flags.ndjson"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)
NAMES = ("kind", "flag_set", "version", "since", "document", "flags", "slo", "sent_at")


def line(**fields: Any) -> bytes:  # noqa: ANN401  # JSON
    return json.dumps(fields).encode()


def test_every_kind_of_line_is_read() -> None:
    kinds = [type(parse_line(text)) for text in GOLDEN.read_bytes().splitlines()]
    assert kinds == [FactsLine, SetLine, SetLine, ChangeLine, BeatLine]


def test_a_kind_that_a_newer_portal_has_is_ignored() -> None:
    known = Known(["shop"], lambda: 7)
    assert parse_line(line(kind="of tomorrow")) is None
    assert known.take(None) is None
    assert known.heard_ns == 7


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"[]",
        b"nonsense",
        b"[" * 100_000,
        line(kind="set", flag_set="shop", version=1),
        line(kind="set", flag_set="shop", version=-1, document={"flags": {}}),
        line(kind="set", flag_set="shop", version=True, document={"flags": {}}),
        line(kind="set", flag_set="shop", version=1 << 63, document={"flags": {}}),
        line(kind="set", flag_set=7, version=1, document={"flags": {}}),
        line(kind="set", flag_set="shop", version=1, document={"flags": {"a": 7}}),
        line(kind="change", flag_set="shop", since=1, version=2, flags={"a": []}),
        line(kind="change", flag_set="shop", version=2, flags={}),
        line(kind="facts", flag_set="shop", slo=[]),
        line(kind="facts", flag_set="shop", slo={"a": 1}),
        line(kind="facts", flag_set="shop", slo={str(number): {} for number in range(10_001)}),
        line(kind="set", flag_set="shop", version=1, document={"flags": {str(n): {} for n in range(20_001)}}),
        line(kind="change", flag_set="shop", since=1, version=2, flags=dict.fromkeys(range(20_001))),
        line(kind="beat"),
        line(kind="beat", sent_at=True),
        line(kind="beat", sent_at=1e12),
    ],
)
def test_what_is_no_line_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_line(text)


@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.sampled_from(["set", "change", "facts", "beat"]))
def test_no_line_breaks_more_than_itself(fields: dict[str, object], kind: str) -> None:
    """Whatever it holds, it is refused, or taken in as far as it can be."""
    known = Known(["shop"], lambda: 1)
    try:
        known.take(parse_line(json.dumps({"flag_set": "shop", **fields, "kind": kind}).encode()))
    except ValueError:
        assert known.answering == ()


def test_lines_about_other_sets_are_left_out() -> None:
    known = Known(["shop"], lambda: 1)
    told = {"kind": "set", "flag_set": "payments", "version": 1, "document": {"flags": {}}}
    assert known.take(parse_line(line(**told))) is None
    assert (known.sets, known.is_complete) == ({}, False)


def test_a_change_needs_the_version_before_it() -> None:
    known = Known(["shop"], lambda: 1)
    change = parse_line(line(kind="change", flag_set="shop", since=1, version=2, flags={}))
    with pytest.raises(OutOfStep):
        known.take(change)
    known.take(parse_line(line(kind="set", flag_set="shop", version=1, document={"flags": {}})))
    assert known.take(change) == []
    assert known.sets["shop"].version == 2

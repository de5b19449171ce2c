"""The journal: sealed entry by entry, so that nobody can change it unnoticed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.journal import GENESIS, JournalEntry, canonical, seal, verify

START = datetime(2026, 11, 23, 12, 3, 4, 567_890, tzinfo=UTC)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
FACTS = st.dictionaries(st.text(), VALUES, max_size=3)


def journal_of(facts: list[dict[str, Any]]) -> list[JournalEntry]:
    entries: list[JournalEntry] = []
    for seq, one in enumerate(facts, 1):
        at = START + timedelta(seconds=seq)
        entries.append(seal(entries[-1] if entries else None, 12, seq, at, "note", f"step {seq}", one))
    return entries


@given(st.lists(FACTS, max_size=5))
def test_a_journal_that_nobody_touched_is_whole(facts: list[dict[str, Any]]) -> None:
    entries = journal_of(facts)
    assert verify(entries) == []
    assert verify(entries, entries[-1].hash if entries else GENESIS) == []


CHANGES: list[dict[str, Any]] = [
    {"run_id": 13},
    {"at": START + timedelta(microseconds=1)},
    {"kind": "verdict"},
    {"text": "nothing happened"},
    {"facts": {"verdict": "passed"}},
    {"facts": {"not json": {1, 2}}},
    {"previous": "1" * 64},
    {"hash": "1" * 64},
    {"seq": 9},
]


@pytest.mark.parametrize("place", [0, 1, 2, 3])
@pytest.mark.parametrize("fields", CHANGES, ids=str)
def test_an_entry_that_was_edited_is_found(fields: dict[str, Any], place: int) -> None:
    entries = journal_of([{}, {"a": 1}, {}, {}])
    entries[place] = replace(entries[place], **fields)
    assert verify(entries) != []


def test_an_edit_that_was_sealed_again_breaks_the_chain_after_it() -> None:
    entries = journal_of([{}, {}, {}])
    entries[1] = seal(entries[0], 12, 2, entries[1].at, "note", "another story", {})
    assert verify(entries) == [
        "Entry 3 does not follow the entry before it: one was removed, added or moved."
    ]


@given(st.integers(2, 6), st.data())
def test_a_removed_a_repeated_and_a_moved_entry_are_found(count: int, data: st.DataObject) -> None:
    entries = journal_of([{} for _ in range(count)])
    place = data.draw(st.integers(0, count - 2))
    removed = entries[:place] + entries[place + 1 :]
    repeated = [*entries[: place + 1], *entries[place:]]
    moved = entries.copy()
    moved[place], moved[place + 1] = moved[place + 1], moved[place]
    assert all(verify(one) for one in (removed, repeated, moved))


def test_entries_cut_off_the_end_are_found_with_the_head_that_was_known() -> None:
    entries = journal_of([{}, {}, {}])
    assert verify(entries[:2]) == []
    end = "The journal does not end where it did: entries at its end were removed or replaced."
    assert verify(entries[:2], entries[-1].hash) == [end]
    assert verify([], entries[-1].hash) == [end]


def test_an_entry_of_another_run_is_found() -> None:
    first = journal_of([{}])[0]
    other = seal(first, 13, 2, START, "note", "from elsewhere", {})
    assert verify([first, other]) == ["Entry 2 belongs to run 13, not to run 12."]


def test_the_hash_is_the_one_that_is_documented() -> None:
    entry = seal(None, 12, 1, START, "phase", "Phase inject began.", {"b": 1.0, "a": ["é", None, 0.5]})
    content = (
        '{"at":"2026-11-23T12:03:04.567890Z","facts":{"a":["é",null,0.5],"b":1},"kind":"phase",'
        '"run_id":12,"seq":1,"text":"Phase inject began."}'
    )
    assert entry.hash == sha256((GENESIS + content).encode()).hexdigest()
    assert entry.facts == {"b": 1, "a": ["é", None, 0.5]}


def test_an_instant_is_the_same_in_every_time_zone() -> None:
    there = START.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert seal(None, 1, 1, START, "a", "b", {}).hash == seal(None, 1, 1, there, "a", "b", {}).hash


def test_a_number_reads_the_same_whole_or_not() -> None:
    assert canonical({"a": 1.0, "b": 1e22, "c": -0.0}) == '{"a":1,"b":10000000000000000000000,"c":0}'


def test_a_figure_that_json_has_no_number_for_is_told_in_words() -> None:
    odd = {"a": float("nan"), "b": float("-inf")}
    entry = seal(None, 1, 1, START, "note", "text", odd)
    assert entry.facts == {"a": "nan", "b": "-inf"}
    assert verify([replace(entry, facts=dict(odd))]) == []


@pytest.mark.parametrize("value", [{1: "a"}, {"a", "b"}, START, b"a"])
def test_facts_that_are_not_json_are_refused(value: object) -> None:
    with pytest.raises(ValueError, match="not a JSON value"):
        seal(None, 1, 1, START, "note", "text", {"fact": value})

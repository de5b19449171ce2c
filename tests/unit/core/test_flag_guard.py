"""What a flag is before a change decides who may make it alone."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.flag.parse import parse_definitions
from sre_portal.core.flag_change import FlagEdit, FlagRow, SetNews, edits_to
from sre_portal.core.flag_guard import (
    is_held_up,
    is_kill_switch,
    is_protected,
    protected_paths,
    protector_of,
)
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_step import FlagStep, Put, Remove, Share, Toggle

OTHERS: list[FlagStep] = [Put({"metadata": {"protected": False}}), Remove(), Share("on", 5)]
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SAID = st.none() | st.booleans()


def said(**told: object) -> dict[str, object]:
    """Metadata; what is None is not said."""
    return {name: value for name, value in told.items() if value is not None}


def kept(**flags: Mapping[str, object]) -> KeptSet:
    """A set of switches with these metadata."""
    switch = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
    edits = edits_to(
        {}, parse_definitions({"flags": {key: {**switch, "metadata": flags[key]} for key in flags}})
    )
    rows = [FlagRow("shop", one.key, 1, 1, one.definition, NOW, "ada", "a test") for one in edits]
    return KeptSet("shop").following(SetNews("shop", 1, rows))


@given(SAID, st.sampled_from([*OTHERS, Toggle(True)]))
def test_every_change_of_a_protected_flag_is_held_up(protected: bool | None, step: FlagStep) -> None:
    assert is_protected(said(protected=protected)) is bool(protected)
    assert is_held_up(step, kept(a=said(protected=protected)), "a") is bool(protected)


@given(SAID, SAID, st.booleans())
def test_a_kill_switch_is_toggled_by_one_person(
    switch: bool | None, protected: bool | None, on: bool
) -> None:
    metadata = said(killSwitch=switch, protected=protected)
    assert is_kill_switch(metadata) is bool(switch)
    flags = kept(a=metadata)
    assert is_held_up(Toggle(on), flags, "a") is (bool(protected) and not switch)
    assert all(is_held_up(step, flags, "a") is bool(protected) for step in OTHERS)


@pytest.mark.parametrize("odd", [1, 0, 0.0, "true", "yes", "", 1.5])
def test_whatever_is_not_false_protects_and_only_true_is_a_kill_switch(odd: object) -> None:
    assert is_protected({"protected": odd})
    assert not is_kill_switch({"killSwitch": odd})


CHAIN: Mapping[str, Mapping[str, object]] = {
    "dear": {"protected": True, "prerequisites": "gate=on, brake=on"},
    "gate": {"prerequisites": "base=on"},
    "base": {},
    "brake": {"killSwitch": True},
    "free": {"prerequisites": "other=on"},
    "other": {},
}


@pytest.mark.parametrize("step", [*OTHERS, Toggle(False)])
def test_what_a_protected_flag_needs_is_held_up_like_itself(step: FlagStep) -> None:
    flags = kept(**CHAIN)
    held = {key for key in CHAIN if is_held_up(step, flags, key)}
    assert held == {"dear", "gate", "base"} | (set() if isinstance(step, Toggle) else {"brake"})
    assert [protector_of(flags, key) for key in CHAIN] == ["dear", "dear", "dear", "dear", None, None]


def test_a_file_that_changes_what_a_protected_flag_needs_waits_and_says_where() -> None:
    edits = [FlagEdit(key, 2, None) for key in CHAIN]
    assert protected_paths(kept(**CHAIN), edits) == [
        f"flags.{key}" for key in ("dear", "gate", "base", "brake")
    ]


def test_what_no_protected_flag_needs_is_changed_by_one() -> None:
    free = {**CHAIN, "dear": {"protected": False, "prerequisites": "gate=on, brake=on"}}
    assert not any(is_held_up(Remove(), kept(**free), key) for key in free)

"""What a flag is before a change decides who may make it alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.flag_guard import is_held_up, is_kill_switch, is_protected
from sre_portal.core.flag_step import FlagStep, Put, Remove, Share, Toggle

OTHERS: list[FlagStep] = [Put({"metadata": {"protected": False}}), Remove(), Share("on", 5)]
SAID = st.none() | st.booleans()


def said(**told: object) -> dict[str, object]:
    """Metadata; what is None is not said."""
    return {name: value for name, value in told.items() if value is not None}


@given(SAID, st.sampled_from([*OTHERS, Toggle(True)]))
def test_every_change_of_a_protected_flag_is_held_up(protected: bool | None, step: FlagStep) -> None:
    assert is_protected(said(protected=protected)) is bool(protected)
    assert is_held_up(step, said(protected=protected)) is bool(protected)


@given(SAID, SAID, st.booleans())
def test_a_kill_switch_is_toggled_by_one_person(
    switch: bool | None, protected: bool | None, on: bool
) -> None:
    metadata = said(killSwitch=switch, protected=protected)
    assert is_kill_switch(metadata) is bool(switch)
    assert is_held_up(Toggle(on), metadata) is (bool(protected) and not switch)
    assert all(is_held_up(step, metadata) is bool(protected) for step in OTHERS)


@pytest.mark.parametrize("odd", [1, "true", "yes", "", 1.5])
def test_whatever_is_not_false_protects_and_only_true_is_a_kill_switch(odd: object) -> None:
    assert is_protected({"protected": odd})
    assert not is_kill_switch({"killSwitch": odd})

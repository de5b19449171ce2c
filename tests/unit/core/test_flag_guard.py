"""What a flag is before a change decides who may make it alone."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.flag_guard import is_held_up, is_kill_switch, is_protected
from sre_portal.core.flag_step import FlagStep, Put, Remove, Share, Toggle

STEPS: list[FlagStep] = [Put({"metadata": {"protected": False}}, 1), Remove(1), Toggle(True), Share("on", 5)]
SAID = st.none() | st.booleans()
NOTHING: Mapping[str, object] = {}


def said(**told: object) -> Mapping[str, object]:
    """A document with that metadata; what is None is not said."""
    metadata = {name: value for name, value in told.items() if value is not None}
    return {"metadata": metadata} if metadata else {}


@given(SAID, SAID, st.sampled_from(STEPS))
def test_what_the_flag_says_goes_before_what_its_set_says(
    flag: bool | None, shared: bool | None, step: FlagStep
) -> None:
    wanted = bool(shared if flag is None else flag)
    assert is_protected(said(protected=flag), said(protected=shared)) is wanted
    assert is_held_up(step, said(protected=flag), said(protected=shared)) is wanted


@given(SAID, SAID, SAID, st.booleans())
def test_a_kill_switch_is_toggled_by_one_person(
    flag: bool | None, shared: bool | None, protected: bool | None, on: bool
) -> None:
    before, rest = said(killSwitch=flag, protected=protected), said(killSwitch=shared, protected=True)
    switch = is_kill_switch(before, rest)
    assert switch is bool(shared if flag is None else flag)
    dear = protected is not False
    assert is_held_up(Toggle(on), before, rest) is (dear and not switch)
    assert all(is_held_up(step, before, rest) is dear for step in (Put({}), Remove(), Share("on", 1)))


def test_a_new_flag_is_as_dear_as_its_set() -> None:
    assert is_held_up(Put({}, 0), None, said(protected=True))
    assert not is_held_up(Put({"metadata": {"protected": True}}, 0), None, NOTHING)


@pytest.mark.parametrize("odd", [1, "true", "yes", "", 1.5])
def test_whatever_is_not_false_protects_and_only_true_is_a_kill_switch(odd: object) -> None:
    odd_flag = {"metadata": {"protected": odd, "killSwitch": odd}}
    assert is_protected(odd_flag, NOTHING)
    assert not is_kill_switch(odd_flag, NOTHING)


@pytest.mark.parametrize("nothing", [None, [], {}, "yes", False])
def test_metadata_that_says_nothing_protects_nothing(nothing: object) -> None:
    assert not is_protected({"metadata": nothing}, NOTHING)
    assert not is_protected({"metadata": {"protected": nothing if nothing != "yes" else None}}, NOTHING)

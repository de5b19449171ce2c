"""Days in the metadata of a flag mean the same whatever they are of."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.drill_standing import standing
from sre_portal.core.flag_said import MOST_DAYS, days_said
from sre_portal.core.flag_use import stale_after
from tests.store.samples import NOW


@given(st.floats(0, MOST_DAYS) | st.integers(0, MOST_DAYS))
def test_days_are_taken_as_they_are_said(days: float) -> None:
    assert days_said({"days": days}, "days", 30) == days


@given(st.text() | st.booleans() | st.none() | st.floats(max_value=-1e-9) | st.floats(MOST_DAYS + 1))
def test_nonsense_and_silence_are_what_is_usual(odd: object) -> None:
    assert days_said({"days": odd}, "days", 30) == 30
    assert days_said({}, "days", 30) == 30


@pytest.mark.parametrize(("said", "days"), [("x", 30), (7, 7), (0.5, 0.5), (MOST_DAYS, MOST_DAYS)])
def test_drills_and_stale_flags_take_days_in_one_way(said: object, days: float) -> None:
    metadata = {"killSwitch": True, "drillEveryDays": said, "staleAfterDays": said}
    drilled = standing(metadata, None, NOW)
    assert drilled is not None
    assert drilled.every == stale_after(metadata) == timedelta(days=days)

"""A kill switch is drilled, due, or was never drilled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from sre_portal.core.drill_standing import standing
from tests.unit.core.given import START

SWITCH: Mapping[str, object] = {"killSwitch": True}
DAY = timedelta(days=1)


@pytest.mark.parametrize("metadata", [{}, {"killSwitch": False}, {"killSwitch": "true"}])
def test_other_flags_do_not_stand_anywhere(metadata: Mapping[str, object]) -> None:
    assert standing(metadata, (1, START), START) is None


@pytest.mark.parametrize(
    ("said", "days"),
    [(None, 30), (7, 7), (0.5, 0.5), (0, 30), (-1, 30), ("7", 30), (True, 30), (1e9, 30)],
)
def test_a_drill_counts_for_as_long_as_is_said(said: object, days: float) -> None:
    last, late = (12, START), START + days * DAY
    metadata = SWITCH if said is None else {**SWITCH, "drillEveryDays": said}
    before, after = (standing(metadata, last, now) for now in (late - DAY / 1000, late))
    assert before is not None
    assert after is not None
    assert (before.word, before.is_due, before.run_id, before.due_at) == ("drilled", False, 12, late)
    assert (after.word, after.is_due) == ("due", True)


def test_a_switch_that_was_never_drilled_is_due_now() -> None:
    found = standing(SWITCH, None, START)
    assert found is not None
    assert (found.word, found.is_due, found.due_at) == ("never", True, None)

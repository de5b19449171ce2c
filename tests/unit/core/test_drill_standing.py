"""A kill switch is drilled, due, or was never drilled."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from sre_portal.core.drill_standing import standing
from tests.unit.core.given import START

SWITCH: Mapping[str, object] = {"metadata": {"killSwitch": True}}
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("fields", "shared"), [(None, {}), ({}, {}), ({"metadata": {"killSwitch": False}}, SWITCH)]
)
def test_other_flags_do_not_stand_anywhere(
    fields: Mapping[str, object] | None, shared: Mapping[str, object]
) -> None:
    assert standing(fields, shared, (1, START), START) is None


@pytest.mark.parametrize(
    ("fields", "shared", "days"),
    [
        (SWITCH, {}, 30),
        (SWITCH, {"metadata": {"drillEveryDays": 7}}, 7),
        ({"metadata": {"killSwitch": True, "drillEveryDays": 2}}, {"metadata": {"drillEveryDays": 7}}, 2),
        ({"metadata": {"killSwitch": True, "drillEveryDays": 0.5}}, {}, 0.5),
        *(
            ({"metadata": {"killSwitch": True, "drillEveryDays": wrong}}, {}, 30)
            for wrong in (0, -1, "7", True, 1e9)
        ),
    ],
)
def test_a_drill_counts_for_as_long_as_the_flag_or_its_set_says(
    fields: Mapping[str, object], shared: Mapping[str, object], days: float
) -> None:
    last, late = (12, START), START + days * DAY
    before, after = (standing(fields, shared, last, now) for now in (late - DAY / 1000, late))
    assert before is not None
    assert after is not None
    assert (before.word, before.is_due, before.run_id, before.due_at) == ("drilled", False, 12, late)
    assert (after.word, after.is_due) == ("due", True)


def test_a_switch_that_was_never_drilled_is_due_now() -> None:
    found = standing(SWITCH, {}, None, START)
    assert found is not None
    assert (found.word, found.is_due, found.due_at) == ("never", True, None)

"""An instant is read as people write it, in every door the same."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.errors import Problem
from sre_portal.core.instant import instant_in

NOW = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", None),
        ("14:30", datetime(2026, 11, 25, 14, 30, tzinfo=UTC)),
        ("12:00", NOW),
        ("9:05", datetime(2026, 11, 26, 9, 5, tzinfo=UTC)),
        ("+45m", NOW + timedelta(minutes=45)),
        ("+ 2h", NOW + timedelta(hours=2)),
        ("+1d", NOW + timedelta(days=1)),
        ("2026-12-01 14:30", datetime(2026, 12, 1, 14, 30, tzinfo=UTC)),
        ("2026-12-01 14:30 UTC", datetime(2026, 12, 1, 14, 30, tzinfo=UTC)),
        ("2026-12-01T14:30:00+01:00", datetime(2026, 12, 1, 13, 30, tzinfo=UTC)),
    ],
)
def test_an_instant_is_read_as_people_write_it(text: str, at: datetime | None) -> None:
    wrong: list[Problem] = []
    assert (instant_in(text, "at", NOW, wrong), wrong) == (at, [])


@given(st.text(max_size=30))
def test_whatever_is_typed_is_an_instant_or_a_problem_at_its_field(text: str) -> None:
    wrong: list[Problem] = []
    found = instant_in(text, "at", NOW, wrong)
    assert not (found and wrong)
    assert [one.path for one in wrong] in ([], ["at"])

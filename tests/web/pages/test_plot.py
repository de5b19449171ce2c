from __future__ import annotations

import pytest

from sre_portal.web.pages.plot import Scale, area, grid_of, headroom, line, nice_step, stretch

SCALE = Scale(10, 0, 100)


def test_a_line_breaks_where_nothing_is_known() -> None:
    drawn = line("measured", [(0, 0), (0.1, 5), (0.2, None), (0.3, 10)], SCALE)
    assert drawn.d == "M0 100.0h1L100 50.0M300 0.0h1"


def test_a_value_beyond_the_scale_stays_on_its_edge() -> None:
    assert line("measured", [(0, 99), (1, -5)], SCALE).d == "M0 0.0h1L1000 100.0"


def test_an_area_goes_there_and_back() -> None:
    drawn = area("corridor", [(0, 8), (1, 9)], [(0, 2), (1, 3)], SCALE)
    assert drawn.d == "M0 20.0L1000 10.0L1000 70.0L0 80.0Z"
    assert area("corridor", [], [], SCALE).d == ""


@pytest.mark.parametrize(
    ("start", "end", "least", "drawn"),
    [
        (0.2, 0.5, 0, ("20.00%", "30.00%")),
        (0.5, 0.5, 0.02, ("49.00%", "2.00%")),
        (0, 0.001, 0.02, ("0.00%", "2.00%")),
        (0.999, 1, 0.02, ("98.95%", "1.05%")),
    ],
)
def test_a_sliver_is_drawn_wide_enough_to_see(
    start: float, end: float, least: float, drawn: tuple[str, str]
) -> None:
    one = stretch("window", start, end, least=least)
    assert (one.x, one.width) == drawn


@pytest.mark.parametrize(
    ("high", "step"), [(10, 5), (1.2, 0.5), (0.03, 0.02), (47, 20), (60, 25), (250, 100), (0, 5e-10)]
)
def test_grid_lines_stand_at_round_values(high: float, step: float) -> None:
    assert nice_step(high) == pytest.approx(step)


def test_the_grid_has_a_label_a_line() -> None:
    lines, labels = grid_of(Scale(47, 22, 122), lambda value: f"{value:.0f} ms")
    assert [label.text for label in labels] == ["20 ms", "40 ms"]
    assert len(lines) == 2


def test_a_scale_has_room_above_the_highest_value() -> None:
    assert headroom([None, 10, 4], 1) == 12
    assert headroom([], 1) == 1

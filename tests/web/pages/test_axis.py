from __future__ import annotations

import pytest

from sre_portal.web.pages.axis import Axis, Cut, cut_axis, ticks


def test_a_short_run_has_an_even_axis() -> None:
    axis = cut_axis(-15, 125, [0, 2, 34, 90])
    assert axis.cuts == ()
    assert [axis.place(at) for at in (-15, 55, 125)] == [0, 0.5, 1]


def test_a_long_quiet_stretch_is_drawn_short_and_hops_keep_their_room() -> None:
    axis = cut_axis(-15, 900, [0, 2, 34, 800, 830])
    assert axis.cuts == (Cut(49, 785),)
    assert axis.place(34) - axis.place(2) == pytest.approx(32 / axis.length)
    assert axis.place(785) - axis.place(49) == pytest.approx(12 / axis.length)
    assert [axis.place(-15), axis.place(900)] == pytest.approx([0, 1])


def test_time_never_runs_backwards_on_an_axis_with_cuts() -> None:
    axis = cut_axis(-15, 2000, [0, 30, 500, 1200, 1900])
    places = [axis.place(at) for at in range(-15, 2001)]
    assert places == sorted(places)


def test_an_instant_outside_is_put_on_the_edge() -> None:
    axis = Axis(0, 100)
    assert (axis.place(-5), axis.place(105)) == (0, 1)
    assert not axis.holds(105)


def test_the_knots_let_a_browser_find_the_instant_under_a_cursor() -> None:
    axis = cut_axis(0, 600, [10, 550])
    assert axis.cuts == (Cut(25, 535),)
    assert [at for _, at in axis.knots] == [0, 25, 535, 600]
    assert (axis.knots[0][0], axis.knots[-1][0]) == (0, 1000)


@pytest.mark.parametrize(
    ("axis", "most", "expected"),
    [
        (Axis(-15, 125), 8, [0, 30, 60, 90, 120]),
        (Axis(0, 40), 8, [0, 5, 10, 15, 20, 25, 30, 35, 40]),
        (Axis(0, 3600), 6, [0, 600, 1200, 1800, 2400, 3000, 3600]),
    ],
)
def test_labels_stand_at_round_instants(axis: Axis, most: int, expected: list[float]) -> None:
    assert list(ticks(axis, most)) == expected


def test_no_label_stands_inside_a_cut() -> None:
    axis = cut_axis(-15, 900, [0, 34, 850])
    assert not any(axis.cuts_out(at) for at in ticks(axis))

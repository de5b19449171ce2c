"""How numbers and names read inside sentences."""

import pytest

from sre_portal.core.phrase import clock, closest, closest_first, figure, listed, percent, seconds
from tests.unit.core.given import at


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (1.84, "1.8 s"),
        (45.0, "45 s"),
        (0.0, "0 s"),
        (-0.01, "0 s"),
        (99.9, "99.9 s"),
        (99.96, "1 min 40 s"),
        (3725, "1 h 2 min 5 s"),
        (-125, "-2 min 5 s"),
        (7200, "2 h"),
    ],
)
def test_a_span_reads_as_seconds_or_as_minutes(span: float, text: str) -> None:
    assert seconds(span) == text


def test_a_figure_has_its_unit() -> None:
    assert [
        figure(0.0623, "ratio"),
        figure(412.3, "ms"),
        figure(39.84, "per_second"),
        figure(12, "count"),
    ] == [
        "6.23 %",
        "412.3 ms",
        "39.8 requests/s",
        "12",
    ]
    assert [percent(ratio) for ratio in (1.0, 0.5, 0.001, 1e-7, 12.0)] == [
        "100 %",
        "50 %",
        "0.1 %",
        "0.00001 %",
        "1200 %",
    ]


def test_a_long_list_is_cut_and_counted() -> None:
    assert listed([]) == "none"
    assert listed("ab") == "a, b"
    assert listed(map(str, range(14))) == "0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 and 2 more"


def test_the_closest_name_comes_first() -> None:
    known = ["payments", "shop", "search"]
    assert closest_first("shopp", known)[0] == "shop"
    assert closest("payment", known) == "payments"
    assert closest("warehouse", known) is None


def test_an_instant_reads_as_a_clock() -> None:
    assert clock(at(40)) == "12:00:40 UTC"

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sre_portal.core.band import Band
from sre_portal.web.pages import figures

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def plain(text: str) -> str:
    """With ordinary spaces and hyphens, so that the table below can be read."""
    return (
        text.replace(figures.THIN, " ")
        .replace(figures.MINUS, "-")
        .replace(figures.DASH, "-")
        .replace(figures.TIMES, "x")
    )


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (figures.rate(None), "no data"),
        (figures.rate(0.4), "0.4 /s"),
        (figures.rate(411.7), "412 /s"),
        (figures.rate(1184), "1 184 /s"),
        (figures.percent(None), "no data"),
        (figures.percent(0.9993), "99.93 %"),
        (figures.percent(-0.041, 1), "-4.1 %"),
        (figures.percent(-0.00001, 1), "0.0 %"),
        (figures.milliseconds(3.14159), "3.1 ms"),
        (figures.milliseconds(931.4), "931 ms"),
        (figures.milliseconds(1240), "1 240 ms"),
        (figures.milliseconds(12_400), "12.4 s"),
        (figures.mebibytes(206 * 2**20), "206 MiB"),
    ],
)
def test_a_number_has_its_unit_and_the_digits_that_count(figure: figures.Figure, text: str) -> None:
    assert plain(str(figure)) == text


@pytest.mark.parametrize(
    ("value", "text", "level"),
    [
        (None, "no data", "cool"),
        (0.0, "0.0x", "cool"),
        (0.96, "1.0x", "cool"),
        (1.0, "1.0x", "warm"),
        (14.39, "14.4x", "warm"),
        (14.4, "14.4x", "hot"),
        (1234.5, "1 234x", "hot"),
    ],
)
def test_a_burn_rate_weighs_more_the_higher_it_is(value: float | None, text: str, level: str) -> None:
    burn = figures.burn(value)
    assert (plain(burn.text), burn.level) == (text, level)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0, "0:00"), (-0.4, "0:00"), (-5, "-0:05"), (33.6, "0:34"), (61, "1:01"), (3725, "62:05")],
)
def test_an_offset_is_minutes_and_seconds(seconds: float | None, text: str) -> None:
    assert plain(figures.offset(seconds)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (0.44, "0:00.4"), (33.56, "0:33.6"), (59.97, "1:00.0"), (-1.25, "-0:01.2")],
)
def test_hops_a_second_apart_differ_in_the_tenths(seconds: float | None, text: str) -> None:
    assert plain(figures.fine_offset(seconds)) == text


@pytest.mark.parametrize(
    ("band", "text"),
    [(None, "-"), (Band(0.0, 0.4), "0:00"), (Band(31.6, 34.5), "0:32 - 0:34"), (Band(-2, 3), "-0:02 - 0:03")],
)
def test_a_band_goes_from_to(band: Band | None, text: str) -> None:
    assert plain(figures.band(band)) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-3, "0 s"),
        (48.4, "48 s"),
        (60, "1 m"),
        (1138, "18 m 58 s"),
        (11_160, "3 h 06 m"),
        (187_200, "2 d 4 h"),
    ],
)
def test_a_span_has_the_two_units_that_matter(seconds: float, text: str) -> None:
    assert plain(figures.span(seconds)) == text


@pytest.mark.parametrize(
    ("ago", "text"),
    [
        (timedelta(seconds=48), "48 s ago"),
        (timedelta(minutes=59, seconds=59), "59 m 59 s ago"),
        (timedelta(hours=1), "23 Nov 11:00 UTC"),
        (timedelta(days=3), "20 Nov 12:00 UTC"),
        (timedelta(seconds=-1), "23 Nov 12:00 UTC"),
    ],
)
def test_a_moment_is_relative_within_the_hour_and_always_exact_beside(ago: timedelta, text: str) -> None:
    moment = figures.moment(NOW - ago, NOW)
    assert plain(moment.text) == text
    assert moment.exact.endswith(" UTC")
    assert moment.iso.endswith("Z")


def test_a_percentage_has_the_digits_it_needs() -> None:
    assert [plain(figures.short_percent(value)) for value in (99.9, 25, 99.95, 0.05)] == [
        "99.9 %",
        "25 %",
        "99.95 %",
        "0.05 %",
    ]

"""Durations, percentages and names: read strictly, written so that they read the same."""

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.document import dump_duration, dump_percent, parse_duration, parse_percent
from sre_portal.core.experiment import Experiment


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("45s", 45),
        ("1h30m", 5400),
        ("30d", 2_592_000),
        ("1.5h", 5400),
        ("0s", 0),
        ("1d2h3m4s5ms", 93_784.005),
        ("0.001s", 0.001),
    ],
)
def test_a_duration_is_numbers_with_units(text: str, seconds: float) -> None:
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "45",
        "s",
        "-5s",
        "+5s",
        "5 s",
        "5S",
        "1s1s",
        "1s1m",
        "1e3s",
        "5m-",
        "\N{ARABIC-INDIC DIGIT FIVE}s",
        "1.s",
        ".5s",
        "9" * 99 + "s",
    ],
)
def test_anything_else_is_told_the_form(text: str) -> None:
    with pytest.raises(ValueError, match="a duration such as 500ms, 45s, 5m, 1h30m or 30d"):
        parse_duration(text)


@pytest.mark.parametrize("value", [45, 4.5, None, True, [], {}])
def test_a_duration_is_a_text(value: object) -> None:
    with pytest.raises(ValueError, match="a duration such as"):
        parse_duration(value)


def test_a_number_is_told_that_its_unit_is_missing() -> None:
    with pytest.raises(ValueError, match="a number has to name its unit"):
        parse_duration(45)


@pytest.mark.parametrize("text", ["0.0001s", "1.5ms", "367d", "999999999999d"])
def test_a_duration_is_whole_milliseconds_and_at_most_a_year(text: str) -> None:
    with pytest.raises(ValueError, match="in whole milliseconds and at most 366d"):
        parse_duration(text)


@given(st.integers(0, 366 * 86_400_000))
def test_a_duration_reads_back_as_the_same_span(milliseconds: int) -> None:
    span = timedelta(milliseconds=milliseconds)
    assert parse_duration(dump_duration(span)) == span


@pytest.mark.parametrize(("value", "percent"), [(99.9, "99.9"), ("99.9 %", "99.9"), ("5%", "5"), (0, "0")])
def test_a_percentage_is_exact(value: object, percent: str) -> None:
    assert parse_percent(value) == Decimal(percent)


@pytest.mark.parametrize(
    "value",
    [
        101,
        -1,
        "x",
        None,
        True,
        [],
        float("nan"),
        float("inf"),
        "1e99",
        "NaN",
        "1_0%%",
        "9" * 40,
        Decimal("sNaN"),
    ],
)
def test_a_percentage_is_between_0_and_100(value: object) -> None:
    with pytest.raises(ValueError, match="a percentage from 0 to 100"):
        parse_percent(value)


@given(st.decimals(0, 100, places=6))
def test_a_percentage_reads_back_as_the_same(percent: Decimal) -> None:
    assert parse_percent(dump_percent(percent)) == percent


def test_a_schema_shows_defaults_as_a_document_writes_them() -> None:
    parts = Experiment.model_json_schema(by_alias=True)["$defs"]
    latency = parts["LatencyFault"]["properties"]
    assert latency["spread"]["default"] == "0s"
    assert latency["delay"]["type"] == "string"
    assert parts["ShareSpec"]["properties"]["percent"]["default"] == 100
    assert parts["ShareSpec"]["properties"]["of"]["default"] == "requests"
    assert parts["Target"]["properties"]["share"]["default"] == {
        "percent": 100,
        "of": "requests",
        "keyHeader": "x-user-id",
    }

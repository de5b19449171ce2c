"""What all documents share: YAML in, a frozen model out, every problem at once with its path."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic.alias_generators import to_camel

API_VERSION = "sre-portal.dev/v1"

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")


def parse_duration(text: object) -> timedelta:
    """`500ms`, `45s`, `1h30m`, `30d`. Raises `ValueError` for anything else, negative values included."""
    if isinstance(text, timedelta):
        return text
    parts = _DURATION.findall(text) if isinstance(text, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError("a duration such as 500ms, 45s, 5m, 1h30m or 30d, never negative")
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


def dump_duration(span: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as the same span, to the millisecond."""
    left = round(span.total_seconds() * 1000)
    if left == 0:
        return "0s"
    text = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, left = divmod(left, size)
        text += f"{count}{unit}" if count else ""
    return text


def _parse_percent(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError("a percentage such as 99.9")
    try:
        return Decimal(str(value).removesuffix("%").strip())
    except ArithmeticError:
        raise ValueError("a percentage such as 99.9") from None


def _within_percent(value: Decimal) -> Decimal:
    if not (value.is_finite() and 0 <= value <= 100):
        raise ValueError("a percentage from 0 to 100")
    return value


Span = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(dump_duration, return_type=str)]
"""A time span, in documents a text such as `45s`."""

Percent = Annotated[
    Decimal, BeforeValidator(_parse_percent), AfterValidator(_within_percent), PlainSerializer(float, return_type=float)
]
"""0 to 100, exact: 1 - 99.9 % is 0.001."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")]
"""Lower case letters, digits, dots and dashes, at most 63 characters."""


class Document(BaseModel):
    """A part of a document: frozen, unknown keys forbidden, keys in camelCase."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)


class Metadata(Document):
    name: Name
    title: str = ""
    description: str = ""

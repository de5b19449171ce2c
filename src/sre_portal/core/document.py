"""What all documents share: YAML in, a frozen model out, every problem at once with its path."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema
from pydantic.alias_generators import to_camel
from pydantic.json_schema import GenerateJsonSchema

API_VERSION: Final = "sre-portal.dev/v1"

_UNITS_MS = {"d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1000, "ms": 1}
_NUMBER = r"([0-9]{1,12}(?:\.[0-9]{1,6})?)"
_DURATION = re.compile("".join(f"(?:{_NUMBER}{unit})?" for unit in _UNITS_MS))
_LONGEST_MS = 366 * _UNITS_MS["d"]
_FORM = "a duration such as 500ms, 45s, 5m, 1h30m or 30d"


def parse_duration(text: object) -> timedelta:
    """`500ms`, `45s`, `1h30m`, `30d`: units from large to small, each once, in whole milliseconds.

    Raises `ValueError` for anything else. The message says what would be right.
    """
    if isinstance(text, timedelta):
        return text
    if isinstance(text, int | float) and not isinstance(text, bool):
        raise ValueError(f"{_FORM}: a number has to name its unit")
    match = _DURATION.fullmatch(text) if isinstance(text, str) else None
    if match is None or not text:
        raise ValueError(_FORM)
    sizes = zip(match.groups(), _UNITS_MS.values(), strict=True)
    milliseconds = sum((Decimal(number) * size for number, size in sizes if number), Decimal(0))
    if milliseconds % 1 or milliseconds > _LONGEST_MS:
        raise ValueError(f"{_FORM}, in whole milliseconds and at most 366d")
    return timedelta(milliseconds=int(milliseconds))


def dump_duration(span: timedelta) -> str:
    """The shortest text that `parse_duration` reads back as the same span, to the millisecond."""
    left = round(span / timedelta(milliseconds=1))
    if left == 0:
        return "0s"
    text = ""
    for unit, size in _UNITS_MS.items():
        count, left = divmod(left, size)
        text += f"{count}{unit}" if count else ""
    return text


_PERCENT = "a percentage from 0 to 100"


def parse_percent(value: object) -> Decimal:
    """`99.9`, `"99.9"` or `"99.9 %"`, exact. Raises `ValueError`; the message says what would be right."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise ValueError(_PERCENT)
    text = str(value).removesuffix("%").strip()
    if len(text) > 32:
        raise ValueError(_PERCENT)
    try:
        percent = Decimal(text)
    except ArithmeticError:
        raise ValueError(_PERCENT) from None
    if not (percent.is_finite() and 0 <= percent <= 100):
        raise ValueError(_PERCENT)
    if percent != round(percent, 6):
        raise ValueError(f"{_PERCENT} with at most 6 decimals")
    return percent


def dump_percent(value: Decimal) -> int | float:
    """The number that `parse_percent` reads back as the same percentage."""
    return int(value) if value == int(value) else float(value)


Span = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(dump_duration, return_type=str),
    WithJsonSchema(
        {"type": "string", "pattern": r"^([0-9.]+(d|h|m|s|ms))+$", "examples": ["500ms", "45s", "1h30m"]}
    ),
]
"""A time span, in documents a text such as `45s`."""

Percent = Annotated[
    Decimal,
    BeforeValidator(parse_percent),
    PlainSerializer(dump_percent),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": 100, "examples": [99.9]}),
]
"""0 to 100, exact: 1 - 99.9 % is 0.001."""

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?$")]
"""Lower case letters, digits, dots and dashes, at most 63 characters."""


class DocumentSchema(GenerateJsonSchema):
    """Shows defaults as a document would write them: `10s`, not `PT10S`."""

    def encode_default(self, dft: object) -> object:
        match dft:
            case timedelta():
                return dump_duration(dft)
            case Decimal():
                return dump_percent(dft)
            case _:
                return super().encode_default(dft)


class Document(BaseModel):
    """A part of a document: frozen, unknown keys forbidden, keys in camelCase."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)

    @classmethod
    def model_json_schema(cls, *args: Any, **options: Any) -> dict[str, Any]:  # noqa: ANN401  # as pydantic has it
        """The JSON Schema of this part, for editors and for the reference."""
        return super().model_json_schema(*args, **{"schema_generator": DocumentSchema, **options})


class Metadata(Document):
    name: Name
    title: str = ""
    description: str = ""

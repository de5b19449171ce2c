"""What people write about flags on the command line: shares, and definitions in files."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from sre_portal.cli.document import read_document
from sre_portal.cli.exits import Code, CommandFailed

MOST_BYTES = 1_900_000
"""Of a file of flags: the portal takes requests of two MiB."""


def parse_percent(text: str) -> str:
    """`25`, `12.5` or `25%`, as the API takes it. Raises `CommandFailed`."""
    try:
        number = Decimal(text.strip().removesuffix("%"))
    except InvalidOperation:
        number = Decimal("NaN")
    if not (number.is_finite() and 0 <= number <= 100):
        raise CommandFailed(
            Code.BAD_INPUT, f"{text!r} is no share: write a percentage from 0 to 100, such as 12.5."
        )
    return str(number)


def parse_share(text: str) -> Mapping[str, object]:
    """A variant and its share, `on=25`, as the API takes them. Raises `CommandFailed`."""
    variant, _, percent = text.rpartition("=")
    if not variant.strip():
        raise CommandFailed(
            Code.BAD_INPUT, f"{text!r} is no share: write a variant and a percentage, such as on=25."
        )
    return {"variant": variant.strip(), "percent": parse_percent(percent)}


def read_definition(file: str) -> Mapping[str, object]:
    """The definition of one flag in a file. Raises `CommandFailed`."""
    try:
        found = json.loads(read_document(file, MOST_BYTES))
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise CommandFailed(Code.BAD_INPUT, f"{file} is not the definition of a flag, an object in JSON.")
    return found

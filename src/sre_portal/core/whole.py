"""Whole numbers that somebody wrote: in addresses, fields of forms and headers."""

from __future__ import annotations

from sre_portal.core.complaint import shown
from sre_portal.core.errors import Problem, raise_if

DIGITS = 15
"""More of them, and not every program of the world reads the number exactly."""
VERSION_SEEN = "the version that was seen, such as 3"


def whole_in(text: str, digits: int = DIGITS) -> int | None:
    """The number in a text of so many ASCII digits at most; None where it is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= digits else None


def whole_number(text: str, path: str, expected: str, digits: int = DIGITS) -> int:
    """The same. Raises `InvalidInput`."""
    found = whole_in(text, digits)
    raise_if([Problem(path, shown(text), expected)] if found is None else [])
    return found or 0

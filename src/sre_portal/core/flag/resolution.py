"""What an evaluation says, in the words of the OpenFeature specification."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Literal, NamedTuple

Metadata = Mapping[str, bool | int | float | str]
NO_METADATA: Metadata = MappingProxyType({})
CODE_DEFAULT = "the default in the code"
"""What people are told for a variant of None: the value that the code which asks brings along."""

FlagType = Literal["boolean", "string", "number", "object"]
"""What all variants of a flag are."""
ExpectedType = Literal["boolean", "string", "integer", "float", "number", "object"]
"""What somebody asks for."""


class Reason(StrEnum):
    """Why a value is what it is.

    An evaluation never says SPLIT: flagd calls what a split gives a match, too. Nor STALE, CACHED or UNKNOWN:
    those are for whoever passes an answer on.
    """

    STATIC = "STATIC"
    DEFAULT = "DEFAULT"
    TARGETING_MATCH = "TARGETING_MATCH"
    SPLIT = "SPLIT"
    DISABLED = "DISABLED"
    CACHED = "CACHED"
    STALE = "STALE"
    UNKNOWN = "UNKNOWN"
    ERROR = "ERROR"


class ErrorCode(StrEnum):
    """What went wrong. A missing targeting key is no error here, as in flagd: the default is given."""

    FLAG_NOT_FOUND = "FLAG_NOT_FOUND"
    PARSE_ERROR = "PARSE_ERROR"
    TYPE_MISMATCH = "TYPE_MISMATCH"
    TARGETING_KEY_MISSING = "TARGETING_KEY_MISSING"
    INVALID_CONTEXT = "INVALID_CONTEXT"
    PROVIDER_NOT_READY = "PROVIDER_NOT_READY"
    GENERAL = "GENERAL"


class Resolution(NamedTuple):
    """One evaluation in full.

    `variant` is None where the default in the code is to be taken: the flag is disabled, has no default
    variant, or could not be evaluated. `value` is None then. Answers that are equal may be the same object:
    change neither the value nor the metadata.
    """

    value: object
    variant: str | None
    reason: Reason
    metadata: Metadata = NO_METADATA
    error_code: ErrorCode | None = None
    error_details: str = ""


def failed(code: ErrorCode, details: str, metadata: Metadata = NO_METADATA) -> Resolution:
    return Resolution(None, None, Reason.ERROR, metadata, code, details)


def typed(found: Resolution, expected: ExpectedType) -> Resolution:
    """The same, if its value is of the type asked for. A whole number is a float, too, and given as one."""
    if found.variant is None:
        return found
    value = found.value
    kind, exact = _PYTHON[expected]
    if not isinstance(value, kind) or (exact and isinstance(value, bool)):
        details = f"asked for {expected}, and variant {found.variant!r} is {type_name(value)}"
        return failed(ErrorCode.TYPE_MISMATCH, details, found.metadata)
    if expected == "float" and isinstance(value, int):
        return found._replace(value=float(value))
    return found


_PYTHON: Mapping[ExpectedType, tuple[tuple[type, ...], bool]] = {
    "boolean": ((bool,), False),
    "string": ((str,), False),
    "integer": ((int,), True),
    "float": ((int, float), True),
    "number": ((int, float), True),
    "object": ((dict, list), False),
}
"""The Python types of what is asked for, and whether a boolean is none of them: Python calls it a number."""


def type_name(value: object) -> str:
    """A JSON type in words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    if isinstance(value, (int, float)):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "a list" if isinstance(value, list) else "an object"

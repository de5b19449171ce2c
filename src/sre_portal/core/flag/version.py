"""Semantic versions as the `sem_ver` operator compares them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from sre_portal.core.flag.value import number_text

_NUMBER = r"(0|[1-9][0-9]*)"
_IDENTIFIER = r"(?:0|[1-9][0-9]*|[0-9]*[a-zA-Z-][0-9a-zA-Z-]*)"
_VERSION = re.compile(
    rf"[vV]?{_NUMBER}(?:\.{_NUMBER})?(?:\.{_NUMBER})?"
    rf"(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?"
)
_MAX_LENGTH = 256


class Version(NamedTuple):
    """Ordered by SemVer 2.0: identifiers of digits come before those with letters, a release after all.

    Build metadata is read and not kept: it has no part in precedence.
    """

    major: int
    minor: int
    patch: int
    release: bool
    identifiers: tuple[tuple[bool, int, str], ...]


def parse_version(value: object) -> Version | None:
    """None where it is no version. `v1`, `1.2` and a bare number 1 are: what is left out is 0."""
    if (isinstance(value, (int, float)) and not isinstance(value, bool)) or isinstance(value, str):
        text = number_text(value) if isinstance(value, (int, float)) else value
        if len(text) <= _MAX_LENGTH and (found := _VERSION.fullmatch(text)):
            major, minor, patch, identifiers = found.groups()
            parts = identifiers.split(".") if identifiers else ()
            return Version(
                int(major), int(minor or 0), int(patch or 0), not parts, tuple(map(_identifier, parts))
            )
    return None


def _identifier(text: str) -> tuple[bool, int, str]:
    return (False, int(text), "") if text.isdigit() else (True, 0, text)


COMPARISONS: Mapping[str, Callable[[Version, Version], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
    "^": lambda left, right: left.major == right.major,
    "~": lambda left, right: left[:2] == right[:2],
}

"""What the portal tells an agent about flags: one JSON object a line.

A subscriber gets each of its sets whole, then what changed, then a beat each second. Whatever is missing in
between is told as a whole set again. Definitions are in the flagd format.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

PATH = "/agents/v1/flags"
DEFAULT_SET = "default"
"""The set of whoever names none. Every service reads it."""
MAX_SETS = 8
"""Sets of one stream."""
BEAT_SECONDS = 1.0
"""The portal says something at least this often."""


@dataclass(frozen=True, slots=True)
class SetLine:
    """A whole set: what was known of it is over. A set that does not exist has version 0 and no flags."""

    flag_set: str
    version: int
    document: Mapping[str, object]
    kind: Literal["set"] = "set"


@dataclass(frozen=True, slots=True)
class ChangeLine:
    """The flags that differ from version `since`: their definitions, None for one that was removed."""

    flag_set: str
    since: int
    version: int
    flags: Mapping[str, Mapping[str, object] | None]
    kind: Literal["change"] = "change"


@dataclass(frozen=True, slots=True)
class FactsLine:
    """All facts that the rules of a set read below `$slo`, by SLO and name."""

    flag_set: str
    slo: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    kind: Literal["facts"] = "facts"


@dataclass(frozen=True, slots=True)
class BeatLine:
    """The portal is there, and this is its clock, in seconds since 1970."""

    sent_at: float
    kind: Literal["beat"] = "beat"


FlagLine = SetLine | ChangeLine | FactsLine | BeatLine

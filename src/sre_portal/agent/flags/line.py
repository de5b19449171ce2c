"""Reads what the portal tells of flags: from an untrusted line to a record.

Definitions are looked at by the evaluator, flag by flag; here is only what stands around them. Kinds of lines
that a newer portal added are ignored.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import cast

from sre_portal.contract.flags import BeatLine, ChangeLine, FactsLine, FlagLine, SetLine
from sre_portal.core.flag.reading import MOST_FLAGS

MOST_FACTS = 10_000

Wire = Mapping[str, object]


def parse_line(line: bytes) -> FlagLine | None:
    """A line of the stream; None for a kind that is not known. Raises `ValueError` for what is none."""
    try:
        wire = _object(json.loads(line), "line")
    except RecursionError:
        raise ValueError("a line that is too deep") from None
    match wire.get("kind"):
        case "set":
            return SetLine(_name(wire), _version(wire, "version"), _document(wire))
        case "change":
            return ChangeLine(_name(wire), _version(wire, "since"), _version(wire, "version"), _changes(wire))
        case "facts":
            return FactsLine(_name(wire), _facts(wire))
        case "beat":
            return BeatLine(_instant(wire.get("sent_at")))
        case _:
            return None


def _document(wire: Wire) -> Wire:
    document = _object(wire.get("document"), "document")
    flags = _flags(document)
    return {**document, "flags": {key: _object(fields, "a flag") for key, fields in flags.items()}}


def _changes(wire: Wire) -> Mapping[str, Wire | None]:
    flags = _flags(wire)
    return {key: None if fields is None else _object(fields, "a flag") for key, fields in flags.items()}


def _flags(wire: Wire) -> Wire:
    flags = _object(wire.get("flags"), "flags")
    if len(flags) > MOST_FLAGS:
        raise ValueError(f"more than {MOST_FLAGS} flags")
    return flags


def _facts(wire: Wire) -> Mapping[str, Wire]:
    slo = _object(wire.get("slo"), "slo")
    if len(slo) > MOST_FACTS:
        raise ValueError(f"facts of more than {MOST_FACTS} SLOs")
    return {name: _object(facts, "facts") for name, facts in slo.items()}


def _object(value: object, what: str) -> Wire:
    if not isinstance(value, dict):
        raise ValueError(f"{what}: not an object")
    return cast("Wire", value)


def _name(wire: Wire) -> str:
    name = wire.get("flag_set")
    if not isinstance(name, str):
        raise ValueError("flag_set: not a text")
    return name


def _version(wire: Wire, field: str) -> int:
    version = wire.get(field)
    if isinstance(version, bool) or not isinstance(version, int) or not 0 <= version < 1 << 63:
        raise ValueError(f"{field}: not the number of a version")
    return version


def _instant(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e11:
        raise ValueError("sent_at: not an instant in seconds")
    return float(value)

"""An evaluation context of OpenFeature as the plain values that rules read: what JSON would make of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import UTC, date, datetime

from openfeature.evaluation_context import EvaluationContext

TARGETING_KEY = "targetingKey"
MAX_DEPTH = 32
"""What lies deeper is nothing to a rule: it may hold itself."""

_PLAIN = frozenset({str, bool, int, float, type(None)})


def plain_context(context: EvaluationContext | None) -> dict[str, object]:
    """The attributes, and beside them the targeting key."""
    if context is None:
        return {}
    plain: dict[str, object] = {
        name: value if type(value) in _PLAIN else plain_value(value)
        for name, value in context.attributes.items()
    }
    if context.targeting_key is not None:
        plain[TARGETING_KEY] = context.targeting_key
    return plain


def plain_value(value: object, depth: int = 0) -> object:
    """An instant is text as in RFC 3339, in UTC where it names no zone. What JSON does not know is text."""
    if type(value) in _PLAIN:
        return value
    if depth >= MAX_DEPTH:
        return None
    match value:
        case str():
            return str.__str__(value)
        case int():
            return int(value)
        case float():
            return float(value)
        case datetime():
            return _instant(value)
        case date():
            return value.isoformat()
        case Mapping():
            return {str(name): plain_value(item, depth + 1) for name, item in value.items()}
        case bytes() | bytearray():
            return value.decode(errors="replace")
        case Sequence() | AbstractSet():
            return [plain_value(item, depth + 1) for item in value]
        case _:
            return str(value)


def _instant(at: datetime) -> str:
    told = (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).isoformat()
    return told.removesuffix("+00:00") + "Z" if told.endswith("+00:00") else told

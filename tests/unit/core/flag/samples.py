"""Flags for tests."""

from __future__ import annotations

from collections.abc import Mapping

from sre_portal.core.flag.flag_set import FlagSet, parse_flags


def flag(targeting: object = None, **changed: object) -> dict[str, object]:
    """An enabled string flag with the variants a, b, c, true and false; a is the default."""
    fields: dict[str, object] = {
        "state": "ENABLED",
        "variants": {name: f"value of {name}" for name in ("a", "b", "c", "true", "false")},
        "defaultVariant": "a",
    }
    if targeting is not None:
        fields["targeting"] = targeting
    fields |= changed
    return {name: value for name, value in fields.items() if value is not ...}


def document(*targeting: object, **changed: object) -> dict[str, object]:
    """A document with the flag `f`, and what else it says. `evaluators` is for `$evaluators`."""
    evaluators = changed.pop("evaluators", None)
    top = {} if evaluators is None else {"$evaluators": evaluators}
    return {"flags": {"f": flag(*targeting, **changed)}} | top


def flags(*targeting: object, **changed: object) -> FlagSet:
    return parse_flags(document(*targeting, **changed))


def variant(targeting: object, context: Mapping[str, object] | None = None, **changed: object) -> str | None:
    return flags(targeting, **changed).evaluate("f", context or {}).variant

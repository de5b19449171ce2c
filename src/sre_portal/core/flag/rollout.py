"""The share of people who get a variant, and a definition with another share."""

from __future__ import annotations

from collections.abc import Mapping

from sre_portal.core.errors import Problem, raise_if

PARTS = 10_000


def with_share(fields: Mapping[str, object], variant: str, percent: float) -> Mapping[str, object]:
    """The definition with that share of people on a variant. Raises `InvalidInput`."""
    variants, default = fields.get("variants"), fields.get("defaultVariant")
    known = isinstance(variants, Mapping) and variant in variants and variant != default
    found = [] if known else [Problem("variant", repr(variant), "a variant besides the default one")]
    if not 0 <= percent <= 100:
        found.append(Problem("percent", f"{percent:g}", "0 to 100"))
    rule = fields.get("targeting")
    if rule and not (isinstance(rule, Mapping) and list(rule) == ["fractional"]):
        found.append(Problem("targeting", "another rule", "none, or one split"))
    raise_if(found)
    weight = round(percent * PARTS / 100)
    return {**fields, "targeting": {"fractional": [[variant, weight], [default, PARTS - weight]]}}

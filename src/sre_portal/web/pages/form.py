"""What was typed into a form, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from starlette.requests import Request

from sre_portal.core.errors import Problem
from sre_portal.core.whole import whole_in

LONGEST = 1000
"""Characters of a field."""
FIELD_DIGITS = 7
"""Of a number in a field: days, minutes, seconds."""


@dataclass(frozen=True, slots=True)
class Form:
    """What a template prints: the values stay, and a problem stands at its field."""

    values: Mapping[str, str]
    problems: Mapping[str, str] = field(default_factory=dict)
    others: tuple[str, ...] = ()
    """Problems that belong to no field."""

    @classmethod
    def of(
        cls, usual: Mapping[str, str], given: Mapping[str, str] | None = None, wrong: Sequence[Problem] = ()
    ) -> Form:
        """`usual` names every field with its value where nothing was typed."""
        values = {name: (given or {}).get(name, text) for name, text in usual.items()}
        at = {one.path: f"expected {one.expected}" for one in reversed(wrong) if one.path in usual}
        return cls(values, at, tuple(str(one) for one in wrong if one.path not in usual))


async def fields_of(request: Request) -> dict[str, str]:
    """The fields that were posted, without spaces around them."""
    form = await request.form()
    return {name: text.strip()[:LONGEST] for name, text in form.items() if isinstance(text, str)}


def services_in(text: str) -> frozenset[str] | None:
    """`shop, payments`; None, which is everywhere, for nothing."""
    named = frozenset(part.strip() for part in text.split(",") if part.strip())
    return named or None


def number_field(fields: Mapping[str, str], name: str, expected: str, wrong: list[Problem]) -> int:
    """The number in a field; a problem and 0 where there is none."""
    text = fields.get(name, "")
    found = whole_in(text, FIELD_DIGITS)
    if found is None:
        wrong.append(Problem(name, repr(text[:20]), expected))
    return found or 0


def one_of(fields: Mapping[str, str], name: str, known: Collection[str], wrong: list[Problem]) -> str:
    """The choice in a field; a problem and the first of those known where it is none of them."""
    text = fields.get(name, "")
    if text in known:
        return text
    wrong.append(Problem(name, repr(text[:20]), f"one of {', '.join(known)}"))
    return next(iter(known))

"""What a change moves, in sentences for people."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction

from sre_portal.core.flag_moves.compare import Movement, Moves
from sre_portal.core.flag_moves.leaf import named

_LEAST = Decimal("0.01")
"""Percent; what is less is not told by its number."""


def sentences(told: Moves) -> Sequence[str]:
    """At least one. Numbers stand only where they are known."""
    found = [_part(part) for part in told.parts]
    if not found and not told.unknown and not told.notes:
        return ["Nobody gets another variant."]
    if len(told.parts) > 1 and told.at_most is not None:
        found.append(f"Of everybody at most {percent(told.at_most)} move.")
    if told.unknown:
        found.append("Not known in advance:")
    return [*found, *told.unknown, *told.notes]


def _part(part: Movement) -> str:
    about = "" if part.exact else "about "
    rest = "" if part.exact else ", as many as is expected of another hash"
    ways = ", ".join(
        f"{percent(share)} from {named(old)} to {named(new)}"
        for (old, new), share in part.pairs.items()
        if old != new and share
    )
    return f"Of {part.among}, {about}{percent(part.share)} move: {ways}{rest}."


def percent(share: Fraction) -> str:
    """A share, 0 to 1, as people read it."""
    exact = Decimal(share.numerator) * 100 / Decimal(share.denominator)
    rounded = exact.quantize(_LEAST, ROUND_HALF_EVEN)
    if share and not rounded:
        return f"less than {_LEAST} %"
    return f"{rounded.normalize():f} %"

"""How numbers, instants and names read inside sentences: one spelling for reasons and the journal."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from difflib import SequenceMatcher

from sre_portal.core.band import Band

NEAR = 0.6
"""Two words this alike (0..1) are probably one of them and a slip."""

SHOWN = 12
"""A list in a sentence names at most this many."""


def plain_words(message: object) -> str:
    """What pydantic says would be right, without what it says before every such sentence."""
    return str(message).removeprefix("Value error, ").removeprefix("Input should be ")


def clock(at: datetime) -> str:
    """`12:03:04 UTC`."""
    return at.astimezone(UTC).strftime("%H:%M:%S UTC")


def seconds(span_s: float) -> str:
    """`1.8 s`, `45 s`; minutes and hours from 100 s on: `2 min 5 s`."""
    if abs(span_s) < 99.95:
        text = f"{span_s:.1f}".removesuffix(".0")
        return f"{'0' if text == '-0' else text} s"
    minutes, rest = divmod(round(abs(span_s)), 60)
    hours, minutes = divmod(minutes, 60)
    sign = "-" if span_s < 0 else ""
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return sign + " ".join(f"{count} {unit}" for count, unit in parts if count)


def band(one: Band) -> str:
    """`31.5-34.0 s`."""
    return f"{one.earliest_s:.1f}-{one.latest_s:.1f} s"


def percent(ratio: float) -> str:
    """`5 %`, `0.12 %`: three digits that count."""
    return f"{Decimal(f'{ratio * 100:.3g}'):f} %"


def figure(value: float, unit: str) -> str:
    """A value with its unit: `6.2 %`, `412 ms`, `39.8 requests/s`, `12`."""
    match unit:
        case "ratio":
            return percent(value)
        case "ms":
            return f"{value:.4g} ms"
        case "per_second":
            return f"{value:.3g} requests/s"
        case _:
            return f"{value:g}"


def listed(names: Iterable[str], none: str = "none") -> str:
    """`a, b, c`; a long list ends in `and 5 more`."""
    every = list(names)
    more = f" and {len(every) - SHOWN} more" if len(every) > SHOWN else ""
    return (", ".join(every[:SHOWN]) or none) + more


def closest_first(word: str, known: Collection[str]) -> list[str]:
    """Known names: those like `word` first, the likest of all at the front, the others in their own order."""
    return sorted(known, key=lambda name: -_likeness(word, name) if _likeness(word, name) >= NEAR else 0.0)


def closest(word: str, known: Collection[str]) -> str | None:
    """The known name that `word` was probably meant to be. None where none is near."""
    first = next(iter(closest_first(word, known)), None)
    return first if first is not None and _likeness(word, first) >= NEAR else None


def _likeness(word: str, name: str) -> float:
    # Only the beginning is compared: the time it takes grows with the square of the length.
    return SequenceMatcher(None, word[:64].lower(), name[:64].lower(), autojunk=False).ratio()

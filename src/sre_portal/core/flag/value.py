"""What JavaScript makes of a value: JSONLogic is defined by it.

Values are what `json.loads` returns. Numbers are IEEE doubles as in JavaScript: a whole number above 2^53
loses its last digits as soon as it is calculated with. Whatever goes through a list or a long text takes it
from the effort.
"""

from __future__ import annotations

import math
import re

from sre_portal.core.flag.effort import WRITTEN, Effort, TooMuch, spend, spend_on_text

NAN = math.nan
INFINITY = math.inf

MAX_NESTING = 100
"""Levels of lists and objects that an operator looks into."""
MAX_TEXT = 100_000
"""Characters of a text, and items of a list, that a rule may make."""

_SAFE = 2**53
_SPACE = " \t\n\r\v\f\u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_DECIMAL = re.compile(r"[+-]?(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)(?:[eE][+-]?[0-9]++)?")
"""Goes through a text once: no digit is ever given back."""
_RADIX = re.compile(r"0(?:[xX][0-9a-fA-F]+|[oO][0-7]+|[bB][01]+)")
_INFINITIES = {"Infinity": INFINITY, "+Infinity": INFINITY, "-Infinity": -INFINITY}


def truthy(value: object) -> bool:
    """Empty lists are falsy in JSONLogic, empty objects are not."""
    if isinstance(value, float):
        return value == value and value != 0  # noqa: PLR0124 NaN is falsy
    return value is not None and (isinstance(value, dict) or bool(value))


def double(value: float) -> float:
    """The number as JavaScript holds it. A whole number that fits stays whole."""
    try:
        return value if -_SAFE <= value <= _SAFE else float(value)
    except OverflowError:
        return INFINITY if value > 0 else -INFINITY


def to_number(value: object, effort: Effort) -> float:
    """`Number(value)`. Raises `TooMuch`."""
    if value is None:
        return 0
    if isinstance(value, (int, float)):
        return double(+value)
    if isinstance(value, str):
        return _parsed(value, effort)
    return NAN if isinstance(value, dict) else _parsed(to_text(value, effort), effort)


def _parsed(text: str, effort: Effort) -> float:
    spend_on_text(effort, text)
    text = text.strip(_SPACE)
    if not text:
        return 0
    if _DECIMAL.fullmatch(text):
        return int(text) if len(text) < 16 and text.lstrip("+-").isdigit() else float(text)
    if _RADIX.fullmatch(text):
        return double(int(text, 0)) if len(text) < 1000 else INFINITY
    return _INFINITIES.get(text, NAN)


def parse_float(value: object, effort: Effort) -> float:
    """`parseFloat(value)`: the number a text begins with. Neither null nor a boolean is one.

    Raises `TooMuch`.
    """
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return double(value)
    text = to_text(value, effort)
    spend_on_text(effort, text)
    text = text.lstrip(_SPACE)
    if found := _DECIMAL.match(text):
        return _parsed(found[0], effort)
    return next((number for name, number in _INFINITIES.items() if text.startswith(name)), NAN)


def to_text(value: object, effort: Effort, depth: int = 0) -> str:
    """`String(value)`.

    Raises:
        TooMuch: a list of lists lies too deep, makes too long a text, or takes more than is left.
    """
    if isinstance(value, str):
        return value
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return number_text(value)
    return joined(value, ",", effort, depth) if isinstance(value, list) else "[object Object]"


def joined(values: list[object], glue: str, effort: Effort, depth: int = 0) -> str:
    """`values.join(glue)`: null is written as nothing. Raises `TooMuch`."""
    if depth > MAX_NESTING:
        raise TooMuch(f"a list nested deeper than {MAX_NESTING} levels is no text")
    spend(effort, len(values) * WRITTEN)
    parts = []
    size = 0
    for value in values:
        part = "" if value is None else to_text(value, effort, depth + 1)
        size += len(part) + len(glue)
        if size > MAX_TEXT:
            raise TooMuch(f"a rule makes a text longer than {MAX_TEXT} characters")
        parts.append(part)
    text = glue.join(parts)
    spend_on_text(effort, text)
    return text


def number_text(value: float) -> str:
    """`String(number)`: the shortest digits that read back the same, and no `.0`."""
    value = double(value)
    if isinstance(value, int):
        return str(value)
    if value != value:  # noqa: PLR0124 NaN is not itself
        return "NaN"
    if value in {INFINITY, -INFINITY}:
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0:
        return "0"
    sign = "-" if value < 0 else ""
    mantissa, _, exponent = f"{abs(value)!r}".partition("e")
    whole, _, part = mantissa.partition(".")
    digits = (whole + part).lstrip("0") if part != "0" else whole
    point = len(whole) + int(exponent or 0) if whole != "0" else len(digits) - len(part)
    return sign + _placed(digits.rstrip("0") or "0", point)


def _placed(digits: str, point: int) -> str:
    """Digits with the decimal point after `point` of them, in the notation JavaScript chooses."""
    if len(digits) <= point <= 21:
        return digits + "0" * (point - len(digits))
    if 0 < point <= 21:
        return f"{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"0.{'0' * -point}{digits}"
    tail = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{digits[0]}{tail}e{'+' if point > 0 else '-'}{abs(point - 1)}"


def strictly_equal(left: object, right: object) -> bool:
    """`left === right`: lists and objects are equal to themselves only."""
    if isinstance(left, bool) or isinstance(right, bool) or left is None or right is None:
        return left is right
    if isinstance(left, str) or isinstance(right, str):
        return left == right
    if isinstance(left, (int, float)) and isinstance(right, (int, float)):
        return double(left) == double(right)
    return left is right


def loosely_equal(left: object, right: object, effort: Effort) -> bool:
    """`left == right`. Raises `TooMuch`."""
    if left is None or right is None:
        return left is right
    boxed = isinstance(left, (list, dict)), isinstance(right, (list, dict))
    if all(boxed):
        return left is right
    if isinstance(left, str) and isinstance(right, str):
        return left == right
    if any(boxed) and (isinstance(left, str) or isinstance(right, str)):
        return to_text(left, effort) == to_text(right, effort)
    return to_number(left, effort) == to_number(right, effort)


def before(left: object, right: object, effort: Effort) -> bool:
    """`left < right`: as texts where both are, as numbers otherwise. Raises `TooMuch`."""
    left, right = _primitive(left, effort), _primitive(right, effort)
    if isinstance(left, str) and isinstance(right, str):
        return left < right
    return to_number(left, effort) < to_number(right, effort)


def not_after(left: object, right: object, effort: Effort) -> bool:
    """`left <= right`. It is not the opposite of `right < left`: nothing compares with NaN.

    Raises `TooMuch`.
    """
    left, right = _primitive(left, effort), _primitive(right, effort)
    if isinstance(left, str) and isinstance(right, str):
        return left <= right
    return to_number(left, effort) <= to_number(right, effort)


def _primitive(value: object, effort: Effort) -> object:
    return to_text(value, effort) if isinstance(value, (list, dict)) else value

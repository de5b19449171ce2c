"""The arithmetic of JSONLogic, in doubles: what is no number is NaN. Only `TooMuch` is raised."""

from __future__ import annotations

import math

from sre_portal.core.flag.effort import Effort, spend_on_text
from sre_portal.core.flag.value import INFINITY, NAN, double, parse_float, to_number, to_text


def add(values: list[object], effort: Effort) -> object:
    total: float = 0
    for value in values:
        total = double(total + parse_float(value, effort))
    return total


def multiply(values: list[object], effort: Effort) -> object:
    """One factor alone is given back as it is, and not read as a number: JSONLogic folds without a start."""
    if len(values) == 1:
        return values[0]
    product: float = 1
    for value in values:
        product = double(product * parse_float(value, effort))
    return product


def subtract(values: list[object], effort: Effort) -> object:
    if len(values) == 1:
        return -1.0 * to_number(values[0], effort)  # of 0 it is -0, which divides to -Infinity
    return double(to_number(values[0], effort) - to_number(values[1], effort))


def divide(values: list[object], effort: Effort) -> object:
    left, right = float(to_number(values[0], effort)), float(to_number(values[1], effort))
    if right:
        return left / right
    if left == 0 or math.isnan(left) or math.isnan(right):
        return NAN
    return math.copysign(INFINITY, left) * math.copysign(1, right)


def modulo(values: list[object], effort: Effort) -> object:
    """The remainder has the sign of the dividend."""
    left, right = float(to_number(values[0], effort)), float(to_number(values[1], effort))
    return NAN if right == 0 or math.isinf(left) else math.fmod(left, right)


def least(values: list[object], effort: Effort) -> object:
    numbers = [to_number(value, effort) for value in values]
    return NAN if any(map(math.isnan, numbers)) else min(numbers, default=INFINITY)


def greatest(values: list[object], effort: Effort) -> object:
    numbers = [to_number(value, effort) for value in values]
    return NAN if any(map(math.isnan, numbers)) else max(numbers, default=-INFINITY)


def part(values: list[object], effort: Effort) -> object:
    """`substr`: a start below 0 counts from the end, a length below 0 leaves so much off the end."""
    text = to_text(values[0], effort)
    spend_on_text(effort, text)
    start = _whole(to_number(values[1], effort))
    rest = text[max(len(text) + start, 0) if start < 0 else start :]
    if len(values) < 3:
        return rest
    length = to_number(values[2], effort)
    if length < 0:
        length = to_number(_plus(len(rest), values[2], effort), effort)
    return rest[: max(_whole(length), 0)]


def _plus(size: int, value: object, effort: Effort) -> object:
    """`+` of JavaScript: as texts, where one is."""
    if isinstance(value, (str, list, dict)):
        return f"{size}{to_text(value, effort)}"
    return size + to_number(value, effort)


def _whole(number: float) -> int:
    return 0 if math.isnan(number) else int(max(min(number, 2**53), -(2**53)))

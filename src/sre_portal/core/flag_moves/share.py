"""The share of people that a variant has in a split, and definitions with another share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import gcd, lcm

from sre_portal.core.errors import InvalidInput, Problem, raise_if
from sre_portal.core.flag.bucket import KEY, MAX_WEIGHTS, Epoch
from sre_portal.core.flag.definition import Flag
from sre_portal.core.flag.fractional import weight_of
from sre_portal.core.flag.outcome import variant_name
from sre_portal.core.flag.shared import suggestion
from sre_portal.core.flag_moves.piece import Piece, hand_over
from sre_portal.core.flag_moves.split import WayPart, dotted, fractionals

PARTS = 10_000
"""A share is exact to one of so many parts, where the weights that are there leave room for it."""
MOST_BUCKETS = 50
"""With more, the split is laid out anew."""


@dataclass(frozen=True, slots=True)
class _SplitAt:
    """The one split of a rule: the way to what `fractional` is given, and its parts."""

    way: tuple[WayPart, ...]
    by: Sequence[object]
    pieces: list[Piece]


def shares_of(flag: Flag) -> Mapping[str | None, Fraction] | None:
    """The share of each variant, 0 to 1, of the people that the one split of a flag tells apart.

    None is the default in the code, in a flag without default variant. The whole answer is None where no
    share can be said: rules without a split of their own, with several, or with one that is computed.
    """
    if flag.targeting is None:
        return {flag.default: Fraction(1)}
    found = _split_of(flag.targeting, flag.default)
    if isinstance(found, Problem):
        return None
    total = sum(piece.weight for piece in found.pieces)
    told: dict[str | None, Fraction] = {}
    for piece in found.pieces:
        told[piece.variant] = told.get(piece.variant, Fraction(0)) + Fraction(piece.weight, total)
    return told


def with_share(fields: Mapping[str, object], variant: str, percent: Decimal | int) -> dict[str, object]:
    """A sound definition, without its key, with another share of people on a variant.

    `percent` is of the people that the split of the flag tells apart, 0 to 100, with at most two digits after
    the point. Without targeting a split between the variant and the default variant is made. Exactly those
    people move who have to: all of them into the variant, or all of them out of it.

    Raises:
        InvalidInput: with every problem; `targeting` where the definition has no place for a share.
    """
    default = fields.get("defaultVariant") or None
    named = None if default is None else str(default)
    share, problems = _share(percent)
    variants = fields.get("variants")
    known = [str(name) for name in variants] if isinstance(variants, Mapping) else []
    if variant not in known:
        expected = suggestion(variant, known, "a variant of the flag")
        problems.append(Problem("variant", repr(variant), expected))
    rule = fields.get("targeting") or None
    split = _new_split(variant, named) if rule is None else _split_of(rule, named)
    if isinstance(split, Problem):
        raise InvalidInput([*problems, split])
    raise_if(problems)
    buckets = _changed(split.pieces, variant, share, named)
    given = [*split.by, *([piece.written, piece.weight] for piece in buckets)]
    return {**fields, "targeting": _replaced(rule, split.way, given)}


def with_epoch(fields: Mapping[str, object], epoch: Epoch) -> dict[str, object]:
    """A definition whose people are split by another generation of the hash."""
    said = fields.get("metadata")
    metadata = said if isinstance(said, Mapping) else {}
    return {**fields, "metadata": {**metadata, KEY: int(epoch)}}


def _share(percent: Decimal | int) -> tuple[Fraction, list[Problem]]:
    """The share, 0 to 1, and what is wrong with it."""
    told = Decimal(percent)
    if not told.is_finite() or not 0 <= told <= 100:
        return Fraction(0), [Problem("percent", str(told)[:40], "a number from 0 to 100")]
    if (told * 100) % 1:
        return Fraction(0), [Problem("percent", str(told)[:40], "at most two digits after the point")]
    return Fraction(told) / 100, []


def _new_split(variant: str, default: str | None) -> _SplitAt | Problem:
    if variant == default:
        expected = "another one: without targeting everybody gets the default variant"
        return Problem("variant", f"{variant!r}, the default variant", expected)
    return _SplitAt(("fractional",), (), [Piece(variant, variant, 0), Piece(default, default, 1)])


def _split_of(rule: object, default: str | None) -> _SplitAt | Problem:
    found = list(fractionals(rule))
    if len(found) != 1:
        seen = f"{len(found)} splits" if found else "no split in the targeting itself"
        return Problem(
            "targeting", seen, "one fractional rule with written variants and weights, or no targeting"
        )
    [(way, values)] = found
    values = values if isinstance(values, list) else [values]
    buckets = [value for index, value in enumerate(values) if index or isinstance(value, list)]
    pieces = [piece for bucket in buckets if (piece := _piece(bucket, default)) is not None]
    if len(pieces) < len(buckets) or not pieces:
        seen = "a split whose variants or weights are computed"
        return Problem(f"targeting{dotted(way)}", seen, "variants and weights that are written down")
    total = sum(piece.weight for piece in pieces)
    if not 0 < total <= MAX_WEIGHTS:
        seen = f"weights of {total} together"
        return Problem(f"targeting{dotted(way)}", seen, f"1 to {MAX_WEIGHTS}")
    return _SplitAt(way, values[: len(values) - len(buckets)], pieces)


def _piece(bucket: object, default: str | None) -> Piece | None:
    weight = weight_of(bucket)
    if weight is None or not isinstance(bucket, list) or isinstance(bucket[0], (dict, list)):
        return None
    name = variant_name(bucket[0])
    return Piece(bucket[0], default if name is None else name, weight)


def _changed(pieces: list[Piece], variant: str, share: Fraction, default: str | None) -> list[Piece]:
    total = sum(piece.weight for piece in pieces)
    finer = lcm(total, PARTS) // total
    if total * finer <= MAX_WEIGHTS:
        pieces = [piece.of(piece.weight * finer) for piece in pieces]
        total *= finer
    before = pieces
    now = _sums(before)
    more = round(share * total) - now.pop(variant, 0)
    for other, amount in _parts(now, abs(more), variant, default).items():
        giver, taker = (other, variant) if more > 0 else (variant, other)
        pieces = hand_over(pieces, giver, taker, amount)
    if len(pieces) > MOST_BUCKETS:
        pieces = _anew(before, _sums(pieces))
    return _small(pieces, total)


def _anew(before: Sequence[Piece], weights: Mapping[str | None, int]) -> list[Piece]:
    """One bucket for each variant, in the order they had, as each was written first."""
    first = {piece.variant: piece for piece in reversed(before)}
    order = dict.fromkeys([*(piece.variant for piece in before), *weights])
    return [first.get(name, Piece(name, name, 0)).of(weights.get(name, 0)) for name in order]


def _sums(pieces: Sequence[Piece]) -> dict[str | None, int]:
    found: dict[str | None, int] = {}
    for piece in pieces:
        found[piece.variant] = found.get(piece.variant, 0) + piece.weight
    return found


def _parts(
    others: Mapping[str | None, int], amount: int, variant: str, default: str | None
) -> Mapping[str | None, int]:
    """An amount in whole parts, in the proportions of the other variants."""
    total = sum(others.values())
    if not amount:
        return {}
    if not total:
        return {_heir(others, variant, default): amount}
    parts = {name: weight * amount // total for name, weight in others.items()}
    left = amount - sum(parts.values())
    by_rest = sorted(others, key=lambda name: -(others[name] * amount % total))  # of the same, the first
    for name in by_rest[:left]:
        parts[name] += 1
    return parts


def _heir(others: Mapping[str | None, int], variant: str, default: str | None) -> str | None:
    """Who gets the rest where the others have no weight, so no proportions. Raises `InvalidInput`."""
    if len(others) == 1:
        return next(iter(others))
    if variant == default:
        expected = "a weight for whoever gets the rest"
        raise_if([Problem("targeting", f"all the weight on {variant!r}", expected)])
    return default


def _small(pieces: Sequence[Piece], total: int) -> list[Piece]:
    """The same shares in small numbers, in hundredths where that can be."""
    most = gcd(*(piece.weight for piece in pieces))
    by = most if total % 100 else gcd(most, total // 100)
    return [piece.of(piece.weight // by) for piece in pieces]


def _replaced(rule: object, way: Sequence[WayPart], given: object) -> object:
    """The rule with something else at the end of a way."""
    if not way:
        return given
    step, *rest = way
    if isinstance(step, int) and isinstance(rule, list):
        return [_replaced(item, rest, given) if index == step else item for index, item in enumerate(rule)]
    inner = rule.get(step) if isinstance(rule, Mapping) else None
    return {step: _replaced(inner, rest, given)}

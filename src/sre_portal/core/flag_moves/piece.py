"""The interval of a split in pieces, and one variant handing a part of it over to another.

Only the hashes that are handed over change hands: the edges between all other pieces stay where they are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self


class Piece(NamedTuple):
    """A bucket: how its variant is written, which variant that is, and its weight."""

    written: object
    variant: str | None
    weight: int

    def of(self, weight: int) -> Self:
        return self._replace(weight=weight)


def hand_over(pieces: Sequence[Piece], giver: str | None, taker: str | None, amount: int) -> list[Piece]:
    """The pieces after one variant gave an amount to another. The giver has that much.

    Edges between the two are shifted. Only where these do not give enough, a new piece is cut off the end of
    the giver's largest.
    """
    found = list(pieces)
    for index in range(len(found) - 1):
        at, to = index, index + 1
        if (found[at].variant, found[to].variant) == (taker, giver):
            at, to = to, at
        elif (found[at].variant, found[to].variant) != (giver, taker):
            continue
        part = min(amount, found[at].weight)
        found[at], found[to] = found[at].of(found[at].weight - part), found[to].of(found[to].weight + part)
        amount -= part
    while amount:
        at = max(
            (index for index, piece in enumerate(found) if piece.variant == giver),
            key=lambda index: found[index].weight,
        )
        part = min(amount, found[at].weight)
        found[at] = found[at].of(found[at].weight - part)
        found.insert(at + 1, Piece(taker, taker, part))
        amount -= part
    return joined(found)


def joined(pieces: Sequence[Piece]) -> list[Piece]:
    """Neighbours that are written the same become one. A variant without any weight keeps one piece."""
    weights: dict[str | None, int] = {}
    for piece in pieces:
        weights[piece.variant] = weights.get(piece.variant, 0) + piece.weight
    kept: list[Piece] = []
    empty: set[str | None] = set()
    for piece in pieces:
        if not piece.weight:
            if weights[piece.variant] or piece.variant in empty:
                continue
            empty.add(piece.variant)
        if kept and (kept[-1].written, kept[-1].variant) == (piece.written, piece.variant):
            kept[-1] = kept[-1].of(kept[-1].weight + piece.weight)
        else:
            kept.append(piece)
    return kept

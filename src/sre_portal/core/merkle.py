"""Merkle tree maths of RFC 6962: roots, and proofs that an entry is in a log or that a log only grew.

A tree is known by its complete subtrees. `level` is the height of one (0 is a leaf), `position` its place
among those of its level: it covers the leaves from `position << level` on, `1 << level` of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256

EMPTY_ROOT = sha256(b"").digest()

Node = Callable[[int, int], bytes]
"""(level, position) -> the hash of that complete subtree."""


def leaf_hash(leaf: bytes) -> bytes:
    return sha256(b"\0" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """All that is needed to go on: the complete subtrees along the right edge, largest first."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def append(self, leaf: bytes) -> tuple[Frontier, tuple[bytes, ...]]:
        """The frontier after one more leaf hash, and the complete subtrees that this leaf ends.

        The subtrees come from the leaf upwards, the leaf's own hash first.
        """
        hashes, made, below = list(self.hashes), [leaf], self.size
        while below & 1:
            made.append(node_hash(hashes.pop(), made[-1]))
            below >>= 1
        return Frontier(self.size + 1, (*hashes, made[-1])), tuple(made)

    @property
    def root(self) -> bytes:
        if not self.hashes:
            return EMPTY_ROOT
        found, *rest = reversed(self.hashes)
        for one in rest:
            found = node_hash(one, found)
        return found


def ended_by(level: int, position: int) -> int:
    """The last leaf of a complete subtree: with it the subtree came to be."""
    return ((position + 1) << level) - 1


def frontier_of(size: int, node: Node) -> Frontier:
    """The frontier of a tree of so many leaves."""
    hashes, start = [], 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            hashes.append(node(level, start >> level))
            start += 1 << level
    return Frontier(size, tuple(hashes))


def inclusion_proof(seq: int, size: int, node: Node) -> list[bytes]:
    """The hashes that lead from leaf `seq` to the root of the first `size` leaves, from the leaf upwards."""
    if not 0 <= seq < size:
        raise ValueError(f"leaf {seq} is not among {size}")
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if seq < middle:
            path.append(_stretch(middle, end, node))
            end = middle
        else:
            path.append(_stretch(start, middle, node))
            start = middle
    return path[::-1]


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """The hashes that show that the tree of `new` leaves begins with that of `old`. Empty for 0 or equal."""
    if not 0 <= old <= new:
        raise ValueError(f"a log of {new} does not begin with {old}")
    path: list[bytes] = []
    start, end, whole = 0, new, True
    while 0 < old < end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append(_stretch(middle, end, node))
            end = middle
        else:
            path.append(_stretch(start, middle, node))
            start, whole = middle, False
    if old and not whole:
        path.append(_stretch(start, end, node))
    return path[::-1]


@dataclass(frozen=True, slots=True)
class Step:
    """One step up: the sibling stands to the left or to the right, and both make `result`."""

    sibling: bytes
    sibling_is_left: bool
    result: bytes


def climb(seq: int, size: int, leaf: bytes, path: Sequence[bytes]) -> list[Step]:
    """The steps from a leaf hash to the root that a proof leads to. Raises `ValueError` for a bad length.

    The proof holds where the last result, or without a step the leaf hash, is the root.
    """
    if not 0 <= seq < size:
        raise ValueError(f"leaf {seq} is not among {size}")
    steps: list[Step] = []
    found, place, last = leaf, seq, size - 1
    for sibling in path:
        if last == 0:
            raise ValueError("the proof is too long")
        while not place & 1 and place == last:  # no sibling on this level
            place, last = place >> 1, last >> 1
        left = bool(place & 1)
        found = node_hash(sibling, found) if left else node_hash(found, sibling)
        steps.append(Step(sibling, left, found))
        place, last = place >> 1, last >> 1
    if last:
        raise ValueError("the proof is too short")
    return steps


def includes(seq: int, size: int, leaf: bytes, path: Sequence[bytes], root: bytes) -> bool:
    """Whether a proof shows that the leaf hash is number `seq` of the tree with that root."""
    try:
        steps = climb(seq, size, leaf, path)
    except ValueError:
        return False
    return (steps[-1].result if steps else leaf) == root


def extends(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether a proof shows that the tree of `new` leaves begins with that of `old`."""
    if old == new:
        return not path and old_root == new_root
    if old == 0:
        return not path and old_root == EMPTY_ROOT
    if not 0 < old < new:
        return False
    place, last = old - 1, new - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    rest = list(path)
    if place:
        if not rest:
            return False
        first = rest.pop(0)
    else:
        first = old_root
    return _grown(place, last, (first, rest), (old_root, new_root))


def _grown(place: int, last: int, proof: tuple[bytes, list[bytes]], roots: tuple[bytes, bytes]) -> bool:
    old = new = proof[0]
    for sibling in proof[1]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    return last == 0 and (old, new) == roots


def _split(count: int) -> int:
    """The largest power of two below a count of two or more."""
    return 1 << ((count - 1).bit_length() - 1)


def _stretch(start: int, end: int, node: Node) -> bytes:
    """The hash over leaves that a split of RFC 6962 put together."""
    count = end - start
    if count & (count - 1) == 0:
        level = count.bit_length() - 1
        return node(level, start >> level)
    middle = start + _split(count)
    return node_hash(_stretch(start, middle, node), _stretch(middle, end, node))

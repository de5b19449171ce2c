"""Roots and proofs of RFC 6962, against its test vectors and a tree written as the RFC says it."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.merkle import (
    EMPTY_ROOT,
    Frontier,
    climb,
    consistency_proof,
    ended_by,
    extends,
    frontier_of,
    includes,
    inclusion_proof,
    leaf_hash,
)

VECTORS = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}
"""The roots of the reference implementation of Certificate Transparency over the leaves above."""


class Tree:
    """The definitions of RFC 6962, section 2.1, word by word."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves

    def mth(self, start: int, end: int) -> bytes:
        if start == end:
            return EMPTY_ROOT
        if end - start == 1:
            return leaf_hash(self.leaves[start])
        k = 1
        while k * 2 < end - start:
            k *= 2
        return sha256(b"\1" + self.mth(start, start + k) + self.mth(start + k, end)).digest()

    def node(self, level: int, position: int) -> bytes:
        return self.mth(position << level, (position + 1) << level)


def tree_of(size: int) -> Tree:
    return Tree([str(number).encode() for number in range(size)])


def grown(leaves: list[bytes]) -> Frontier:
    frontier = Frontier()
    for leaf in leaves:
        frontier, _ = frontier.append(leaf_hash(leaf))
    return frontier


@pytest.mark.parametrize(("size", "root"), ROOTS.items())
def test_the_root_is_that_of_the_reference_implementation(size: int, root: str) -> None:
    assert grown(VECTORS[:size]).root.hex() == root


@given(st.integers(0, 200))
def test_a_frontier_grown_leaf_by_leaf_is_the_one_read_from_the_nodes(size: int) -> None:
    tree = tree_of(size)
    frontier = grown(tree.leaves)
    assert frontier == frontier_of(size, tree.node)
    assert frontier.root == tree.mth(0, size)


@given(st.integers(0, 150))
def test_a_leaf_makes_the_subtrees_that_end_with_it(size: int) -> None:
    tree, frontier = tree_of(size + 1), Frontier()
    for seq, leaf in enumerate(tree.leaves):
        frontier, made = frontier.append(leaf_hash(leaf))
        for level, found in enumerate(made):
            assert found == tree.node(level, seq >> level)
            assert ended_by(level, seq >> level) == seq


@given(st.data(), st.integers(1, 150))
def test_every_leaf_has_a_proof_and_no_other_leaf_has_that_proof(data: st.DataObject, size: int) -> None:
    tree = tree_of(size)
    seq, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size - 1))
    path, root = inclusion_proof(seq, size, tree.node), tree.mth(0, size)
    leaf = leaf_hash(tree.leaves[seq])
    assert includes(seq, size, leaf, path, root)
    assert not includes(seq, size, leaf_hash(b"another"), path, root)
    assert not includes(seq, size, leaf, [*path, root], root)
    assert not includes(seq, size, leaf, path, leaf_hash(b"another"))
    if path:
        assert not includes(seq, size, leaf, path[:-1], root)
    if other != seq:
        assert not includes(other, size, leaf, path, root)


@given(st.data(), st.integers(0, 150))
def test_a_log_that_grew_has_a_proof_and_one_that_changed_has_none(data: st.DataObject, new: int) -> None:
    tree = tree_of(new)
    old = data.draw(st.integers(0, new))
    path = consistency_proof(old, new, tree.node)
    roots = tree.mth(0, old), tree.mth(0, new)
    assert extends(old, roots[0], new, roots[1], path)
    assert not extends(old, leaf_hash(b"another"), new, roots[1], path)
    if old:
        assert not extends(old, roots[0], new, leaf_hash(b"another"), path)
    assert not extends(old, roots[0], new, roots[1], [*path, roots[0]])
    if path:
        assert not extends(old, roots[0], new, roots[1], path[:-1])
    assert not extends(new + 1, roots[1], new, roots[1], [])


def test_the_steps_of_a_proof_say_on_which_side_the_sibling_stands() -> None:
    tree = tree_of(3)
    (first, second) = climb(0, 3, leaf_hash(b"0"), inclusion_proof(0, 3, tree.node))
    assert (first.sibling, first.sibling_is_left) == (leaf_hash(b"1"), False)
    assert (second.sibling, second.sibling_is_left) == (leaf_hash(b"2"), False)
    assert second.result == tree.mth(0, 3)
    (only,) = climb(2, 3, leaf_hash(b"2"), inclusion_proof(2, 3, tree.node))
    assert only.sibling_is_left


def test_there_is_no_proof_of_a_leaf_that_is_not_there() -> None:
    with pytest.raises(ValueError, match="leaf 3 is not among 3"):
        inclusion_proof(3, 3, tree_of(3).node)
    with pytest.raises(ValueError, match="a log of 3 does not begin with 4"):
        consistency_proof(4, 3, tree_of(3).node)
    assert not includes(3, 3, EMPTY_ROOT, [], EMPTY_ROOT)

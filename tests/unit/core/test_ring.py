"""Running totals: as exact when they are large as when they are small."""

from hypothesis import given
from hypothesis import strategies as st

from sre_portal.core.ring import NARROW, WIDE, Ring

LARGE = 2**32 - 1
amounts = st.integers(0, 2 * LARGE)


def ring_of(*added: tuple[int, int]) -> Ring:
    ring = Ring(60, 3)
    ring.admit(179)
    for slot, amount in added:
        ring.add(slot, (amount, 0, 1))
    return ring


@given(st.lists(st.tuples(st.integers(0, 179), amounts), max_size=30))
def test_a_ring_holds_what_was_added_however_much_it_is(added: list[tuple[int, int]]) -> None:
    ring = ring_of(*added)
    for slot in {slot for slot, _ in added} | {0, 59, 60, 179}:
        told = [amount for where, amount in added if where == slot]
        assert ring.value(slot) == (sum(told), 0, len(told))
        row = [amount for where, amount in added if where // 60 == slot // 60 and where < slot]
        assert ring.before(slot) == (sum(row), 0, len(row))


def test_a_ring_takes_32_bits_a_total_until_one_does_not_fit() -> None:
    ring = ring_of((5, LARGE))
    assert ring._sums.typecode == NARROW
    ring.add(59, (1, 0, 0))
    assert ring._sums.typecode == WIDE
    assert (ring.value(5)[0], ring.value(59)[0]) == (LARGE, 1)
    ring.admit(239)
    assert ring.value(239) == (0, 0, 0)


def test_what_was_added_can_be_taken_back() -> None:
    ring = ring_of((5, LARGE), (7, 3))
    ring.add(5, (-LARGE, 0, -1))
    assert (ring.value(5), ring.value(7)) == ((0, 0, 0), (3, 0, 1))

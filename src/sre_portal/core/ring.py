"""Running totals of counts in rings: the arithmetic under `core.series`.

Four levels (seconds, minutes, hours, days) each hold running totals that start again with every row of the
level: seconds within their minute, minutes within their hour, hours within their day. A sum up to any instant
is then one number of each level, and a change touches at most one row of each.
"""

from __future__ import annotations

from array import array

Triple = tuple[int, int, int]
"""good, bad, planned."""

ZERO: Triple = (0, 0, 0)
NEVER = -(2**62)
NARROW = "I"
"""32 bits a total: half the memory, and enough for an hour of 1.2 million requests a second."""
WIDE = "q"
_MOST_NARROW = 2**32 - 1


def minus(one: Triple, other: Triple) -> Triple:
    return one[0] - other[0], one[1] - other[1], one[2] - other[2]


class Ring:
    """The last `rows` rows of `row` slots. Slots are numbered from the epoch; slot // row is its row."""

    __slots__ = ("_empty_row", "_sums", "newest", "row", "rows")

    def __init__(self, row: int, rows: int) -> None:
        self.row = row
        self.rows = rows
        self.newest = NEVER
        """The newest row that was admitted."""
        self._empty_row = array(NARROW, [0] * 3 * row)
        self._sums = self._empty_row * rows

    def keeps(self, slot: int) -> bool:
        return self.newest - self.rows < slot // self.row <= self.newest

    def admit(self, slot: int) -> bool:
        """Makes room for a slot. True where a new row was begun for it."""
        row = slot // self.row
        if row <= self.newest:
            return False
        for new in range(max(self.newest + 1, row - self.rows + 1), row + 1):
            start = new % self.rows * self.row * 3
            self._sums[start : start + self.row * 3] = self._empty_row
        self.newest = row
        return True

    def add(self, slot: int, change: Triple) -> None:
        """Adds to a kept slot, and so to every running total behind it in its row."""
        row, offset = divmod(slot, self.row)
        start = row % self.rows * self.row * 3
        self._widen_for(start + offset * 3, start + self.row * 3 - 3, change)
        sums = self._sums
        for column, amount in enumerate(change):
            if amount:
                for index in range(start + offset * 3 + column, start + self.row * 3, 3):
                    sums[index] += amount

    def _widen_for(self, first: int, last: int, change: Triple) -> None:
        """Makes all totals 64 bits wide where the smallest or largest of the changed ones would not fit."""
        sums = self._sums
        if sums.typecode == NARROW and any(
            sums[first + column] + amount < 0 or sums[last + column] + amount > _MOST_NARROW
            for column, amount in enumerate(change)
        ):
            self._empty_row = array(WIDE, self._empty_row)
            self._sums = array(WIDE, self._sums)

    def before(self, slot: int) -> Triple:
        """The sum of the slots of the same row before this one. Zero where the row is not kept."""
        row, offset = divmod(slot, self.row)
        if offset == 0 or not self.newest - self.rows < row <= self.newest:
            return ZERO
        sums, index = self._sums, (row % self.rows * self.row + offset - 1) * 3
        return sums[index], sums[index + 1], sums[index + 2]

    def value(self, slot: int) -> Triple:
        """What one slot holds. Zero where it is not kept."""
        if not self.keeps(slot):
            return ZERO
        row, offset = divmod(slot, self.row)
        sums, index = self._sums, (row % self.rows * self.row + offset) * 3
        through = sums[index], sums[index + 1], sums[index + 2]
        return minus(through, self.before(slot))


class Days:
    """Running totals by day, never starting again. Days beyond `kept` leave their sum behind."""

    __slots__ = ("_before_first", "_first", "_kept", "_sums")

    def __init__(self, kept: int) -> None:
        self._kept = kept
        self._first = 0
        self._before_first = ZERO
        self._sums: list[Triple] = []

    def add(self, day: int, change: Triple) -> None:
        if not self._sums or day >= self._first + len(self._sums) + self._kept:
            self._before_first = self._sums[-1] if self._sums else ZERO
            self._first, self._sums = day, [self._before_first]
        while day < self._first:
            self._first -= 1
            self._sums.insert(0, self._before_first)
        while day >= self._first + len(self._sums):
            self._sums.append(self._sums[-1])
        for index in range(day - self._first, len(self._sums)):
            good, bad, planned = self._sums[index]
            self._sums[index] = good + change[0], bad + change[1], planned + change[2]
        while len(self._sums) > self._kept:
            self._before_first = self._sums.pop(0)
            self._first += 1

    def before(self, day: int) -> Triple:
        """The sum of all days before this one."""
        index = day - self._first - 1
        if index < 0 or not self._sums:
            return self._before_first
        return self._sums[min(index, len(self._sums) - 1)]


class Level:
    """A ring whose slots are told as rows of their own or fed by the finer level, never both.

    While a slot is fed, its row is only kept aside. When the finer level lets go of it, the one that counted
    more stays: a row may have been summed before a late second, or seconds may be missing after a restart.
    """

    __slots__ = ("_aside", "_coarser", "_fed", "ring")

    def __init__(self, ring: Ring, coarser: Level | Days) -> None:
        self.ring = ring
        self._coarser = coarser
        self._fed: set[int] = set()
        self._aside: dict[int, Triple] = {}

    def put(self, slot: int, counts: Triple) -> None:
        """Sets a slot. Nothing happens where it is older than what is kept."""
        self._admit(slot)
        if slot in self._fed:
            self._aside[slot] = counts
        elif self.ring.keeps(slot):
            self._add(slot, minus(counts, self.ring.value(slot)))

    def feed(self, slot: int, change: Triple) -> None:
        """Adds what the finer level counted. The first time, it takes the place of the row."""
        self._admit(slot)
        if not self.ring.keeps(slot):
            return
        if slot not in self._fed:
            self._fed.add(slot)
            row = self.ring.value(slot)
            if row != ZERO:
                self._aside[slot] = row
                change = minus(change, row)
        self._add(slot, change)

    def let_go(self, oldest: int) -> None:
        """The finer level keeps nothing before the slot `oldest` any more."""
        for slot in [fed for fed in self._fed if fed < oldest]:
            self._fed.discard(slot)
            row, seen = self._aside.pop(slot, ZERO), self.ring.value(slot)
            if self.ring.keeps(slot) and row[0] + row[1] > seen[0] + seen[1]:
                self._add(slot, minus(row, seen))

    def _admit(self, slot: int) -> None:
        if self.ring.admit(slot) and isinstance(self._coarser, Level):
            self._coarser.let_go(self.ring.newest - self.ring.rows + 1)

    def _add(self, slot: int, change: Triple) -> None:
        row = slot // self.ring.row
        if change != ZERO:
            self.ring.add(slot, change)
        if isinstance(self._coarser, Level):
            self._coarser.feed(row, change)
        elif change != ZERO:
            self._coarser.add(row, change)

"""Lines of a stream are read as they come, and none of them is longer than it may be."""

from __future__ import annotations

from typing import cast

import pytest

from sre_portal.agent.http import BadAnswer, Connection
from sre_portal.agent.lines import Lines


class Parts:
    """A body that comes in parts, and ends."""

    def __init__(self, *parts: bytes) -> None:
        self._parts = list(parts)

    async def piece(self) -> bytes:
        return self._parts.pop(0) if self._parts else b""


def lines_of(*parts: bytes, most: int = 20) -> Lines:
    return Lines(cast(Connection, Parts(*parts)), most)


async def test_a_line_is_whole_however_its_parts_come() -> None:
    lines = lines_of(b"on", b"e\ntwo\nthr", b"ee\n")
    assert [await lines.next() for _ in range(3)] == [b"one", b"two", b"three"]
    with pytest.raises(EOFError, match="ended"):
        await lines.next()


async def test_a_line_that_is_too_long_is_not_read_to_its_end() -> None:
    lines = lines_of(b"short\n", *[b"x" * 8] * 1000)
    assert await lines.next() == b"short"
    with pytest.raises(BadAnswer, match="too long"):
        await lines.next()

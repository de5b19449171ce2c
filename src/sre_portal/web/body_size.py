"""How large the body of a request may be, and how large it says it is."""

from __future__ import annotations

LARGEST_BODY_BYTES = 2 * 1024 * 1024


def length_told(header: str) -> float:
    """The bytes of a body by its `Content-Length`; without end where that is no number."""
    return int(header[:20]) if header.isascii() and header.isdecimal() else float("inf")

"""How large the body of a request may be, and how large it says it is."""

from __future__ import annotations

from sre_portal.web.ofrep_wire import PREFIX as OFREP

LARGEST_BODY_BYTES = 2 * 1024 * 1024
LARGEST_QUESTION_BYTES = 64 * 1024
"""Of a question for flags: all of its context is looked at, and where everybody else waits meanwhile."""


def largest_body(path: str) -> int:
    """The bytes that a request to a path may bring."""
    return LARGEST_QUESTION_BYTES if path.startswith(OFREP) else LARGEST_BODY_BYTES


def length_told(header: str) -> float:
    """The bytes of a body by its `Content-Length`; without end where that is no number."""
    return int(header[:20]) if header.isascii() and header.isdecimal() else float("inf")

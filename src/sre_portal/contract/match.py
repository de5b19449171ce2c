"""Which requests a fault or an SLI is about: method, route pattern, headers, and a share of them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from typing import Literal

ShareOf = Literal["requests", "users"]
USER_HEADER = "x-user-id"


@dataclass(frozen=True, slots=True)
class Match:
    """All given parts must hold. Empty `methods` and `headers` and a `route` of None match everything.

    A route is a path pattern: `{name}` stands for one segment, a trailing `*` for any rest.
    Header names are lower case; a header value of `*` means "present".
    """

    methods: tuple[str, ...] = ()
    route: str | None = None
    headers: tuple[tuple[str, str], ...] = ()

    def covers_path(self, path: str) -> bool:
        return self.route is None or route_regex(self.route).fullmatch(path) is not None


@dataclass(frozen=True, slots=True)
class Share:
    """How much of what matches is hit: a ratio of requests (by a draw) or of users (stable by key)."""

    ratio: float = 1.0
    of: ShareOf = "requests"
    key_header: str = USER_HEADER


def is_plain(route: str) -> bool:
    """Whether a route has at most one `{name}` a segment.

    With more, a path that does not match is tried in as many ways as it can be cut: strangers choose paths,
    and the host would stand still.
    """
    return all(segment.count("{") <= 1 for segment in route.split("/"))


@lru_cache(maxsize=1024)
def route_regex(route: str) -> re.Pattern[str]:
    """The compiled form of a route pattern."""
    body, rest = (route[:-1], ".*") if route.endswith("*") else (route, "")
    parts = re.split(r"(\{[^/{}]*\})", body)
    pattern = "".join("[^/]+" if part.startswith("{") else re.escape(part) for part in parts) + rest
    return re.compile(pattern, re.DOTALL)  # a path may hold a decoded line break


def bucket(salt: str, key: str) -> float:
    """A stable number in [0, 1) for a key: the first 64 bits of BLAKE2b over salt, NUL, key, over 2**64."""
    return int.from_bytes(blake2b(f"{salt}\0{key}".encode(), digest_size=8).digest(), "big") / 2**64

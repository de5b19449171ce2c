"""Who this instance is, and what it says of itself in every report."""

from __future__ import annotations

import os
import re
import secrets
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

MAX_ROUTES = 500
MAX_ROUTE = 256
MAX_DEPTH = 16
STATM = Path("/proc/self/statm")


@dataclass(frozen=True, slots=True)
class Identity:
    """What the host configured. `routes` is asked late, when the application has all of them."""

    service: str
    instance: str | None
    portal_url: str
    token: str
    routes: Callable[[], list[str]]


def instance_name() -> str:
    """Unique among all processes: pods that restart keep host name and process id."""
    return f"{socket.gethostname()[:80]}-{os.getpid()}-{secrets.token_hex(3)}"


def memory_bytes() -> int:
    """Resident memory of the process. 0 where the system does not tell."""
    try:
        return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return 0


def routes_of(app: object, told: Sequence[str] | None) -> list[str]:
    """The route patterns of an application: as told, or as its router says. Never raises."""
    if told is not None:
        return _short(told)
    try:
        for _ in range(MAX_DEPTH):
            if getattr(app, "routes", None):
                return _short(dict.fromkeys(_patterns(app, "", MAX_DEPTH)))
            app = getattr(app, "app", None)
    except Exception:  # noqa: BLE001  # somebody else's objects: no routes then
        return []
    return []


def _short(routes: Iterable[str]) -> list[str]:
    """As many as the portal takes."""
    return [route for route in routes if len(route) <= MAX_ROUTE][:MAX_ROUTES]


def _patterns(router: object, prefix: str, depth: int) -> Iterator[str]:
    for route in getattr(router, "routes", ()) if depth else ():
        path = getattr(route, "path", None)
        if not isinstance(path, str):
            continue
        if getattr(route, "routes", None):  # a mounted application
            yield from _patterns(route, prefix + path, depth - 1)
        else:
            # {rest:path} takes any rest; other converters take one segment
            yield re.sub(r"\{[^{}]*:path\}$", "*", prefix + path)

"""Which lease a request falls under, and whether it is hit. Pure: the caller owns clock and dice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sre_portal.agent.lease import HeldLease
from sre_portal.contract.lease import Lease
from sre_portal.contract.match import Match, bucket

AGENT_HEADER = b"x-sre-portal-agent"
"""On every call of an agent to its portal. A request that carries it is never hit."""

Headers = Sequence[tuple[bytes, bytes]]
Draw = Callable[[], float]
"""A number in [0, 1)."""


@dataclass(frozen=True, slots=True)
class Request:
    """What a decision looks at."""

    method: str
    path: str
    headers: Headers


@dataclass(frozen=True, slots=True)
class Injection:
    """The request belongs to this lease. `hit`: the fault is for it, otherwise it is let through."""

    held: HeldLease
    hit: bool


def decide(leases: Sequence[HeldLease], request: Request, now_ns: int, draw: Draw) -> Injection | None:
    """The first live lease whose match covers the request, hit or not. None: nobody's request."""
    if header(request.headers, AGENT_HEADER) is not None:
        return None
    for held in leases:
        if not held.is_over(now_ns) and covers(held.lease.match, request):
            return Injection(held, strikes(held.lease, request.headers, draw))
    return None


def covers(match: Match, request: Request) -> bool:
    """All given parts of the match hold."""
    return (
        (not match.methods or request.method in match.methods)
        and match.covers_path(request.path)
        and all(_has(request.headers, name, value) for name, value in match.headers)
    )


def strikes(lease: Lease, headers: Headers, draw: Draw) -> bool:
    """A share of requests is drawn, one of users is stable by key. A request without the key is never hit."""
    share = lease.share
    if share.of == "requests":
        return draw() < share.ratio
    key = header(headers, share.key_header.encode("latin-1"))
    if not key:
        return False
    return bucket(str(lease.run_id), key.decode("latin-1")) < share.ratio


def header(headers: Headers, name: bytes) -> bytes | None:
    """The first value of a header. Servers hand names over in lower case."""
    return next((value for key, value in headers if key == name), None)


def _has(headers: Headers, name: str, value: str) -> bool:
    wanted = name.encode("latin-1")
    return any(key == wanted and (value == "*" or found == value.encode("latin-1")) for key, found in headers)

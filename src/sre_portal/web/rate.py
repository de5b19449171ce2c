"""How often somebody may ask, a kind of request. In the memory of each replica, and bounded.

A kind has one bucket an address, and where an account is known, one an account. STOP ALL and abort have none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.bucket import Allowance, Bucket, take
from sre_portal.core.errors import RateLimited
from sre_portal.operations.suppressed import note_suppressed
from sre_portal.web.context import address_of, ports_of, principal_of
from sre_portal.web.crowd import place_of

Endpoint = Callable[[Request], Awaitable[Response]]

KINDS: Mapping[str, Allowance] = {
    "login": Allowance(30, 0.5),
    "callback": Allowance(60, 1.0),
    "token": Allowance(30, 0.5),
    "agent": Allowance(60, 1.0),
    "backchannel": Allowance(300, 50.0),
    "authzen": Allowance(1000, 200.0),
    "denied": Allowance(300, 1.0),
    "change": Allowance(30, 1.0),
    "flip": Allowance(200, 20.0),
}
"""What one address may. Tokens and agents are counted only where they are refused; `denied` bounds what is
written down of refusals, not the refusals; `change` and `flip` are counted for who is known, whatever their
address."""

RETRY_STREAM_SECONDS = 30.0
"""When whoever has as many streams open as they may is to come again."""
MOST_BUCKETS = 20_000
"""About 5 MB. The bucket that was not used for longest is forgotten, and is full when it comes back."""


@dataclass(slots=True)
class Limiter:
    """The buckets of one replica."""

    kinds: Mapping[str, Allowance] = field(default_factory=lambda: KINDS)
    most: int = MOST_BUCKETS
    buckets: OrderedDict[tuple[str, str], Bucket] = field(default_factory=OrderedDict)

    def wait_for(self, kind: str, key: str, now: float) -> float:
        """Takes one; the seconds to wait where there is none left, else 0. Raises `KeyError` for the kind."""
        at = (kind, key)
        bucket, wait = take(self.buckets.get(at), self.kinds[kind], now)
        self.buckets[at] = bucket
        self.buckets.move_to_end(at)
        if len(self.buckets) > self.most:
            self.buckets.popitem(last=False)
        return wait


async def is_within(request: Request, kind: str, account: str) -> bool:
    """As `limit`, for what is refused anyway: False where it is not worth a word of its own any more."""
    try:
        await limit(request, kind, account)
    except RateLimited:
        return False
    return True


async def limit(request: Request, kind: str, account: str = "") -> None:
    """Counts a request of a kind. Raises `RateLimited` where the address, or the account, had too many."""
    keys = [f"address {place_of(address_of(request))}", *([f"account {account}"] if account else [])]
    await _count(request, kind, keys)


async def paced(request: Request) -> None:
    """Counts a change of access by whoever is logged in: each one is in the audit log, also a refused one.

    By who they are alone: somebody in an emergency does not wait for a colleague behind the same address.
    Raises `RateLimited`.
    """
    await _count_own(request, "change")


async def paced_flip(request: Request) -> None:
    """The same for changes of flags. Raises `RateLimited`."""
    await _count_own(request, "flip")


async def _count_own(request: Request, kind: str) -> None:
    who = principal_of(request)
    await _count(request, kind, [f"account {who.id if who.account is None else who.account}"])


def pace(endpoint: Endpoint) -> Endpoint:
    """The same endpoint, `paced`."""
    return _after(paced, endpoint)


def pace_flip(endpoint: Endpoint) -> Endpoint:
    """The same endpoint, `paced_flip`."""
    return _after(paced_flip, endpoint)


def _after(counted: Callable[[Request], Awaitable[None]], endpoint: Endpoint) -> Endpoint:
    @wraps(endpoint)
    async def slow(request: Request) -> Response:
        await counted(request)
        return await endpoint(request)

    return slow


async def _count(request: Request, kind: str, keys: Sequence[str]) -> None:
    ports = ports_of(request)
    limiter: Limiter = request.app.state.limiter
    now = ports.clock.now().timestamp()
    wait = max([limiter.wait_for(kind, key, now) for key in keys])
    if wait > 0:
        await note_suppressed(ports, kind, address_of(request))
        raise RateLimited(wait)

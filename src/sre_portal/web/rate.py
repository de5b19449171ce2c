"""How often somebody may ask, a kind of request. In the memory of each replica, and bounded.

A kind has one bucket an address, and where an account is known, one an account. STOP ALL and abort have none.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field

from starlette.requests import Request

from sre_portal.core.bucket import Allowance, Bucket, take
from sre_portal.core.errors import RateLimited
from sre_portal.operations.suppressed import note_suppressed
from sre_portal.web.context import address_of, ports_of
from sre_portal.web.crowd import place_of

KINDS: Mapping[str, Allowance] = {
    "login": Allowance(30, 0.5),
    "callback": Allowance(60, 1.0),
    "token": Allowance(30, 0.5),
    "agent": Allowance(60, 1.0),
    "backchannel": Allowance(300, 50.0),
    "authzen": Allowance(1000, 200.0),
    "denied": Allowance(300, 1.0),
    "webhook": Allowance(200, 20.0),
}
"""What one address may. Tokens and agents are counted only where they are refused; `denied` bounds what is
written down of refusals, not the refusals."""

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
    ports = ports_of(request)
    limiter: Limiter = request.app.state.limiter
    now = ports.clock.now().timestamp()
    address = address_of(request)
    wait = limiter.wait_for(kind, f"address {place_of(address)}", now)
    if account:
        wait = max(wait, limiter.wait_for(kind, f"account {account}", now))
    if wait > 0:
        await note_suppressed(ports, kind, address)
        raise RateLimited(wait)

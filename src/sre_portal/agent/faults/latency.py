"""Wait before the application is called.

The wait is counted from the arrival of the request, so what the agent does before is part of it. It is never
shorter than the one that was drawn, unless the lease ends: at its deadline by a timer of the host's own loop,
which needs neither the agent's thread nor the portal, and at once when it is withdrawn.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

from sre_portal.agent.decide import Draw
from sre_portal.agent.faults.hit import Hit
from sre_portal.agent.lease import HeldLease
from sre_portal.agent.timer import wake_after
from sre_portal.contract.fault import Latency


async def apply(fault: Latency, hit: Hit) -> bool:
    drawn_ns = round(draw_ms(fault, hit.draw) * 1e6)
    hit.mark.drawn_ns = drawn_ns
    hit.mark.cut = not await hold(hit.held, hit.started_ns + drawn_ns, hit.now_ns)
    hit.mark.delay_ns = hit.now_ns() - hit.started_ns
    return True


def draw_ms(fault: Latency, draw: Draw) -> float:
    """One delay of the fault's distribution, at least 0 and at most its cap."""
    delay = fault.delay_ms
    match fault.distribution:
        case "fixed":
            pass
        case "uniform":
            delay = fault.delay_ms + fault.spread_ms * (2 * draw() - 1)
        case "normal":  # Box and Muller; 1 - draw() because the logarithm of 0 is not
            radius = math.sqrt(-2 * math.log(1 - draw()))
            delay = fault.delay_ms + fault.spread_ms * radius * math.cos(2 * math.pi * draw())
        case "pareto":
            # by its logarithm, which no shape makes overflow
            delay = fault.delay_ms * math.exp(min(-math.log(1 - draw()) / fault.shape, 700.0))
    return min(max(delay, 0.0), fault.cap_ms)


async def hold(held: HeldLease, until_ns: int, now: Callable[[], int]) -> bool:
    """Wait until an instant or the end of the lease. Whether the wait ran to its end."""
    loop = asyncio.get_running_loop()
    while True:
        now_ns = now()
        if now_ns >= until_ns:
            return held.deadline_ns >= until_ns
        waiter = None if held.is_over(now_ns) else held.wait(loop)
        if waiter is None:
            return False
        # The lease may be renewed meanwhile: at its deadline as of now the loop looks again.
        wait_ns = min(until_ns, held.deadline_ns) - now_ns
        leave = wake_after(loop, wait_ns, waiter)
        try:
            await waiter
        finally:
            leave()
            held.leave(waiter)

"""Close the connection without a response.

ASGI has no word for this: where an application returns or raises without a response, its server answers
500. So the agent closes the server's own transport where it knows how to find it (see `server.py`). Elsewhere
it starts an answer and does not finish it, which makes the server close the connection: the client sees an
answer that breaks off instead of none.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from sre_portal.agent.faults.hit import Hit
from sre_portal.agent.server import close_connection
from sre_portal.contract.fault import Abort

NOTICED_WITHIN_SECONDS = 1.0


async def apply(_fault: Abort, hit: Hit) -> bool:
    hit.mark.aborted = True
    if close_connection(hit.server_send):
        # A server that has not noticed yet would take the return without a response for a bug and log it.
        with suppress(TimeoutError):
            await asyncio.wait_for(_disconnected(hit), NOTICED_WITHIN_SECONDS)
    else:
        headers = [(b"content-length", b"2"), (b"connection", b"close"), hit.injected_header()]
        await hit.server_send({"type": "http.response.start", "status": 500, "headers": headers})
        # Some servers hold the head back until there is a body, and answer something of their own without.
        await hit.server_send({"type": "http.response.body", "body": b"\n", "more_body": True})
    return False


async def _disconnected(hit: Hit) -> None:
    while (await hit.receive())["type"] != "http.disconnect":
        pass

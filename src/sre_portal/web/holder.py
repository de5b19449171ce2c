"""By what somebody was let in, as it is stored: for answers that last longer than the question."""

from __future__ import annotations

from typing import Literal, NamedTuple

from sre_portal.core.access import Principal
from sre_portal.operations.ports import Ports
from sre_portal.operations.sessions import is_over, principal_in
from sre_portal.operations.tokens import principal_with, token_with


class Holder(NamedTuple):
    """Whoever holds a token, or has a session, by its SHA-256. A session may be known by an older one."""

    kind: Literal["token", "session"]
    digest: str


async def principal_now(ports: Ports, holder: Holder) -> Principal | None:
    """Who they are now; None where they are not let in any more. Raises `StoreUnavailable`."""
    if holder.kind == "token":
        token = await token_with(ports, holder.digest)
        return None if token is None else principal_with(ports, token)
    session = await ports.sessions.find(holder.digest)
    return None if session is None or is_over(ports, session) else principal_in(ports, session)

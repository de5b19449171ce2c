"""What a fault is given: one request, and what to know about it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from sre_portal.agent.count import Mark
from sre_portal.agent.decide import Draw
from sre_portal.agent.lease import HeldLease

Message = MutableMapping[str, Any]
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

INJECTED_HEADER = b"x-sre-portal-injected"
"""On every response that a fault wrote; its value is the lease."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A request that a fault is applied to."""

    held: HeldLease
    mark: Mark
    started_ns: int
    """When the request arrived."""
    scope: Scope
    receive: Receive
    send: Send
    """Counts what is sent."""
    server_send: Send
    """What the server handed over, uncounted."""
    now_ns: Callable[[], int]
    draw: Draw

    def injected_header(self) -> tuple[bytes, bytes]:
        return INJECTED_HEADER, self.held.lease.id.encode("latin-1")


Apply = Callable[[Any, Hit], Awaitable[bool]]
"""Applies a fault, which is of the type that the table names. True: the application is still to be called."""

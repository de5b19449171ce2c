"""Only requests for a name of the portal are heard. This ends DNS rebinding, also on a loopback address.

A page of a stranger can make a browser ask any address under the stranger's name. The name then stands in the
`Host` header, where the page cannot change it.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Sequence
from functools import lru_cache

from starlette.types import ASGIApp, Receive, Scope, Send

from sre_portal.web.middleware.refusal import refuse

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
PROBES = frozenset({"/healthz", "/readyz"})
"""A kubelet asks them by the address of the pod. They tell nothing that a rebound page could use."""


class TrustedHosts:
    """Answers 400 to a request without one clear `Host`, and 421 to one for a name that is not the portal's.

    `allowed` holds names without a port, in lower case; None hears every name. The address on which a
    connection came in is a name of the portal too: a rebound page has a name there, never an address.
    """

    def __init__(self, app: ASGIApp, *, allowed: Collection[str] | None) -> None:
        self.app = app
        self.allowed = None if allowed is None else frozenset(allowed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self.allowed is None or scope["path"] in PROBES:
            await self.app(scope, receive, send)
            return
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or name_in(hosts[0]) is None:
            await refuse(send, 400, "A request names one host.")
        elif self.hears(hosts[0], scope):
            await self.app(scope, receive, send)
        else:
            await refuse(
                send,
                421,
                "The portal does not answer under this name. SRE_PORTAL_ALLOWED_HOSTS lists its names.",
            )

    def hears(self, host: bytes, scope: Scope) -> bool:
        """Whether a `Host` header names the portal."""
        if self.allowed is None:
            return True
        name = name_in(host)
        return name is not None and (name in self.allowed or _is_address(name, scope))


@lru_cache(maxsize=1000)
def name_in(host: bytes) -> str | None:
    """The name in a `Host` header without its port and brackets, in lower case; None where it is none."""
    try:
        text = host.decode("ascii").lower()
    except UnicodeDecodeError:
        return None
    if text.startswith("["):
        name, bracket, rest = text[1:].partition("]")
        is_clear = bool(bracket) and _is_port(rest) and _address(name) is not None
        return name if is_clear else None
    name, colon, port = text.partition(":")
    is_clear = bool(name) and _is_port(colon + port) and all(one.isalnum() or one in "-._" for one in name)
    return name.rstrip(".") or None if is_clear else None


def default_hosts(public_host: str, bound: Sequence[str]) -> frozenset[str]:
    """The portal's names where nobody lists them: the public one, or else loopback and where it listens."""
    return frozenset({public_host.lower()}) if public_host else LOOPBACK | {one.lower() for one in bound}


def _is_port(text: str) -> bool:
    return text in {"", ":"} or (text[0] == ":" and text[1:].isdecimal() and len(text) <= 6)


def _is_address(name: str, scope: Scope) -> bool:
    """Whether this is the address on which the connection came in."""
    server = scope.get("server")
    asked = _address(name)
    return asked is not None and server is not None and asked == _address(str(server[0]))


@lru_cache(maxsize=1000)
def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found

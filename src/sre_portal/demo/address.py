"""Addresses of the demo's servers, and ports that stay theirs while a server restarts."""

from __future__ import annotations

import errno
import socket
import sys
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit


class PortUnusable(Exception):
    """A port or host cannot be listened on. The message is for the person who chose it."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @property
    def reachable_host(self) -> str:
        """The host a client on this machine connects to: a server on all addresses is also on loopback."""
        return {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104

    @property
    def is_loopback(self) -> bool:
        """Whether only programs of this machine reach it."""
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def url(self) -> str:
        host = self.reachable_host
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


def parse_address(url: str) -> Address:
    """The address of an `http://host:port` URL. Raises `ValueError` where host or port is missing."""
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname or parts.port is None:
        raise ValueError(f"{url!r} is not of the form http://host:port")
    return Address(parts.hostname, parts.port)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A port that is bound and not listened on: connections are refused until the server itself listens.

    While this is held, no other program gets the port as a free one, also not while the server restarts.
    Both sides set SO_REUSEADDR, and Linux then lets the server bind beside us as long as we do not listen.
    """

    address: Address
    holder: socket.socket

    def release(self) -> None:
        self.holder.close()


def reserve(host: str, port: int) -> Reservation:
    """Binds a port; 0 takes a free one. Raises `PortUnusable` with a sentence that says what to do."""
    holder = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind((host, port))
    except (OSError, UnicodeError) as refused:
        holder.close()
        raise PortUnusable(_why_refused(host, port, refused)) from None
    chosen = Address(host, holder.getsockname()[1])
    if sys.platform != "linux":  # elsewhere a bound socket keeps the server out
        holder.close()
    return Reservation(chosen, holder)


def _why_refused(host: str, port: int, refused: Exception) -> str:
    match refused:
        case OSError(errno=errno.EADDRINUSE):
            return (
                f"Port {port} on {host} is in use by another program. "
                f"Stop that program, or give another port: 0 takes a free one."
            )
        case PermissionError():
            return f"Port {port} may not be used by this user. Give a port above 1023."
        case _:
            return (
                f"The address {host!r} cannot be listened on: {refused}. Give one of this machine: 127.0.0.1."
            )

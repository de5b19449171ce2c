"""Who holds a connection. Strangers may be many; they never keep somebody with a session or a token out.

A connection is a stranger's until a request on it was answered to somebody known. When strangers are too
many, the one that has waited longest is cut, not the one that comes: whoever arrives gets in, and is heard as
soon as the request is whole.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network
from typing import Protocol

Network = IPv4Network | IPv6Network


class Connection(Protocol):
    """What the crowd knows of a connection."""

    address: str

    def cut(self) -> None:
        """Ends the connection at once."""


@dataclass(frozen=True, slots=True)
class CrowdLimits:
    """How many connections at a time: of everybody, of strangers, of strangers from one address.

    `proxies` are networks whose connections carry many people: they have no bound of their own.
    """

    total: int = 4000
    strangers: int = 1000
    strangers_per_address: int = 100
    proxies: tuple[Network, ...] = ()

    @classmethod
    def of(cls, total: int, proxies: str = "") -> CrowdLimits:
        """Limits for so many connections, a quarter of them strangers'. Raises `ValueError` for `proxies`."""
        return cls(total, max(total // 4, 1), max(total // 40, 1), tuple(networks_in(proxies)))

    def is_proxy(self, address: str) -> bool:
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.proxies)


@dataclass(slots=True)
class Crowd:
    """The connections of one listener."""

    limits: CrowdLimits = field(default_factory=CrowdLimits)
    everybody: set[Connection] = field(default_factory=set)
    strangers: dict[str, dict[Connection, None]] = field(default_factory=dict)
    """By place, oldest first."""
    waiting: dict[Connection, None] = field(default_factory=dict)
    """Strangers that have asked for nothing, or not for all of it, oldest first."""
    cut: int = 0
    """How many were cut for being too many, since the start."""

    def arrive(self, connection: Connection) -> bool:
        """Lets a connection in; False where there is no room and nobody to cut for it."""
        place = place_of(connection.address)
        same = self.strangers.get(place, {})
        if len(same) >= self.limits.strangers_per_address and not self.limits.is_proxy(connection.address):
            self._make_room(same)
        if self.stranger_count >= self.limits.strangers or len(self.everybody) >= self.limits.total:
            self._make_room(self.waiting)
        if len(self.everybody) >= self.limits.total:
            return False
        self.everybody.add(connection)
        self.strangers.setdefault(place, {})[connection] = None
        self.waiting[connection] = None
        return True

    def hear(self, connection: Connection) -> None:
        """Its request is whole: it is not cut before it was answered."""
        self.waiting.pop(connection, None)

    def wait(self, connection: Connection) -> None:
        """It was answered. A stranger may be cut again."""
        if connection in self.strangers.get(place_of(connection.address), {}):
            self.waiting[connection] = None

    def know(self, connection: Connection) -> None:
        """A request on it was answered to somebody known: it is no stranger's any more."""
        self._forget_stranger(connection)

    def leave(self, connection: Connection) -> None:
        self.everybody.discard(connection)
        self._forget_stranger(connection)

    @property
    def stranger_count(self) -> int:
        return sum(map(len, self.strangers.values()))

    def _make_room(self, among: dict[Connection, None]) -> None:
        for connection in among:
            if connection in self.waiting:
                self.leave(connection)
                self.cut += 1
                connection.cut()
                return

    def _forget_stranger(self, connection: Connection) -> None:
        self.waiting.pop(connection, None)
        place = place_of(connection.address)
        same = self.strangers.get(place, {})
        same.pop(connection, None)
        if not same:
            self.strangers.pop(place, None)


@lru_cache(maxsize=10_000)
def place_of(address: str) -> str:
    """Who shares a bound: an IPv4 address, or the /64 of an IPv6 one, which is one customer's."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((int(found) >> 64 << 64, 64)))
    return str(found)


def networks_in(text: str) -> Sequence[Network]:
    """Addresses and networks, separated by commas. Raises `ValueError` for anything else."""
    return tuple(ipaddress.ip_network(part.strip()) for part in text.split(",") if part.strip())

"""Where the portal may connect to when somebody else names the address: public ones, and those allowed."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

METADATA = frozenset(
    map(ip_address, ("169.254.169.254", "fd00:ec2::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"))
)
"""Where clouds hand credentials to whoever asks from inside. Only an entry for the very address opens one."""

_CLASSES: Mapping[str, tuple[str, ...]] = {
    "unspecified": ("0.0.0.0/8", "::/128"),
    "a loopback address": ("127.0.0.0/8", "::1/128"),
    "link-local": ("169.254.0.0/16", "fe80::/10"),
    "private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7", "fec0::/10"),
    "shared by a carrier": ("100.64.0.0/10",),
    "multicast": ("224.0.0.0/4", "ff00::/8"),
    "an IPv4 address in IPv6 form": ("::ffff:0:0/96", "::/96", "::ffff:0:0:0/96"),
    "translated by NAT64": ("64:ff9b::/96", "64:ff9b:1::/48"),
    "inside a 6to4 or Teredo tunnel": ("2002::/16", "2001::/32", "192.88.99.0/24"),
    "reserved": ("240.0.0.0/4", "192.0.0.0/24", "198.18.0.0/15"),
    "for documentation": (
        "192.0.2.0/24",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "2001:db8::/32",
        "3fff::/20",
    ),
}

_NETWORKS: tuple[tuple[str, Network], ...] = tuple(
    (name, ip_network(text)) for name, texts in _CLASSES.items() for text in texts
)

_HOST = re.compile(r"(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]{0,62})(\.[a-z0-9_][a-z0-9_-]{0,62})*")

FORM = "networks such as 10.0.0.0/8 and host names such as keycloak.internal, separated by commas"


@dataclass(frozen=True, slots=True)
class OutwardRule:
    """What is allowed beside public addresses: networks, and names whose addresses may be inner ones."""

    networks: tuple[Network, ...] = ()
    hosts: frozenset[str] = frozenset()

    def refusal(self, host: str, address: Address) -> str:
        """Why no connection goes to this address of a host: a phrase such as `private`. Empty: it may go.

        A name that is allowed may lie at a private or loopback address. It does not open link-local ones:
        whoever answers for the name must not choose a metadata address.
        """
        kind = class_of(address)
        if not kind:
            return ""
        if address in METADATA:
            return "" if any(_is_exactly(one, address) for one in self.networks) else kind
        if any(address in network for network in self.networks):
            return ""
        if kind in {"private", "a loopback address", "shared by a carrier"} and host.lower() in self.hosts:
            return ""
        return kind


def parse_allowed(text: str) -> OutwardRule:
    """`10.0.0.0/8, keycloak.internal`. Raises `ValueError` with every entry that is not right."""
    networks: list[Network] = []
    hosts: list[str] = []
    wrong: list[str] = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        try:
            networks.append(ip_network(entry))
        except ValueError:
            lower = entry.lower()
            is_name = _HOST.fullmatch(lower) is not None and re.search("[a-z]", lower) is not None
            (hosts if is_name else wrong).append(lower)
    if wrong:
        raise ValueError(f"{FORM}; not {', '.join(wrong)}")
    return OutwardRule(tuple(networks), frozenset(hosts))


@lru_cache(maxsize=1024)
def class_of(address: Address) -> str:
    """What an address is other than public, as a phrase; empty where it is public."""
    if address in METADATA:
        return "a cloud's metadata address"
    if isinstance(address, IPv6Address) and address.scope_id is not None:
        return "bound to one network card"
    for name, network in _NETWORKS:
        if address in network:
            return name
    is_public = address.is_global and not address.is_multicast and not address.is_reserved
    return "" if is_public else "not a public address"


def _is_exactly(network: Network, address: Address) -> bool:
    return network.num_addresses == 1 and network.network_address == address

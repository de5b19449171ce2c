"""Where the audit log is also told: the addresses that the operator gives, parsed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import SplitResult, urlsplit

from sre_portal.core.audit import Entry

Kind = Literal["syslog+tcp", "syslog+udp", "otlp+http", "otlp+https"]

PORTS: dict[str, int] = {"syslog+tcp": 601, "syslog+udp": 514, "otlp+http": 4318, "otlp+https": 4318}

EXPECTED = "syslog+tcp://host:601, syslog+udp://host:514, otlp+http://host:4318 or otlp+https://host:4318"


class Sink(Protocol):
    """Takes entries in order. One that fails is told the same again: it hears everything at least once."""

    name: str
    """Its address, without anything secret. How far it was told is kept under this name."""

    async def tell(self, entries: Sequence[Entry]) -> None:
        """Returns when it has them, as far as its protocol says. Raises `UpstreamFailed`."""


@dataclass(frozen=True, slots=True)
class SinkAddress:
    kind: Kind
    host: str
    port: int
    path: str = ""

    @property
    def name(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.kind}://{host}:{self.port}{self.path}"


def parse_sinks(text: str) -> tuple[SinkAddress, ...]:
    """Addresses separated by commas. Raises `ValueError` that names every one that is none."""
    found, wrong = [], []
    for part in filter(None, map(str.strip, text.split(","))):
        try:
            found.append(_parse(part))
        except ValueError as why:
            wrong.append(f"{part.rpartition('@')[2]}: {why}")
    if len({one.name for one in found}) < len(found):
        wrong.append("one address twice")
    if wrong:
        raise ValueError(f"{EXPECTED}, separated by commas ({'; '.join(wrong)})")
    return tuple(found)


def _parse(text: str) -> SinkAddress:
    parts = urlsplit(text)
    kind = _kind(parts.scheme)
    if kind is None:
        raise ValueError("a kind of sink nobody knows")
    if not parts.hostname:
        raise ValueError("no host")
    if parts.username is not None or parts.query or parts.fragment:
        raise ValueError("more than host, port and path")
    if kind.startswith("syslog") and parts.path not in {"", "/"}:
        raise ValueError("syslog has no path")
    path = "" if kind.startswith("syslog") else parts.path.rstrip("/")
    return SinkAddress(kind, parts.hostname, _port(parts) or PORTS[kind], path)


def _kind(scheme: str) -> Kind | None:
    match scheme:
        case "syslog+tcp" | "syslog+udp" | "otlp+http" | "otlp+https":
            return scheme
        case _:
            return None


def _port(parts: SplitResult) -> int | None:
    try:
        return parts.port
    except ValueError:
        raise ValueError("a port from 1 to 65535 is expected") from None

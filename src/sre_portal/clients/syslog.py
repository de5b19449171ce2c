"""The audit log as syslog: RFC 5424 messages over TCP, counted in octets (RFC 6587), or UDP.

Syslog over TCP has no receipt: what the kernel took before a connection broke may be lost. Lines carry the
number of their entry, so a gap is seen where they arrive.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence

from sre_portal.core.audit import Entry
from sre_portal.core.errors import UpstreamFailed
from sre_portal.core.sink import SinkAddress

SECONDS = 10.0
"""So long a sink may take for everything it is told at once."""

LOG_AUDIT = 13
NOTICE, WARNING = 5, 4
ENTERPRISE = 32473
"""The number RFC 5612 sets aside for examples and private use."""
UDP_MOST = 65_000
"""Octets that fit one datagram."""


class SyslogSink:
    """`core.sink.Sink`. Connects for each batch: batches are rare, and a dead connection is never trusted."""

    def __init__(self, address: SinkAddress, environment: str) -> None:
        self.name = address.name
        self._address = address
        self._host = _printable(socket.gethostname(), 255)
        self._program = _printable(f"sre-portal-{environment}", 48)

    async def tell(self, entries: Sequence[Entry]) -> None:
        messages = [message(entry, self._host, self._program) for entry in entries]
        try:
            async with asyncio.timeout(SECONDS):
                if self._address.kind == "syslog+udp":
                    await self._tell_udp(messages)
                else:
                    await self._tell_tcp(messages)
        except TimeoutError:
            raise UpstreamFailed(self.name, f"{self.name} did not take it in {SECONDS:g} s") from None
        except OSError as refused:
            raise UpstreamFailed(self.name, f"{self.name}: {refused.strerror or refused}") from None

    async def _tell_tcp(self, messages: Sequence[bytes]) -> None:
        _, writer = await asyncio.open_connection(self._address.host, self._address.port)
        try:
            for one in messages:
                writer.write(b"%d %s" % (len(one), one))
                await writer.drain()
        finally:
            writer.close()
        await writer.wait_closed()

    async def _tell_udp(self, messages: Sequence[bytes]) -> None:
        loop = asyncio.get_running_loop()
        address = (self._address.host, self._address.port)
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=address)
        try:
            for one in messages:
                transport.sendto(one[:UDP_MOST])
        finally:
            transport.close()


def message(entry: Entry, host: str, program: str) -> bytes:
    """One RFC 5424 message. Number and hash are structured data, so that a gap or an edit is found."""
    severity = WARNING if entry.outcome in {"denied", "refused", "failed"} else NOTICE
    data = f'[sreportal@{ENTERPRISE} seq="{entry.seq}" event="{entry.event}" hash="{entry.hash}"]'
    at = f"{entry.at:%Y-%m-%dT%H:%M:%S.%fZ}"
    head = f"<{LOG_AUDIT * 8 + severity}>1 {at} {host} {program} - {_printable(entry.action, 32)} {data} "
    # The mark says that the text is UTF-8 (RFC 5424, 6.4).
    return head.encode() + b"\xef\xbb\xbf" + (entry.leaf or "").encode()


def _printable(text: str, most: int) -> str:
    """A header field: printable ASCII without spaces."""
    return re.sub("[^!-~]", "_", text)[:most] or "-"

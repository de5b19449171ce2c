"""Many subscribers of flags in one process, each on a connection of its own.

`python -m benchmarks.flag_swarm --portals 9000,9001 --count 1000`. Each reads its stream, takes every line in
with the agent's own code and evaluates the flag after each change. Commands come on standard input: a number
is a version of the set; once every subscriber has it, one line of JSON tells the instants (monotonic clock,
in nanoseconds) at which each had the new answer.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import time
from collections import defaultdict
from typing import cast

import uvloop

from benchmarks.stage import AGENT
from sre_portal.agent.flags.known import Known
from sre_portal.agent.flags.line import parse_line
from sre_portal.contract.flags import PATH

SET = "fanout"
KEY = "switch"
TOGETHER = 50
"""So many connect at a time: a portal cuts strangers that are too many."""


class Swarm:
    def __init__(self, count: int) -> None:
        self.count = count
        self.seen: defaultdict[int, list[int]] = defaultdict(list)
        self.changed = asyncio.Event()
        self.lost = 0

    def note(self, version: int, at_ns: int) -> None:
        seen = self.seen[version]
        seen.append(at_ns)
        if len(seen) == self.count:
            self.changed.set()

    async def all_have(self, version: int) -> list[int]:
        while len(self.seen[version]) < self.count:
            self.changed.clear()
            await self.changed.wait()
        return self.seen.pop(version)


class Subscriber(asyncio.Protocol):
    """One stream: chunks of HTTP, lines in them, and what is known of the set."""

    def __init__(self, swarm: Swarm, port: int, number: int) -> None:
        self.swarm = swarm
        self.known = Known([SET], time.monotonic_ns)
        self.ready = asyncio.get_running_loop().create_future()
        self._request = (
            f"GET {PATH}?set={SET}&instance=fanout-{number} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\n"
            f"authorization: Bearer {AGENT}-{SET}\r\n\r\n"
        ).encode()
        self._buffer = bytearray()
        self._lines = bytearray()
        self._is_body = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast("asyncio.Transport", transport).write(self._request)

    def connection_lost(self, exc: Exception | None) -> None:
        self.swarm.lost += 1

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if not self._is_body:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._buffer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(self._buffer.decode())
            del self._buffer[: end + 4]
            self._is_body = True
        while (end := self._buffer.find(b"\r\n")) >= 0:
            size = int(self._buffer[:end], 16)
            if len(self._buffer) < end + 2 + size + 2:
                return
            self._lines += self._buffer[end + 2 : end + 2 + size]
            del self._buffer[: end + 2 + size + 2]
        while (end := self._lines.find(b"\n")) >= 0:
            line = bytes(self._lines[:end])
            del self._lines[: end + 1]
            self._take(line)

    def _take(self, line: bytes) -> None:
        if self.known.take(parse_line(line)) is None:
            return
        [one] = self.known.answering
        one.flags.evaluate(KEY, {"targetingKey": "u"}, expected_type="boolean", facts=one.facts)
        self.swarm.note(self.known.sets[SET].version, time.monotonic_ns())
        if not self.ready.done():
            self.ready.set_result(None)


async def connect(swarm: Swarm, ports: list[int]) -> list[asyncio.BaseTransport]:
    loop = asyncio.get_running_loop()
    transports: list[asyncio.BaseTransport] = []
    for start in range(0, swarm.count, TOGETHER):
        some = [
            Subscriber(swarm, ports[number % len(ports)], number)
            for number in range(start, min(start + TOGETHER, swarm.count))
        ]
        for number, one in enumerate(some, start):
            transport, _ = await loop.create_connection(
                lambda one=one: one,  # type: ignore[misc]  # mypy cannot infer a lambda with a default
                "127.0.0.1",
                ports[number % len(ports)],
            )
            transports.append(transport)
        await asyncio.gather(*(one.ready for one in some))
    return transports


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--portals", type=lambda text: [int(one) for one in text.split(",")], required=True)
    parser.add_argument("--count", type=int, required=True)
    given = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    swarm = Swarm(given.count)
    kept = await connect(swarm, given.portals)
    print(json.dumps({"connected": len(kept)}), flush=True)
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    while line := (await reader.readline()).decode().strip():
        if swarm.lost:
            raise RuntimeError(f"{swarm.lost} connections were lost")
        print(json.dumps(await swarm.all_have(int(line))), flush=True)


if __name__ == "__main__":
    uvloop.run(main())

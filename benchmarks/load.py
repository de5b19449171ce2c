"""Load from a process of its own: closed loop for throughput, open loop for latency.

    python -m benchmarks.load closed --ports 9000,9001 --rounds 60 --seconds 0.3
    python -m benchmarks.load open --ports 9000,9001 --rate 500 --rounds 4 --seconds 5

Both take their servers in turn, in short rounds: what else the machine does then meets all of them alike.

Prints one JSON object. An open loop sends at its times whether or not earlier requests are answered, so a
slow server cannot hide behind a polite client.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import deque
from typing import cast

import uvloop

REQUEST = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n"
END_OF_BODY = b"hello\n"


class Client(asyncio.Protocol):
    """One keep-alive connection. Knows the answer by its last bytes."""

    def __init__(self, answered: asyncio.Queue[Client] | None) -> None:
        self.count = 0
        self.latencies: list[int] = []
        self._running = True
        self._answered = answered
        self._sent_ns = 0
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none of asyncio's classes

    def send(self) -> None:
        self._sent_ns = time.monotonic_ns()
        self._transport.write(REQUEST)

    def close(self) -> None:
        self._running = False
        self._transport.close()

    def data_received(self, received: bytes) -> None:
        if not received.endswith(END_OF_BODY):
            if not received.startswith(b"HTTP/1.1 200"):  # else a head whose body is still to come
                raise RuntimeError(f"not the answer of hello: {received!r}")
            return
        self.count += 1
        if self._answered is not None:
            self.latencies.append(time.monotonic_ns() - self._sent_ns)
            self._answered.put_nowait(self)
        elif self._running:
            self.send()


async def connect(port: int, connections: int, answered: asyncio.Queue[Client] | None) -> list[Client]:
    loop = asyncio.get_running_loop()
    pairs = [
        await loop.create_connection(lambda: Client(answered), "127.0.0.1", port) for _ in range(connections)
    ]
    return [client for _, client in pairs]


async def closed(port: int, told: argparse.Namespace) -> float:
    """Requests a second, each connection sending as soon as it was answered."""
    clients = await connect(port, told.connections, None)
    begin = time.monotonic()
    for client in clients:
        client.send()
    await asyncio.sleep(told.seconds)
    count, taken = sum(client.count for client in clients), time.monotonic() - begin
    for client in clients:
        client.close()
    return count / taken


async def opened(port: int, told: argparse.Namespace) -> list[int]:
    """Nanoseconds from sending to answer, of requests sent at a steady rate."""
    idle: asyncio.Queue[Client] = asyncio.Queue()
    clients = await connect(port, max(int(told.rate), 10), idle)
    free = deque(clients)
    loop = asyncio.get_running_loop()
    begin = loop.time() + 0.05
    for number in range(int(told.rate * told.seconds)):
        await asyncio.sleep(begin + number / told.rate - loop.time())
        while not idle.empty():
            free.append(idle.get_nowait())
        if not free:
            free.append(await idle.get())
        free.popleft().send()
    await asyncio.sleep(1)
    for client in clients:
        client.close()
    return sorted(one for client in clients for one in client.latencies)


async def rounds(told: argparse.Namespace) -> list[list[object]]:
    """What was measured, by server and then by round."""
    measured: list[list[object]] = [[] for _ in told.ports]
    for number in range(told.rounds):
        places = range(len(told.ports))
        for place in places if number % 2 else reversed(places):
            work = closed if told.mode == "closed" else opened
            measured[place].append(await work(told.ports[place], told))
    return measured


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=("closed", "open"))
    parser.add_argument("--ports", type=lambda text: [int(port) for port in text.split(",")], required=True)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--rate", type=float, default=500)
    print(json.dumps(uvloop.run(rounds(parser.parse_args()))))


if __name__ == "__main__":
    main()

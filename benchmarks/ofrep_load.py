"""Load for the OFREP benchmark, from a process of its own: kept connections, one request at a time on each.

    python -m benchmarks.ofrep_load closed --port 9000 --token t --seconds 5
    python -m benchmarks.ofrep_load open --port 9000 --token t --seconds 5 --rate 8000

Prints one JSON object. `closed` asks again as soon as it was answered. `open` asks at fixed instants whether
or not the portal keeps up, and counts an answer's time from the instant at which it should have been asked.
"""

from __future__ import annotations

import argparse
import json
import select
import socket
import time
from collections import deque
from dataclasses import dataclass, field

PEOPLE = 5_000
FINE = b"HTTP/1.1 200 "


@dataclass
class Told:
    """What was answered."""

    answers: int = 0
    errors: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)


class Connection:
    """One connection, and the instant from which the answer that is awaited on it is timed."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.settimeout(0)
        self.since = 0.0
        self.part = b""

    def ask(self, request: bytes, since: float) -> None:
        self.since = since
        if self.socket.send(request) != len(request):
            raise RuntimeError("a request did not fit into the socket")

    def answer(self) -> bytes | None:
        """A whole answer, or None while some of it is to come."""
        received = self.socket.recv(65536)
        if not received:
            raise RuntimeError("the portal closed a connection")
        self.part += received
        head, blank, body = self.part.partition(b"\r\n\r\n")
        if not blank or len(body) < length_in(head):
            return None
        whole, self.part = self.part, b""
        return whole


def length_in(head: bytes) -> int:
    _, _, rest = head.lower().partition(b"\r\ncontent-length: ")
    return int(rest.partition(b"\r\n")[0] or b"0")


class Crowd:
    """Everybody who asks."""

    def __init__(self, told: argparse.Namespace) -> None:
        self.requests = [request_of(told, number) for number in range(PEOPLE)]
        self.number = 0
        self.poll = select.epoll()
        self.told = Told()
        self.by_file = {}
        for _ in range(told.connections):
            connection = Connection(told.port)
            self.by_file[connection.socket.fileno()] = connection
            self.poll.register(connection.socket.fileno(), select.EPOLLIN)

    def ask(self, connection: Connection, since: float) -> None:
        self.number += 1
        connection.ask(self.requests[self.number % PEOPLE], since)

    def take(self, connection: Connection) -> bool:
        """Whether the connection was answered and is free."""
        whole = connection.answer()
        if whole is None:
            return False
        self.told.answers += 1
        if not whole.startswith(FINE):
            self.told.errors.append(whole[:200].decode(errors="replace"))
        return True

    def closed(self, seconds: float) -> float:
        """Answers a second."""
        began = time.perf_counter()
        for connection in self.by_file.values():
            self.ask(connection, began)
        while (now := time.perf_counter()) < began + seconds:
            for file, _ in self.poll.poll(0.1):
                connection = self.by_file[file]
                if self.take(connection):
                    self.told.seconds.append(now - connection.since)
                    self.ask(connection, now)
        return self.told.answers / (now - began)

    def open(self, seconds: float, rate: float) -> float:
        """Answers a second, asked at a fixed rate."""
        free = deque(self.by_file.values())
        due = deque[float]()
        began = time.perf_counter() + 0.05
        count, asked = int(rate * seconds), 0
        while self.told.answers < count:
            now = time.perf_counter()
            if now > began + seconds + 10:
                raise RuntimeError(f"{count - self.told.answers} requests were never answered")
            while asked + len(due) < count and began + (asked + len(due)) / rate <= now:
                due.append(began + (asked + len(due)) / rate)
            while due and free:
                self.ask(free.popleft(), due.popleft())
                asked += 1
            for file, _ in self.poll.poll(0.0002):
                connection = self.by_file[file]
                if self.take(connection):
                    self.told.seconds.append(time.perf_counter() - connection.since)
                    free.append(connection)
        return count / (time.perf_counter() - began)


def request_of(told: argparse.Namespace, number: int) -> bytes:
    key = told.keys[number % len(told.keys)]
    context = {"targetingKey": f"user-{number}", "email": f"user-{number}@shop.example", "tier": "gold"}
    body = json.dumps({"context": context}).encode()
    head = (
        f"POST /ofrep/v1/evaluate/flags/{key} HTTP/1.1\r\nhost: 127.0.0.1:{told.port}\r\n"
        f"authorization: Bearer {told.token}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n{told.header}\r\n"
    )
    return head.encode() + body


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("mode", choices=("closed", "open"))
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--token", required=True)
    parser.add_argument("--keys", type=lambda text: text.split(","), default=["new-cart"])
    parser.add_argument("--header", type=lambda text: f"{text}\r\n" if text else "", default="")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--rate", type=float, default=7_500)
    told = parser.parse_args()
    crowd = Crowd(told)
    rate = crowd.closed(told.seconds) if told.mode == "closed" else crowd.open(told.seconds, told.rate)
    seconds = sorted(crowd.told.seconds)
    print(
        json.dumps(
            {
                "rate": rate,
                "answers": crowd.told.answers,
                "errors": len(crowd.told.errors),
                "first_error": next(iter(crowd.told.errors), ""),
                "p50_ms": seconds[len(seconds) // 2] * 1000,
                "p99_ms": seconds[int(len(seconds) * 0.99)] * 1000,
                "worst_ms": seconds[-1] * 1000,
            }
        )
    )


if __name__ == "__main__":
    main()

"""Many agents in one process, each with requests of its own.

`python -m benchmarks.swarm --portal URL --count 50`. Each is a real agent with a thread of its own;
the requests are calls of the ASGI application. Commands come on standard input, one a line: `fail` (the
application answers 500), `heal`, and `last`, which prints the instant (wall clock) at which the last injected
request began and how many instances have been hit since the last `last`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from benchmarks.stage import AGENT
from sre_portal.agent import FaultMiddleware

Message = MutableMapping[str, Any]
INJECTED = b"x-sre-portal-injected"


@dataclass
class Swarm:
    failing: bool = False
    last_began_at: float = 0.0
    hit: set[int] = field(default_factory=set)

    async def app(self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Any) -> None:  # noqa: ANN401
        status = 500 if self.failing else 200
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": b"ok"})

    async def request(self, number: int, agent: FaultMiddleware) -> None:
        began_at = time.time()

        async def send(message: Message) -> None:
            if any(name == INJECTED for name, _ in message.get("headers", ())):
                self.last_began_at = max(self.last_began_at, began_at)
                self.hit.add(number)

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "asgi": {"version": "3.0"}}
        await agent(scope, receive, send)

    async def commands(self) -> None:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
        )
        while line := (await reader.readline()).decode().strip():
            if line == "last":
                print(json.dumps({"at": self.last_began_at, "hit": len(self.hit)}), flush=True)
                self.hit.clear()
            else:
                self.failing = line == "fail"


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--portal", required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second, each agent")
    parser.add_argument("--service", default="swarm", help="with {} for a service of its own for each agent")
    given = parser.parse_args()
    swarm = Swarm()
    names = [given.service.format(number) for number in range(given.count)]
    agents = [
        FaultMiddleware(
            swarm.app,
            service=name,
            portal_url=given.portal,
            token=f"{AGENT}-{name}",
            instance=f"{name}-{number}",
            routes=("/",),
        )
        for number, name in enumerate(names)
    ]
    listening = asyncio.create_task(swarm.commands())
    loop = asyncio.get_running_loop()
    step = 1 / (given.rate * len(agents))
    due = loop.time()
    under_way: set[asyncio.Task[None]] = set()
    while not listening.done():
        for number, agent in enumerate(agents):
            task = asyncio.create_task(swarm.request(number, agent))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            due += step
            await asyncio.sleep(max(0.0, due - loop.time()))


if __name__ == "__main__":
    asyncio.run(main())

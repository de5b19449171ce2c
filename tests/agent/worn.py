"""An application that wears the agent, in process, with a stub portal on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from sre_portal.agent import FaultMiddleware
from sre_portal.agent.clock import SECOND, Clock
from sre_portal.agent.decide import Draw
from sre_portal.agent.faults.hit import App, Message, Receive, Scope, Send
from sre_portal.contract.fault import Fault
from sre_portal.contract.lease import Lease, SliDefinition
from sre_portal.contract.match import Match, Share
from tests.agent.portal import TOKEN, StubPortal, Wire, serving

AVAILABILITY = SliDefinition("availability", "availability")


def lease(
    fault: Fault,
    *,
    name: str = "a",
    run_id: int = 1,
    match: Match | None = None,
    share: Share | None = None,
    ttl_ms: float = 60_000,
) -> Lease:
    return Lease(name, run_id, fault, match or Match(), share or Share(), ttl_ms)


@dataclass
class Answer:
    """What a client got in process."""

    messages: list[Message] = field(default_factory=list)

    @property
    def status(self) -> int:
        return next((message["status"] for message in self.messages if "status" in message), 0)

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def headers(self) -> dict[bytes, bytes]:
        return dict(self.messages[0]["headers"]) if self.messages else {}


def scope_of(path: str = "/", method: str = "GET", **headers: str) -> Scope:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"type": "http", "method": method, "path": path, "headers": pairs, "root_path": ""}


async def ask(app: App, path: str = "/", method: str = "GET", **headers: str) -> Answer:
    """One request, without a server in between."""
    answer = Answer()

    async def receive() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        answer.messages.append(message)

    await app(scope_of(path, method, **headers), receive, send)
    return answer


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers every request, and takes part in the lifespan."""
    if scope["type"] == "lifespan":
        while (message := await receive())["type"] != "lifespan.shutdown":
            await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


class Worn:
    """The application, its agent and its portal."""

    def __init__(self, app: FaultMiddleware, portal: StubPortal) -> None:
        self.app = app
        self.portal = portal
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        self._answered: asyncio.Queue[Message] = asyncio.Queue()
        self._lifespan: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._lifespan = asyncio.create_task(
            self.app({"type": "lifespan"}, self._told.get, self._answered.put)
        )
        await self._told.put({"type": "lifespan.startup"})
        assert (await self._answered.get())["type"] == "lifespan.startup.complete"

    async def stop(self) -> None:
        """Stop as a server does; the agent has told its last counts then."""
        if self._lifespan is not None:
            await self._told.put({"type": "lifespan.shutdown"})
            assert (await self._answered.get())["type"] == "lifespan.shutdown.complete"
            await self._lifespan
            self._lifespan = None

    async def grant(self, *leases: Lease, slis: Sequence[SliDefinition] = (AVAILABILITY,)) -> None:
        """Send a plan with these leases, and wait until the agent says that it holds them."""
        await self.portal.plan(slis, leases)
        names = {lease.id for lease in leases}
        await self.portal.reported(
            lambda report: names <= {status["lease_id"] for status in report["leases"]}
        )

    async def ended(self, name: str = "a") -> Wire:
        """The receipt of a lease."""

        def receipt(report: Wire) -> Wire | None:
            return next(
                (one for one in report["leases"] if one["lease_id"] == name and one["ended_by"]), None
            )

        found = receipt(await self.portal.reported(lambda report: receipt(report) is not None))
        assert found is not None
        return found

    def total(self, count: Callable[[Wire], int]) -> int:
        """Something summed over all seconds that the portal has."""
        seconds = {second["at"]: second for report in self.portal.stored for second in report["seconds"]}
        return sum(count(second) for second in seconds.values())

    def sli(self, name: str = "availability") -> tuple[int, int, int]:
        """Good, bad and planned of an SLI, of all that was told."""

        def field_of(which: str) -> Callable[[Wire], int]:
            return lambda second: sum(sli[which] for sli in second["slis"] if sli["name"] == name)

        good, bad, planned = (self.total(field_of(which)) for which in ("good", "bad", "planned"))
        return good, bad, planned

    def injected(self, which: str, name: str = "a") -> int:
        """A count of a lease, or the number of samples in one of its histograms."""

        def count(second: Wire) -> int:
            found = [one[which] for one in second["injections"] if one["lease_id"] == name]
            return sum(sum(one[1::2]) if isinstance(one, list) else one for one in found)

        return self.total(count)


async def status(shop: Worn) -> int:
    """What one request is answered."""
    return (await ask(shop.app)).status


def wall() -> float:
    return Clock().wall_ns() / SECOND


@asynccontextmanager
async def worn(
    app: App = hello,
    *,
    token: str = TOKEN,
    clock: Clock | None = None,
    draw: Draw | None = None,
    now: Callable[[], float] = wall,
    **options: Any,  # noqa: ANN401  # whatever else the middleware takes
) -> AsyncIterator[Worn]:
    """The application wears the agent, and the agent is connected."""
    async with serving(StubPortal(now)) as portal:
        middleware = FaultMiddleware(
            app, service="shop", portal_url=portal.url, token=token, clock=clock, draw=draw, **options
        )
        wearing = Worn(middleware, portal)
        await wearing.start()
        await portal.until(lambda: bool(portal.queries))
        await portal.reported(lambda report: report["clock"] is not None)
        try:
            yield wearing
        finally:
            await wearing.stop()

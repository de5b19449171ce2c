"""Two real portals on one PostgreSQL, and an instance of a service that may talk to either."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_bytes
from typing import Any, TypeVar

import httpx2
import msgspec

from sre_portal.agent.plan import parse_plan
from sre_portal.clients.clock import SystemClock
from sre_portal.contract.lease import Plan
from sre_portal.contract.report import AgentReport, ClockMapping, Second
from tests.operations.world import EXPERIMENT, SLO, SimulatedAgent

ADMIN = "admin-token-of-the-replicas-0123"
AGENT = "agent-token-of-the-replicas-0123"
HISTORY_SECONDS = 200
Found = TypeVar("Found")


@dataclass
class Portal:
    """One replica."""

    url: str
    program: asyncio.subprocess.Process
    http: httpx2.AsyncClient

    async def stands_by(self) -> bool | None:
        """None where it does not answer."""
        try:
            answer = await self.http.get(f"{self.url}/readyz")
        except httpx2.HTTPError:
            return None
        return None if answer.status_code != 200 else "stands by" in answer.text

    async def get(self, path: str) -> Any:  # noqa: ANN401  # JSON
        return (await self.http.get(f"{self.url}/api/v1{path}")).raise_for_status().json()

    async def post(self, path: str, body: object = None) -> httpx2.Response:
        return await self.http.post(f"{self.url}/api/v1{path}", json=body)


@dataclass
class Instance:
    """An agent: it reads plans wherever it gets them, and reports to one portal after the other."""

    portals: list[Portal]
    agent: SimulatedAgent = field(default_factory=SimulatedAgent)
    lease_ends: list[tuple[float, float]] = field(default_factory=list)
    """When a plan with a lease came, and until when that lease was good."""
    reported: int = 0
    _turn: int = 0

    async def live(self) -> None:
        async with httpx2.AsyncClient(
            headers={"authorization": f"Bearer {AGENT}"}, trust_env=False, timeout=5
        ) as http:
            end = int(now())
            await self._tell(http, [self.agent.second(at) for at in range(end - HISTORY_SECONDS, end)])
            await asyncio.gather(self._read(http), self._report(http))

    def harm_ends_at(self) -> float:
        return max((end for _, end in self.lease_ends), default=0.0)

    async def _read(self, http: httpx2.AsyncClient) -> None:
        where = {"service": "shop", "instance": self.agent.instance}
        while True:
            for portal in self.portals:
                with suppress(httpx2.HTTPError):
                    async with http.stream(
                        "GET", f"{portal.url}/agents/v1/plan", params=where, timeout=3
                    ) as stream:
                        if stream.status_code == 200:
                            async for line in stream.aiter_lines():
                                self._follow(parse_plan(line.encode()).plan)
            await asyncio.sleep(0.05)

    def _follow(self, plan: Plan) -> None:
        self.agent.follow(plan, SystemClock().now())
        self.lease_ends += [(now(), plan.sent_at + lease.ttl_ms / 1000) for lease in plan.leases]

    async def _report(self, http: httpx2.AsyncClient) -> None:
        told = int(now())
        while True:
            await asyncio.sleep(1.05 - now() % 1)
            until_now = int(now())
            seconds = [self.agent.second(at) for at in range(told, until_now)]
            told = until_now
            while not await self._tell(http, seconds):  # noqa: ASYNC110  # an agent has no event either
                await asyncio.sleep(0.05)

    async def _tell(self, http: httpx2.AsyncClient, seconds: list[Second]) -> bool:
        self._turn += 1
        portal, one = self.portals[self._turn % len(self.portals)], self.agent
        one.seq += 1
        report = AgentReport(
            one.service,
            one.instance,
            "1.0",
            one.seq,
            now() - 3600,
            now(),
            clock=ClockMapping(0.0, 0.5),
            routes=["/", "/checkout"],
            seconds=seconds,
            leases=list(one.statuses.values()),
        )
        try:
            answer = await http.post(f"{portal.url}/agents/v1/reports", content=msgspec.json.encode(report))
        except httpx2.HTTPError:
            return False
        self.reported += answer.status_code == 200
        return answer.status_code == 200


@dataclass
class Fleet:
    portals: list[Portal]
    instance: Instance

    async def driver(self) -> Portal:
        """The replica that drives, once there is one."""

        async def look() -> Portal | None:
            standing = [await portal.stands_by() for portal in self.portals]
            return self.portals[standing.index(False)] if False in standing else None

        return await until(look)

    async def other(self) -> Portal:
        driver = await self.driver()
        return next(portal for portal in self.portals if portal is not driver)

    async def start(self) -> int:
        """A run whose leases have been given to the instance."""
        driver = await self.driver()

        async def begin() -> int | None:
            answer = await driver.post("/runs", {"document": EXPERIMENT})
            assert answer.status_code in {201, 409}, answer.text
            return int(answer.json()["id"]) if answer.status_code == 201 else None

        run_id = await until(begin)

        async def held() -> bool:
            return any(lease.run_id == run_id for lease in self.instance.agent.plan.leases)

        await until(held)
        return run_id


def now() -> float:
    return SystemClock().now().timestamp()


async def until(look: Callable[[], Awaitable[Found | None]], seconds: float = 20) -> Found:
    async with asyncio.timeout(seconds):
        while not (found := await look()):  # noqa: ASYNC110  # other programs give no events
            await asyncio.sleep(0.02)
        return found


@asynccontextmanager
async def running_fleet(database_url: str, folder: Path) -> AsyncIterator[Fleet]:
    (folder / "slo").mkdir()
    (folder / "slo" / "shop.yaml").write_text(SLO)
    told = {
        "SRE_PORTAL_DATABASE_URL": database_url,
        "SRE_PORTAL_SECRET_KEY": b64encode(token_bytes(32)).decode(),
        "SRE_PORTAL_ADMIN_TOKEN": ADMIN,
        "SRE_PORTAL_AGENT_TOKENS": f"shop={AGENT}",
        "SRE_PORTAL_SLO_DIRS": str(folder / "slo"),
    }
    async with AsyncExitStack() as stack:
        starting = (running_portal(told, folder / f"data-{number}") for number in range(2))
        portals = list(await asyncio.gather(*map(stack.enter_async_context, starting)))
        instance = Instance(portals)
        living = asyncio.create_task(instance.live())
        try:
            yield Fleet(portals, instance)
        finally:
            while not living.done():
                living.cancel()
                await asyncio.wait({living}, timeout=0.1)


@asynccontextmanager
async def running_portal(told: dict[str, str], folder: Path) -> AsyncIterator[Portal]:
    command = [sys.executable, "-m", "sre_portal.cli.app", "serve", "--json", "--port", "0"]
    program = await asyncio.create_subprocess_exec(
        *command, "--data-dir", str(folder), env={**os.environ, **told}, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert program.stdout is not None
        ready = json.loads(await asyncio.wait_for(program.stdout.readline(), 30))
        headers = {"authorization": f"Bearer {ADMIN}"}
        async with httpx2.AsyncClient(headers=headers, trust_env=False, timeout=10) as http:
            yield Portal(ready["portal"], program, http)
    finally:
        if program.returncode is None:
            program.kill()
        await program.wait()

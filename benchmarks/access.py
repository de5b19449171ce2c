"""What it costs to know who asks, and how fast somebody who was logged out is refused everywhere."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median, quantiles

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from benchmarks.figure import Figure
from sre_portal.core.access import Permission, Role
from sre_portal.operations.login import issue_link, use_link
from sre_portal.operations.sessions import Origin
from sre_portal.web.app import build_app
from sre_portal.web.guard import Guarded
from tests.operations.world import World
from tests.postgres import running_postgres
from tests.providers.replicas import running_replicas

REQUESTS = 20_000
ROUNDS = 5
LOGOUTS = 200
MOST_US = 150
MOST_SECONDS = 1.0


def run() -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="sre-portal-bench-") as name, running_postgres() as postgres:
        folder = Path(name)
        for database in ("sqlite", "postgres"):
            for number in range(ROUNDS):
                (folder / f"{database}-{number}").mkdir()
        sqlite = [asyncio.run(_overhead_us(folder / f"sqlite-{number}")) for number in range(ROUNDS)]
        shared = [
            asyncio.run(_overhead_us(folder / f"postgres-{number}", postgres.replace("+psycopg", "")))
            for number in range(ROUNDS)
        ]
    with tempfile.TemporaryDirectory(prefix="sre-portal-bench-") as name, running_postgres() as postgres:
        logouts = asyncio.run(_logouts(Path(name), postgres))
    return [_overhead("SQLite", sqlite), _overhead("PostgreSQL", shared), *logouts]


def _overhead(database: str, values: list[float]) -> Figure:
    value = median(values)
    spread = f"{min(values):.1f} to {max(values):.1f}, {ROUNDS} rounds of {REQUESTS}"
    name = f"authenticated request, cookie, overhead at p50, {database}"
    return Figure(name, round(value, 1), "us", f"at most {MOST_US}", value <= MOST_US, spread)


async def _overhead_us(folder: Path, database: str = "") -> float:
    """Microseconds at p50 between a route with a permission and one without a guard; both do nothing."""
    world = await World(folder, database=database).open()
    try:
        app = build_app(world.ports)
        guarded = Guarded("GET", "/shut", _nothing, Permission.PORTAL_READ).route()
        app.router.routes[:0] = [Route("/open", _nothing), guarded]
        secret, _ = await use_link(world.ports, await issue_link(world.ports, "ada", Role.ADMIN), Origin())
        cookie = f"sre_portal_session={secret}".encode()
        told: dict[str, list[float]] = {"/open": [], "/shut": []}
        await asyncio.sleep(0.5)  # the memory of a shared database is proven by now
        for number in range(REQUESTS):
            for path, times in told.items():
                began = time.perf_counter()
                status = await _ask(app, path, cookie)
                times.append((time.perf_counter() - began) * 1e6)
                if status != 200:
                    raise RuntimeError(f"{path} answered {status} at request {number}")
            if number % 50 == 0:
                await asyncio.sleep(0)
        return median(told["/shut"]) - median(told["/open"])
    finally:
        await world.close()


async def _nothing(_: Request) -> Response:
    return PlainTextResponse("ok")


async def _ask(app: object, path: str, cookie: bytes) -> int:
    scope: Mapping[str, object] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), (b"cookie", cookie)],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    status = 0

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Mapping[str, object]) -> None:
        nonlocal status
        found = message.get("status")
        status = found if isinstance(found, int) else status

    await app(dict(scope), receive, send)  # type: ignore[operator]  # an ASGI application
    return status


async def _logouts(folder: Path, database: str) -> list[Figure]:
    """Logouts at the provider, each of a person with an open stream at both portals."""
    apis, streams = [], []
    async with running_replicas(database, folder) as replicas:
        for number in range(LOGOUTS):
            person = await replicas.log_in("alice" if number % 2 else "bob")
            api, ended = await replicas.seconds_to_refusal(person)
            apis.append(api)
            streams.append(max(ended))
            await person.http.aclose()
            await person.at_provider.http.aclose()
    return [
        _within("logout at the provider until the API refuses on both replicas", apis),
        _within("logout at the provider until the event streams end on both replicas", streams),
    ]


def _within(name: str, seconds: list[float]) -> Figure:
    count = sum(one <= MOST_SECONDS for one in seconds)
    told = quantiles(seconds, n=100)
    spread = f"p50 {told[49] * 1000:.0f} ms, p99 {told[98] * 1000:.0f} ms, worst {max(seconds) * 1000:.0f} ms"
    bar = f"{LOGOUTS} within {MOST_SECONDS:g} s"
    return Figure(name, count, f"of {LOGOUTS}", bar, count == len(seconds) == LOGOUTS, spread)

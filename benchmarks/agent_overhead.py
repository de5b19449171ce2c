"""What a service pays for wearing the agent while nothing is injected.

At the ASGI call: an application that only answers, called in a loop with and without the middleware, the two
in turn in many short rounds. What else the machine does makes rounds slower, never faster, so the figure is
the tenth best of a hundred; the median says what it cost today. Behind uvicorn: the same application with and
without, each in its own process, in turn under the same closed-loop load from a third, while a stub portal
takes its reports.
"""

from __future__ import annotations

import asyncio
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from benchmarks.figure import Figure
from benchmarks.hello import hello
from sre_portal.agent import FaultMiddleware
from sre_portal.agent.faults.hit import App, Message
from sre_portal.contract.lease import SliDefinition
from sre_portal.contract.match import Match
from tests.agent.portal import StubPortal, serving

CALLS = 2_000
ROUNDS = 500
SERVER_ROUNDS = 80
SERVER_SECONDS = 0.25

MOST_MICROSECONDS = 2.0
LEAST_RATIO = 0.95

SLIS = (
    SliDefinition("availability", "availability"),
    SliDefinition("latency", "latency", Match(route="/*"), 250.0),
)


async def nowhere(message: Message) -> None:
    """A server that takes everything."""


async def nothing() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def nanoseconds_a_call(app: App) -> float:
    scope = {"type": "http", "method": "GET", "path": "/", "headers": [(b"host", b"localhost")]}
    begin = time.perf_counter_ns()
    for _ in range(CALLS):
        await app(scope, nothing, nowhere)
    return (time.perf_counter_ns() - begin) / CALLS


async def measure_calls() -> list[float]:
    """Added nanoseconds a call, one number a round."""
    wearing = FaultMiddleware(hello, service="hello", portal_url="http://127.0.0.1:9", token="t")  # noqa: S106
    wearing._tally.count_by(SLIS)  # noqa: SLF001  # a plan would bring them; there is no portal here
    return [await nanoseconds_a_call(wearing) - await nanoseconds_a_call(hello) for _ in range(ROUNDS)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def server(*arguments: str) -> Iterator[int]:
    """`benchmarks.hello` in a process of its own, ready to serve."""
    port = free_port()
    program = subprocess.Popen([sys.executable, "-m", "benchmarks.hello", "--port", str(port), *arguments])
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield port
    finally:
        program.terminate()
        program.wait()


async def load(mode: str, ports: Sequence[int], **options: float) -> list[list[Any]]:
    """`benchmarks.load` in a process of its own. What it measured, by server and round."""
    told = [text for name, value in options.items() for text in (f"--{name}", str(value))]
    command = [sys.executable, "-m", "benchmarks.load", mode, "--ports", ",".join(map(str, ports)), *told]
    program = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE)
    output, _ = await program.communicate()
    measured: list[list[Any]] = json.loads(output)
    return measured


async def measure_servers() -> tuple[list[float], list[float]]:
    """Requests a second in each round, without and with the agent."""
    async with serving(StubPortal(time.time)) as portal:
        with server() as plain, server("--portal", portal.url) as wearing:
            await portal.until(lambda: bool(portal.queries))
            await portal.plan(slis=SLIS)
            measured = await load("closed", [plain, wearing], rounds=SERVER_ROUNDS, seconds=SERVER_SECONDS)
    return measured[0], measured[1]


def run() -> list[Figure]:
    added = sorted(asyncio.run(measure_calls()))
    best, median = added[len(added) // 10] / 1000, statistics.median(added) / 1000
    without, wearing = asyncio.run(measure_servers())
    ratios = sorted(one / other for one, other in zip(wearing, without, strict=True))
    ratio = statistics.median(ratios)
    quarter = len(ratios) // 4
    spread = (
        f"rounds {added[len(added) // 20] / 1000:.2f} to {added[-len(added) // 20] / 1000:.2f} us (5 to 95 %)"
    )
    rates = f"{statistics.median(wearing):.0f} against {statistics.median(without):.0f} requests/s"
    return [
        Figure(
            "agent, added a request at the ASGI call, best tenth",
            best,
            "us",
            f"at most {MOST_MICROSECONDS}",
            best <= MOST_MICROSECONDS,
            spread,
        ),
        Figure("agent, added a request at the ASGI call, median", median, "us", "told", None, spread),
        Figure(
            "agent, throughput of hello behind uvicorn, with to without",
            ratio,
            "ratio",
            f"at least {LEAST_RATIO}",
            ratio >= LEAST_RATIO,
            f"rounds {ratios[quarter]:.3f} to {ratios[-quarter]:.3f} (25 to 75 %); {rates}",
        ),
    ]


if __name__ == "__main__":
    for figure in run():
        print(figure)

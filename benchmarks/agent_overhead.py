"""What a service pays for wearing the agent while nothing is injected.

At the ASGI call: an application that only answers, called in a loop with and without the middleware, the two
in turn in many short rounds. What else the machine does makes rounds slower, never faster, so the figure is
the tenth best of a hundred; the median says what it cost today. Behind uvicorn: the same application with and
without, each in its own process, in turn under the same closed-loop load from a third, while a stub portal
takes its reports and renews its plan. Once as uvicorn starts where nothing is said, with its access log (into
/dev/null), and once without. What a middleware costs that only passes on is told beside it.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.figure import Figure
from benchmarks.hello import hello
from sre_portal.agent import FaultMiddleware
from sre_portal.agent.faults.hit import App, Message
from sre_portal.contract.lease import RENEW_SECONDS, SliDefinition
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


@dataclass(frozen=True)
class Server:
    port: int
    pid: int

    def cpu_seconds(self) -> float:
        """Processor time of all threads so far."""
        ran = Path(f"/proc/{self.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(ran[11]) + int(ran[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def server(*arguments: str) -> Iterator[Server]:
    """`benchmarks.hello` in a process of its own, ready to serve."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.hello", "--port", str(port), *arguments]
    program = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.05)
        yield Server(port, program.pid)
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


@dataclass(frozen=True)
class Throughput:
    """Requests a second in each round, and microseconds of processor a request over all rounds."""

    rates: list[float]
    cpu_us: float

    def against(self, other: Throughput) -> list[float]:
        """This to the other, round by round, sorted."""
        return sorted(one / that for one, that in zip(self.rates, other.rates, strict=True))


async def keep_planning(portal: StubPortal) -> None:
    while True:
        await portal.plan(slis=SLIS)
        await asyncio.sleep(RENEW_SECONDS)


async def measure_servers(*arguments: str) -> list[Throughput]:
    """Plain, passing on, and with the agent."""
    async with serving(StubPortal(time.time)) as portal:
        with (
            server(*arguments) as plain,
            server("--pass-on", *arguments) as passing,
            server("--portal", portal.url, *arguments) as wearing,
        ):
            await portal.until(lambda: bool(portal.queries))
            planning = asyncio.create_task(keep_planning(portal))
            servers = (plain, passing, wearing)
            before = [one.cpu_seconds() for one in servers]
            ports = [one.port for one in servers]
            measured = await load("closed", ports, rounds=SERVER_ROUNDS, seconds=SERVER_SECONDS)
            used = [one.cpu_seconds() - then for one, then in zip(servers, before, strict=True)]
            planning.cancel()
    return [
        Throughput(rates, cpu / (sum(rates) * SERVER_SECONDS) * 1e6)
        for rates, cpu in zip(measured, used, strict=True)
    ]


def run() -> list[Figure]:
    return [
        *call_figures(),
        *server_figures("as it starts", "--access-log"),
        *server_figures("without its access log"),
    ]


def call_figures() -> list[Figure]:
    added = sorted(one / 1000 for one in asyncio.run(measure_calls()))
    best, median = added[len(added) // 10], statistics.median(added)
    spread = f"rounds {added[len(added) // 20]:.2f} to {added[-len(added) // 20]:.2f} us (5 to 95 %)"
    bar, held = f"at most {MOST_MICROSECONDS}", best <= MOST_MICROSECONDS
    return [
        Figure("agent, added a request at the ASGI call, best tenth", best, "us", bar, held, spread),
        Figure("agent, added a request at the ASGI call, median", median, "us", "told", None, spread),
    ]


def server_figures(how: str, *arguments: str) -> list[Figure]:
    """The bar is for uvicorn as it starts: there is none for a setting of it."""
    plain, passing, wearing = asyncio.run(measure_servers(*arguments))
    ratio, ratios = statistics.median(wearing.against(plain)), wearing.against(plain)
    quarter = len(ratios) // 4
    rates = f"{statistics.median(wearing.rates):.0f} against {statistics.median(plain.rates):.0f} requests/s"
    cost = f"{wearing.cpu_us:.1f} against {plain.cpu_us:.1f} us of processor a request"
    return [
        Figure(
            f"agent, throughput of hello behind uvicorn {how}, with to without",
            ratio,
            "ratio",
            f"at least {LEAST_RATIO}" if arguments else "told",
            ratio >= LEAST_RATIO if arguments else None,
            f"rounds {ratios[quarter]:.3f} to {ratios[-quarter]:.3f} (25 to 75 %); {rates}; {cost}",
        ),
        Figure(
            f"a middleware that only passes on, hello behind uvicorn {how}",
            statistics.median(passing.against(plain)),
            "ratio",
            "told",
            None,
            "",
        ),
    ]


if __name__ == "__main__":
    for figure in run():
        print(figure)

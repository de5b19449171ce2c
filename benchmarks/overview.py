"""The Overview page with 50 services under live reports, and the portal's memory."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain

import psutil

from benchmarks.figure import Figure
from benchmarks.stage import Stage

SERVICES = 50
REQUESTS = 400

SLO = """
apiVersion: sre-portal.dev/v1
kind: SLO
metadata: {{name: {name}-{kind}}}
spec: {{service: {name}, sli: {sli}, objective: 99.9}}
"""


@contextmanager
def fifty_services() -> Iterator[Stage]:
    """A portal with two SLOs for each service, and an agent in each that is asked four times a second."""
    names = [f"service-{number}" for number in range(SERVICES)]
    slis = {"availability": "{type: availability}", "latency": "{type: latency, threshold: 300ms}"}
    documents = [SLO.format(name=name, kind=kind, sli=sli) for name in names for kind, sli in slis.items()]
    with Stage("---".join(documents), names) as stage:
        options = {"--portal": stage.url, "--count": str(SERVICES), "--rate": "4", "--service": "service-{}"}
        stage.play("benchmarks.swarm", *chain.from_iterable(options.items()))
        stage.agents_are_ready(SERVICES)
        yield stage


def run() -> list[Figure]:
    with fifty_services() as stage:
        time.sleep(20)
        told = sorted(_get(stage) for _ in range(REQUESTS))
        size = len(stage.client.get("/", headers={"accept": "text/html"}).content) / 1024
        memory = resident_mb(stage)
    p99 = told[int(len(told) * 0.99)]
    spread = f"p50 {told[len(told) // 2]:.1f}, worst {told[-1]:.1f}, {REQUESTS} requests"
    return [
        Figure(
            f"Overview page, {SERVICES} services, p99", round(p99, 1), "ms", "at most 50", p99 <= 50, spread
        ),
        Figure("Overview page, uncompressed", round(size), "kB", "told", None, ""),
        Figure(
            "portal resident memory after the above", round(memory), "MB", "at most 150", memory <= 150, ""
        ),
    ]


def resident_mb(stage: Stage) -> float:
    memory: float = psutil.Process(stage.portal.pid).memory_info().rss / 2**20
    return memory


def _get(stage: Stage) -> float:
    begun = time.perf_counter()
    answer = stage.client.get("/", headers={"accept": "text/html"})
    answer.raise_for_status()
    return (time.perf_counter() - begun) * 1000

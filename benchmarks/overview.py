"""The Overview page with 50 services under live reports, and the portal's memory."""

from __future__ import annotations

import time

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


def run() -> list[Figure]:
    names = [f"service-{number}" for number in range(SERVICES)]
    slis = {"availability": "{type: availability}", "latency": "{type: latency, threshold: 300ms}"}
    documents = [SLO.format(name=name, kind=kind, sli=sli) for name in names for kind, sli in slis.items()]
    with Stage("---".join(documents), names) as stage:
        arguments = (
            "--portal",
            stage.url,
            "--count",
            str(SERVICES),
            "--rate",
            "4",
            "--service",
            "service-{}",
        )
        stage.play("benchmarks.swarm", *arguments)
        stage.agents_are_ready(SERVICES)
        time.sleep(20)
        told = sorted(_get(stage) for _ in range(REQUESTS))
        size = len(stage.client.get("/", headers={"accept": "text/html"}).content) / 1024
        memory = psutil.Process(stage.portal.pid).memory_info().rss / 2**20
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


def _get(stage: Stage) -> float:
    begun = time.perf_counter()
    answer = stage.client.get("/", headers={"accept": "text/html"})
    answer.raise_for_status()
    return (time.perf_counter() - begun) * 1000

"""From the request of a flip to the new answer at a thousand subscribers, with its durable audit record."""

from __future__ import annotations

import contextlib
import json
import time
from base64 import b64encode
from collections.abc import Iterator, Sequence
from secrets import token_bytes
from statistics import median, quantiles
from subprocess import Popen

from benchmarks.figure import Figure
from benchmarks.flag_swarm import KEY, SET
from benchmarks.stage import Stage
from tests.postgres import running_postgres

SUBSCRIBERS = 1000
FLIPS = 50
ROUNDS = 5
PAUSE_SECONDS = 0.11
"""Not a part of a second, so that flips meet the beats at every phase."""
REPLICAS = 3
MOST_MS = 100.0
MOST_MS_REPLICAS = 250.0

SLO = f"""
apiVersion: sre-portal.dev/v1
kind: SLO
metadata: {{name: {SET}-availability}}
spec: {{service: {SET}, sli: {{type: availability}}, objective: 99}}
"""
SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}


def run() -> list[Figure]:
    with Stage(SLO, [SET]) as alone:
        one = _rounds([alone])
    with replicas() as stages:
        three = _rounds(stages)
    return [
        _figure(f"flip to seen by {SUBSCRIBERS} subscribers, SQLite, p99", one, MOST_MS),
        _figure(f"the same, {REPLICAS} replicas on PostgreSQL, p99", three, MOST_MS_REPLICAS),
    ]


@contextlib.contextmanager
def replicas() -> Iterator[Sequence[Stage]]:
    """Portals over one PostgreSQL that syncs every commit to its disk."""
    with running_postgres(durable=True) as url, contextlib.ExitStack() as stack:
        told = {
            "SRE_PORTAL_DATABASE_URL": url.replace("+psycopg", ""),
            "SRE_PORTAL_SECRET_KEY": b64encode(token_bytes(32)).decode(),
        }
        yield [stack.enter_context(Stage(SLO, [SET], told)) for _ in range(REPLICAS)]


def _rounds(stages: Sequence[Stage]) -> list[list[float]]:
    """Milliseconds of every subscriber and flip, by round. Flips go to the portals in turn."""
    version = int(
        stages[0].post(f"/flags/{SET}/{KEY}", {"definition": SWITCH, "reason": "a benchmark"})["version"]
    )
    ports = ",".join(str(stage.port) for stage in stages)
    swarm = stages[0].play("benchmarks.flag_swarm", "--portals", ports, "--count", str(SUBSCRIBERS))
    _answer(swarm)
    time.sleep(3)
    measured: list[list[float]] = []
    for _ in range(ROUNDS):
        some: list[float] = []
        for number in range(FLIPS):
            version += 1
            some += _flip(stages[number % len(stages)], swarm, version)
            time.sleep(PAUSE_SECONDS)
        measured.append(some)
    return measured


def _flip(stage: Stage, swarm: Popen[str], version: int) -> list[float]:
    body = {"enabled": version % 2 == 1, "reason": "a benchmark"}
    begun_ns = time.monotonic_ns()
    told = stage.post(f"/flags/{SET}/{KEY}/toggle", body)
    if told["version"] != version:
        raise RuntimeError(f"version {told['version']}, expected {version}")
    if swarm.stdin is None:
        raise RuntimeError("no pipe to the swarm")
    swarm.stdin.write(f"{version}\n")
    swarm.stdin.flush()
    return [(at_ns - begun_ns) / 1e6 for at_ns in json.loads(_answer(swarm))]


def _answer(swarm: Popen[str]) -> str:
    line = swarm.stdout.readline() if swarm.stdout is not None else ""
    if not line:
        raise RuntimeError("the swarm has ended")
    return line


def _figure(name: str, rounds: list[list[float]], most: float) -> Figure:
    p99s = [quantiles(some, n=100)[98] for some in rounds]
    everything = [one for some in rounds for one in some]
    value = quantiles(everything, n=100)[98]
    spread = (
        f"p50 {median(everything):.0f}, worst {max(everything):.0f} ms; "
        f"{len(rounds)} rounds of {FLIPS} flips: p99 {min(p99s):.0f} to {max(p99s):.0f}"
    )
    return Figure(name, round(value, 1), "ms", f"at most {most:g}", value <= most, spread)

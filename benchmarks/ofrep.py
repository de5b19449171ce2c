"""One flag over OFREP with a token, on one worker: how many a second, how late at half of that, under flips.

The portal and the load are processes on a core each. The token is an issued one of a service account, the
flags are a plain one, one by an attribute, one by shares, and one that is flipped ten times a second.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import httpx2

from benchmarks.figure import Figure
from benchmarks.stage import ADMIN, Stage

ROUNDS = 5
SECONDS = 5.0
WARM_SECONDS = 2.0
CONNECTIONS = 64
LEAST_RATE = 15_000
HALF_RATE = LEAST_RATE / 2
MOST_P99_MS = 10.0
FLIPS_A_SECOND = 10
SLO = """
apiVersion: sre-portal.dev/v1
kind: SLO
metadata: {name: shop-availability}
spec: {service: shop, sli: {type: availability}, objective: 99}
"""
SWITCH = {"state": "ENABLED", "variants": {"on": True, "off": False}, "defaultVariant": "on"}
FLAGS = {
    "plain": SWITCH,
    "staff": {
        **SWITCH,
        "targeting": {"if": [{"ends_with": [{"var": "email"}, "@shop.example"]}, "on", "off"]},
    },
    "half": {**SWITCH, "targeting": {"fractional": [["on", 50], ["off", 50]]}},
    "flipped": SWITCH,
}


def run() -> list[Figure]:
    with Stage(SLO, ["shop"]) as stage:
        apart = _set_apart(stage)
        stage.post("/flag-sets/default/import", {"document": {"flags": FLAGS}, "reason": "benchmark"})
        ask = {"name": "ofrep", "days": 1, "role": "program", "reason": "benchmark"}
        token = str(stage.post("/tokens", ask)["secret"])
        _load(stage, token, "closed", WARM_SECONDS)
        quick = [_load(stage, token, "closed") for _ in range(ROUNDS)]
        long = [
            _load(stage, token, "closed", header="origin: https://nowhere.example") for _ in range(ROUNDS)
        ]
        with flipping(stage) as flips:
            flipped = [_load(stage, token, "closed") for _ in range(ROUNDS)]
            half = [_load(stage, token, "open") for _ in range(ROUNDS)]
    told = [one for kind in (quick, long, flipped, half) for one in kind]
    return [
        _rate(f"OFREP, one flag with a token, one worker, {apart}", quick, LEAST_RATE),
        _by_cpu("the same in a second of the portal's CPU time", quick),
        _rate("the same by the long way, through every wall", long, None),
        _by_cpu("the long way in a second of the portal's CPU time", long),
        _rate(f"the same by the short way, under {FLIPS_A_SECOND} flips/s", flipped, None),
        _late("p50", half, None),
        _late("p99", half, MOST_P99_MS),
        _failed(told, flips),
    ]


def _set_apart(stage: Stage) -> str:
    """A core for the portal and one for everything else, where there are two."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        return "one core for all"
    for thread in Path(f"/proc/{stage.portal.pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {cores[0]})
    os.sched_setaffinity(0, set(cores[1:]))
    return "a core for the portal"


def _load(
    stage: Stage, token: str, mode: str, seconds: float = SECONDS, *, header: str = ""
) -> dict[str, float]:
    before = _cpu_seconds(stage)
    told = subprocess.run(
        [
            *(sys.executable, "-m", "benchmarks.ofrep_load", mode),
            *("--port", str(stage.port), "--token", token, "--keys", ",".join(FLAGS)),
            *("--seconds", str(seconds), "--rate", str(HALF_RATE), "--connections", str(CONNECTIONS)),
            *("--header", header),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    found = dict(json.loads(told.stdout))
    found["cpu_rate"] = found["answers"] / (_cpu_seconds(stage) - before)
    if found["errors"]:
        print(found["first_error"], file=sys.stderr)
    return found


def _cpu_seconds(stage: Stage) -> float:
    """What the portal has used of its core. This is the same whatever else the machine does."""
    fields = Path(f"/proc/{stage.portal.pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Flips:
    done = 0
    failed = 0


@contextmanager
def flipping(stage: Stage) -> Iterator[Flips]:
    """Flips one flag at a steady pace while the block lasts."""
    flips, over = Flips(), threading.Event()

    def work() -> None:
        headers = {"authorization": f"Bearer {ADMIN}"}
        with httpx2.Client(base_url=stage.url, headers=headers, timeout=30, trust_env=False) as client:
            due = time.monotonic()
            while not over.wait(max(0.0, due - time.monotonic())):
                due += 1 / FLIPS_A_SECOND
                body = {"enabled": bool(flips.done % 2), "reason": "benchmark"}
                answer = client.post("/api/v1/flags/default/flipped/toggle", json=body)
                flips.done += 1
                flips.failed += answer.status_code != 200

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield flips
    finally:
        over.set()
        thread.join()


def _rate(name: str, rounds: list[dict[str, float]], least: float | None) -> Figure:
    rates = sorted(one["rate"] for one in rounds)
    value = median(rates)
    spread = f"{rates[0]:.0f} to {rates[-1]:.0f}, {ROUNDS} rounds of {SECONDS:g} s, {CONNECTIONS} connections"
    bar = "" if least is None else f"at least {least:,}"
    return Figure(name, round(value), "answers/s", bar, None if least is None else value >= least, spread)


def _by_cpu(name: str, rounds: list[dict[str, float]]) -> Figure:
    rates = sorted(one["cpu_rate"] for one in rounds)
    spread = f"{rates[0]:.0f} to {rates[-1]:.0f}"
    return Figure(name, round(median(rates)), "answers", "", None, spread)


def _late(quantile: str, rounds: list[dict[str, float]], most: float | None) -> Figure:
    told = sorted(one[f"{quantile}_ms"] for one in rounds)
    value = median(told)
    worst = max(one["worst_ms"] for one in rounds)
    spread = f"{told[0]:.2f} to {told[-1]:.2f}, {ROUNDS} rounds; worst answer {worst:.0f} ms"
    name = f"the same at {HALF_RATE:,.0f}/s whether answered or not, under flips, {quantile}"
    bar = "" if most is None else f"at most {most:g}"
    return Figure(name, round(value, 2), "ms", bar, None if most is None else value <= most, spread)


def _failed(rounds: list[dict[str, float]], flips: Flips) -> Figure:
    answers, errors = sum(one["answers"] for one in rounds), sum(one["errors"] for one in rounds)
    name = "answers and flips that failed meanwhile"
    spread = f"{answers:,.0f} answers, {flips.done} flips"
    failed = errors + flips.failed
    return Figure(name, failed, "failed", "0", failed == 0, spread)

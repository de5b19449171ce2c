"""`python -m benchmarks [name ...]` prints the figures, the machine and its noise."""

from __future__ import annotations

import importlib
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from benchmarks.figure import Figure

ALL = (
    "agent_overhead",
    "injection_accuracy",
    "reaction",
    "prediction",
    "live_bands",
    "overview",
    "store",
    "access",
    "audit",
    "flag_evaluation",
    "ofrep",
    "flag_load",
    "flag_fanout",
    "flag_provider",
)


LONG = ("memory", "fuzz")
"""These take an hour, or ten minutes, and are run only when named."""


def main(names: Sequence[str]) -> int:
    """Returns 1 where a figure misses its bar."""
    unknown = [name for name in names if name not in ALL + LONG]
    if unknown:
        print(f"unknown: {', '.join(unknown)}; known: {', '.join(ALL + LONG)}")
        return 2
    print(machine())
    figures = []
    for name in names or ALL:
        print(f"{name} ...", flush=True)
        before = noise_ms()
        found = importlib.import_module(f"benchmarks.{name}").run()
        figures += found
        print(table(found))
        print(f"noise before and after: {before:.2f} and {noise_ms():.2f} ms\n", flush=True)
    missed = [figure for figure in figures if figure.holds is False]
    print(table(figures))
    print(f"{len(figures)} figures, {len(missed)} missed")
    return 1 if missed else 0


def table(figures: Sequence[Figure]) -> str:
    rows = [("figure", "value", "bar", "held", "spread")]
    for one in figures:
        held = {True: "yes", False: "NO", None: ""}[one.holds]
        rows.append((one.name, f"{one.value:g} {one.unit}", one.bar, held, one.spread))
    lines = [f"| {' | '.join(row)} |" for row in rows]
    return "\n".join([lines[0], "|---|---|---|---|---|", *lines[1:]])


def machine() -> str:
    model = next(
        (line.split(":")[1].strip() for line in _read("/proc/cpuinfo") if line.startswith("model name")), "?"
    )
    system = f"{platform.system()} {platform.release()}"
    return f"{os.cpu_count()} x {model}, {system}, Python {platform.python_version()}"


def noise_ms() -> float:
    """How much longer than the median the slowest of 200 equal pieces of work took, in milliseconds."""
    told = []
    for _ in range(200):
        begun = time.perf_counter()
        sum(range(20_000))
        told.append((time.perf_counter() - begun) * 1000)
    return max(told) - median(told)


def _read(path: str) -> list[str]:
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

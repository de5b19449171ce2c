"""The portal's memory with fifty services over an hour, the Overview page asked for all the time.

Not part of `make bench` without a name: `make bench ARGS=memory`.
"""

from __future__ import annotations

import time

from benchmarks.figure import Figure
from benchmarks.overview import fifty_services, resident_mb

MINUTES = 65
MOST_MB = 150


def run() -> list[Figure]:
    told = []
    with fifty_services() as stage:
        begun = time.monotonic()
        while time.monotonic() < begun + MINUTES * 60:
            stage.client.get("/", headers={"accept": "text/html"}).raise_for_status()
            time.sleep(10)
            told.append(resident_mb(stage))
            if len(told) % 30 == 0:
                print(f"  {(time.monotonic() - begun) / 60:.0f} min: {told[-1]:.0f} MB", flush=True)
    most = max(told)
    spread = f"{told[0]:.0f} at first, {told[-1]:.0f} at last"
    name = f"portal resident memory, 50 services, most of {MINUTES} minutes"
    return [Figure(name, round(most), "MB", f"at most {MOST_MB}", most <= MOST_MB, spread)]

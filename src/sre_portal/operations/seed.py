"""Thirty days of generated sample history for the demo, so that a burn-down has something to show.

It is written marked as seeded, and every page that shows a window with seeded minutes says so.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from random import Random

from sre_portal.contract.histogram import bucket_of
from sre_portal.core.ports import SliRow
from sre_portal.core.signal import Signal
from sre_portal.core.slo import Counts, Slo
from sre_portal.operations.ports import Ports

DAYS = 30
SIGNAL_HOURS = 24
FINE_DAYS = 2
"""Older days are written by the hour, at its first minute: no window looks at them more closely."""

QUIET_DAYS = 4
"""The newest days hold no incident, so that no alert fires over made-up history."""

QUIET_BURN = 0.08

REQUESTS_PER_SECOND: Mapping[str, float] = {"shop": 40.0, "payments": 4.0}
ROUTE_SHARES: Mapping[str, float] = {"/checkout": 0.1, "/catalogue": 0.3, "/charge": 1.0}


async def seed_history(ports: Ports) -> None:
    """Writes the sample once; minutes that are there already are left alone.

    The hours of an SLO are written last: one without them was not finished, or is new.
    """
    now = int(ports.clock.now().timestamp())
    end = now - now % 60
    hours = await ports.reports.sli_hours(end - DAYS * 86400, end)
    seeded = {row.slo for row in hours if row.seeded}
    slos = [slo for slo in ports.catalogue.slos() if slo.name not in seeded]
    if not slos:
        return
    rows = [row for index, slo in enumerate(slos) for row in sample_slis(slo, end, Random(index))]
    services = {slo.spec.service for slo in slos}
    signals = {name: sample_signals(name, end, Random(name)) for name in sorted(services)}
    await ports.reports.seed(rows, signals)


def sample_slis(slo: Slo, end: int, chance: Random) -> Iterator[SliRow]:
    """A month of minutes that spends about a third of the budget, part of it planned."""
    rate = REQUESTS_PER_SECOND.get(slo.spec.service, 10.0) * ROUTE_SHARES.get(slo.spec.route or "", 1.0)
    start, fine = end - DAYS * 86400, end - FINE_DAYS * 86400
    bursts = _bursts(start, end, chance)
    owed = 0.0
    for at, minutes in (
        *((at, 60) for at in range(start, fine, 3600)),
        *((at, 1) for at in range(fine, end, 60)),
    ):
        requests = round(60 * minutes * rate * _daily(at) * chance.uniform(0.97, 1.03))
        burn, planned = bursts.get((at - start) // 3600, (QUIET_BURN, False))
        owed += requests * min(burn * slo.allowed_ratio, 1.0)
        bad = min(int(owed), requests)
        owed -= bad
        yield SliRow(slo.name, at, Counts(requests - bad, bad, bad if planned else 0), seeded=True)


def _bursts(start: int, end: int, chance: Random) -> dict[int, tuple[float, bool]]:
    """Hour of the month -> (burn rate, planned): six bursts of an hour, two of them planned runs."""
    hours = chance.sample(range((end - start) // 3600 - QUIET_DAYS * 24), 6)
    return {
        hour: (chance.uniform(5, 10), True) if index % 3 == 0 else (chance.uniform(15, 40), False)
        for index, hour in enumerate(hours)
    }


def _daily(at: int) -> float:
    """A day's swing of traffic around 1."""
    return 1.0 + 0.12 * math.sin(2 * math.pi * (at % 86400) / 86400)


def sample_signals(service: str, end: int, chance: Random) -> Sequence[Signal]:
    rate = REQUESTS_PER_SECOND.get(service, 10.0)
    minutes = range(end - SIGNAL_HOURS * 3600, end, 60)
    return [_minute(at, round(60 * rate * _daily(at)), chance) for at in minutes]


def _minute(at: int, requests: int, chance: Random) -> Signal:
    latency: dict[int, int] = {}
    for share, milliseconds in ((0.5, 3.0), (0.3, 5.0), (0.15, 12.0), (0.04, 24.0), (0.01, 38.0)):
        bucket = bucket_of(int(milliseconds * chance.uniform(0.9, 1.1) * 1e6))
        latency[bucket] = latency.get(bucket, 0) + round(requests * share)
    return Signal(at, sum(latency.values()), 0, latency, seeded=True)

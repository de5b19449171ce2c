"""The store under load: durable reports, one agent's wait, a month of history, leases told to 50 agents."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from statistics import median, quantiles
from typing import Any

from benchmarks.figure import Figure
from sre_portal.contract.fault import Latency
from sre_portal.contract.histogram import dump_buckets
from sre_portal.contract.lease import Lease, Plan
from sre_portal.contract.match import Match, Share
from sre_portal.contract.report import AgentReport, Second, SliCount
from sre_portal.core.ports import ReportStore, SliRow
from sre_portal.core.signal import Signal
from sre_portal.core.slo import Counts
from sre_portal.store.database import open_store
from sre_portal.store.desk import Desk

AGENTS = 50
SLOS = tuple(f"payments-slo-{number}" for number in range(3))
NOW = datetime(2027, 1, 15, 8, tzinfo=UTC)
START = int(NOW.timestamp())
MONTH_MINUTES = 30 * 24 * 60
LATENCY = {700 + step: 1 + step % 5 for step in range(40)}
ROUNDS = 3

Measure = Callable[[str], Coroutine[Any, Any, float]]
"""Takes the URL of a database that is not there yet."""


class _Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()


def run() -> list[Figure]:
    """All figures, over the embedded SQLite."""
    return [
        _least("reports stored durably, 50 agents", "reports/s", 500, _reports_per_second),
        _most("p99 of a report's wait, 50 agents each second", "ms", 100, _append_p99_ms),
        _most("30 days of 6 SLOs read as hours", "ms", 200, _load_ms),
        _most("30 days of sample history written", "s", 2, _seed_s),
        _most("a grant told to 50 streams", "ms", 5, _fan_out_ms),
    ]


def _least(name: str, unit: str, bar: float, measure: Measure) -> Figure:
    value, spread = _rounds(measure)
    return Figure(name, round(value, 2), unit, f"at least {bar:g}", value >= bar, spread)


def _most(name: str, unit: str, bar: float, measure: Measure) -> Figure:
    value, spread = _rounds(measure)
    return Figure(name, round(value, 2), unit, f"at most {bar:g}", value <= bar, spread)


def _rounds(measure: Measure) -> tuple[float, str]:
    """The median of a few rounds, each on a new file, and the extremes in words."""
    values: list[float] = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="sre-portal-bench-") as folder:
            values.append(asyncio.run(measure(f"sqlite:///{Path(folder, 'portal.sqlite3')}")))
    return median(values), f"{min(values):.2f} to {max(values):.2f}"


def _report(number: int, second: int) -> AgentReport:
    slis = [SliCount(slo, 99, 1, 1) for slo in SLOS]
    told = Second(START + second, 100, 1, dump_buckets(LATENCY), slis)
    return AgentReport("payments", f"payments-{number}", "1.0", second, START, START + second, seconds=[told])


async def _reports_per_second(url: str) -> float:
    """50 agents that each send the next report as soon as the last is acknowledged."""
    each = 40

    async def agent(reports: ReportStore, number: int) -> None:
        for second in range(each):
            await reports.append(_report(number, second), NOW + timedelta(seconds=second))

    async with await open_store(url) as store:
        began = time.perf_counter()
        await asyncio.gather(*(agent(store.reports, number) for number in range(AGENTS)))
        return AGENTS * each / (time.perf_counter() - began)


async def _append_p99_ms(url: str) -> float:
    """50 agents that send one report a second, each at its own moment; minutes are rolled up beside."""
    chance = Random(0)
    waits: list[float] = []

    async def agent(reports: ReportStore, number: int, phase: float) -> None:
        await asyncio.sleep(phase)
        for second in range(8):
            began = time.perf_counter()
            await reports.append(_report(number, 57 + second), NOW + timedelta(seconds=60))
            waits.append((time.perf_counter() - began) * 1000)
            await asyncio.sleep(max(0.0, 1 - (time.perf_counter() - began)))

    async def roll(reports: ReportStore) -> None:
        while True:
            await asyncio.sleep(2)
            await reports.roll_up(START + 180)

    async with await open_store(url) as store:
        rolling = asyncio.create_task(roll(store.reports))
        await asyncio.gather(*(agent(store.reports, number, chance.random()) for number in range(AGENTS)))
        rolling.cancel()
        with suppress(asyncio.CancelledError):
            await rolling
    return quantiles(waits, n=100)[98]


def _month() -> tuple[list[SliRow], dict[str, list[Signal]]]:
    minutes = [START - 60 * minute for minute in range(MONTH_MINUTES, 0, -1)]
    slis = [SliRow(f"slo-{slo}", at, Counts(5990, 10, 0)) for slo in range(6) for at in minutes]
    signals = {
        name: [Signal(at, 6000, 10, {700 + step: 1200 for step in range(5)}) for at in minutes]
        for name in ("shop", "payments")
    }
    return slis, signals


async def _seed_s(url: str) -> float:
    slis, signals = _month()
    async with await open_store(url) as store:
        began = time.perf_counter()
        await store.reports.seed(slis, signals)
        return time.perf_counter() - began


async def _load_ms(url: str) -> float:
    slis, _ = _month()
    async with await open_store(url) as store:
        await store.reports.seed(slis, {})
        began = time.perf_counter()
        rows = await store.reports.sli_hours(START - 35 * 86400, START)
        took = time.perf_counter() - began
        if sum(row.counts.total for row in rows) != 6000 * len(slis):
            raise AssertionError("the hours do not add up to the minutes")
        return took * 1000


async def _fan_out_ms(_url: str) -> float:
    """From the call that grants a lease to the moment the last of 50 streams has its plan."""
    desk = Desk(_Clock())
    told: list[float] = []

    async def agent(plans: "asyncio.Queue[None]", number: int) -> None:
        async for plan in desk.plans("payments", f"payments-{number}"):
            if _holds_lease(plan):
                told.append(time.perf_counter())
                return
            plans.put_nowait(None)

    ready: asyncio.Queue[None] = asyncio.Queue()
    agents = [asyncio.create_task(agent(ready, number)) for number in range(AGENTS)]
    for _number in range(AGENTS):
        await ready.get()
    lease = Lease("lease-1", 1, Latency(800.0), Match(), Share(), 0.0)
    began = time.perf_counter()
    desk.grant("payments", [lease], _Clock().now() + timedelta(seconds=5))
    await asyncio.gather(*agents)
    return (max(told) - began) * 1000


def _holds_lease(plan: Plan) -> bool:
    return bool(plan.leases)


if __name__ == "__main__":
    for figure in run():
        print(figure)

"""Fills the board from the store: everything at start, then the last seconds on every pass."""

from __future__ import annotations

from datetime import datetime

from sre_portal.core.alert import SETTLE_SECONDS
from sre_portal.operations.ports import Ports

HOUR = 3600
DAY = 24 * HOUR
LATE_SECONDS = 15
"""So far back the seconds are read again: reports may come late. What comes later yet is noted."""
FAST_SECONDS = 4
"""Passes between two whole seconds read only this far back."""


def judged_second(now: datetime) -> int:
    """The end of the last whole second whose reports have had time to arrive."""
    return int(now.timestamp() - SETTLE_SECONDS)


async def load_board(ports: Ports) -> None:
    """Hours of 35 days, minutes of the last day, seconds of the last hour.

    Older minutes are not read: it would make every start three times as long. So the three-day window starts
    at a whole hour until the portal has run for three days.
    """
    now = int(ports.clock.now().timestamp())
    for row in await ports.reports.sli_hours(now - 35 * DAY, now + 1):
        ports.board.sli(row.slo).put_hour(row.at, row.counts, seeded=row.seeded)
    for row in await ports.reports.sli_minutes(now - DAY - 2 * HOUR, now + 1):
        ports.board.sli(row.slo).put_minute(row.at, row.counts)
    for name, signals in (await ports.reports.signal_minutes(None, now - HOUR, now + 1)).items():
        for signal in signals:
            ports.board.service(name).put_minute(signal)
    await _read_seconds(ports, now - HOUR, now)


async def refresh_board(ports: Ports, *, fast: bool = False) -> None:
    """Reads the last seconds again: they can still change. Unless `fast`, also what was told yet later."""
    now = int(ports.clock.now().timestamp())
    if fast:
        await _read_seconds(ports, now - FAST_SECONDS, now)
        return
    late_from, ports.watch.late_from = ports.watch.late_from, None
    start = now - LATE_SECONDS if late_from is None else min(late_from, now - LATE_SECONDS)
    try:
        await _read_seconds(ports, start, now)
    except BaseException:
        note_told(ports, start)
        raise


def note_told(ports: Ports, at: int) -> bool:
    """A second has been stored. Whether that was so late that the next pass would not look at it."""
    late = at < ports.clock.now().timestamp() - LATE_SECONDS + FAST_SECONDS
    if late:
        ports.watch.late_from = at if ports.watch.late_from is None else min(at, ports.watch.late_from)
    return late


async def refresh_minutes(ports: Ports) -> None:
    """The minutes and hours that the last roll-up may have written."""
    now = int(ports.clock.now().timestamp())
    for row in await ports.reports.sli_minutes(now - 2 * HOUR, now + 1):
        ports.board.sli(row.slo).put_minute(row.at, row.counts)
    for row in await ports.reports.sli_hours(now - now % HOUR - 2 * HOUR, now + 1):
        ports.board.sli(row.slo).put_hour(row.at, row.counts, seeded=row.seeded)
    for name, signals in (await ports.reports.signal_minutes(None, now - 10 * 60, now + 1)).items():
        for signal in signals:
            ports.board.service(name).put_minute(signal)


async def _read_seconds(ports: Ports, start: int, now: int) -> None:
    for row in await ports.reports.slis_since(start):
        ports.board.sli(row.slo).put_second(row.at, row.counts)
    for name, signals in (await ports.reports.signals(None, max(start, now - 5 * 60), now + 5)).items():
        for signal in signals:
            ports.board.service(name).put_second(signal)

"""The p99 of the last hour in a table cell, against its objective."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from sre_portal.core.slo import LatencySli
from sre_portal.operations.ports import Ports
from sre_portal.web.pages.figures import milliseconds
from sre_portal.web.pages.plot import Plot, Rule, Scale, headroom, line, stretch
from sre_portal.web.pages.recent import memo_of
from sre_portal.web.pages.standing import Standing

HEIGHT = 28
MINUTE = 60
HOUR = 3600


def spark(ports: Ports, one: Standing, now: datetime) -> Plot:
    """Whole minutes, so that the line stays as it is until the next one begins."""
    end = int(now.timestamp()) // MINUTE * MINUTE + MINUTE
    plot = memo_of(ports).once(("spark", one.service), end, lambda: _drawn(ports, one, end))
    run = one.run
    if run is None or not run.harmful or run.effective_at is None:
        return plot
    since = 1 - (end - run.effective_at.timestamp()) / HOUR
    return replace(plot, stretches=(stretch("faulted", max(since, 0.0), 1.0, least=0.02),))


def _drawn(ports: Ports, one: Standing, end: int) -> Plot:
    start = end - HOUR
    points = ports.board.service(one.service).minutes(start, end)
    objective = objective_ms(one)
    scale = Scale(headroom([*(point.p99_ms for point in points), objective], 1.0), 0, HEIGHT)
    drawn = [((point.at + MINUTE - start) / HOUR, point.p99_ms) for point in points]
    title = f"p99 of {one.service}, last 60 min" + (
        f", objective {milliseconds(objective)}" if objective else ""
    )
    rules = (Rule(scale.pixel(objective), "", "0", "0"),) if objective else ()
    return Plot(title, HEIGHT, 0, HEIGHT, (line("measured", drawn, scale),), rules=rules)


def objective_ms(one: Standing) -> float | None:
    """The threshold of the service's strictest latency SLO."""
    found = [slo.slo.spec.sli.threshold for slo in one.slos if isinstance(slo.slo.spec.sli, LatencySli)]
    return min(found) / timedelta(milliseconds=1) if found else None

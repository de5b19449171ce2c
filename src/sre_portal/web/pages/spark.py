"""The p99 of the last hour in a table cell, against its objective."""

from __future__ import annotations

from datetime import datetime, timedelta

from sre_portal.core.slo import LatencySli
from sre_portal.operations.board import judged_second
from sre_portal.operations.ports import Ports
from sre_portal.web.pages.figures import milliseconds
from sre_portal.web.pages.plot import Plot, Rule, Scale, Stretch, headroom, line, stretch
from sre_portal.web.pages.standing import Standing

HEIGHT = 28
HOUR = 3600


def spark(ports: Ports, one: Standing, now: datetime) -> Plot:
    end = judged_second(now)
    start = end - HOUR
    points = ports.board.service(one.service).minutes(start, end)
    objective = objective_ms(one)
    scale = Scale(headroom([*(point.p99_ms for point in points), objective], 1.0), 0, HEIGHT)
    drawn = [((point.at + 30 - start) / HOUR, point.p99_ms) for point in points]
    active = one.run is not None and one.run.harmful and one.run.effective_at is not None
    faulted: tuple[Stretch, ...] = ()
    if active and one.run and one.run.effective_at:
        since = (one.run.effective_at.timestamp() - start) / HOUR
        faulted = (stretch("faulted", max(since, 0.0), 1.0, least=0.02),)
    title = f"p99 of {one.service}, last 60 min" + (
        f", objective {milliseconds(objective)}" if objective else ""
    )
    rules = (Rule(scale.pixel(objective), "", "0", "0"),) if objective else ()
    return Plot(title, HEIGHT, 0, HEIGHT, (line("measured", drawn, scale),), faulted, rules=rules)


def objective_ms(one: Standing) -> float | None:
    """The threshold of the service's strictest latency SLO."""
    found = [slo.slo.spec.sli.threshold for slo in one.slos if isinstance(slo.slo.spec.sli, LatencySli)]
    return min(found) / timedelta(milliseconds=1) if found else None

"""Probes and metrics: open to everybody, they hold no name of a person and no secret."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from sre_portal.core.alert import AlertState
from sre_portal.core.errors import StoreUnavailable
from sre_portal.core.slo import budget, burn_rate
from sre_portal.operations.board import judged_second
from sre_portal.operations.ports import Ports
from sre_portal.web.context import ports_of

STALE_SECONDS = 5


async def healthz(_: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """The database answers and the loop has passed lately."""
    ports = ports_of(request)
    try:
        await ports.runs.recent(limit=1)
    except StoreUnavailable as failure:
        return PlainTextResponse(f"database: {failure}\n", 503)
    age = judged_second(ports.clock.now()) - ports.watch.evaluated
    if age > STALE_SECONDS:
        return PlainTextResponse(f"the loop has not passed for {age} s\n", 503)
    return PlainTextResponse("ready\n")


async def metrics(request: Request) -> Response:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(ports_of(request)))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Collector:
    """Reads the ports when asked: nothing is counted twice."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports

    def collect(self) -> Iterator[Metric]:
        watch = self.ports.watch
        leases = sum(len(leases) for leases in self.ports.desk.active().values())
        yield GaugeMetricFamily("sre_portal_live_runs", "Runs that are not done.", value=len(watch.live))
        yield GaugeMetricFamily("sre_portal_active_leases", "Leases in force.", value=leases)
        yield GaugeMetricFamily(
            "sre_portal_agents", "Instances whose agent reports.", value=len(watch.instances)
        )
        yield CounterMetricFamily(
            "sre_portal_refused_agents", "Agent requests refused for their token.", value=watch.refused_agents
        )
        yield CounterMetricFamily(
            "sre_portal_failed_passes", "Passes of a loop that failed.", value=watch.failures
        )
        yield from self._slos()
        yield self._alerts()

    def _slos(self) -> Iterator[Metric]:
        left = GaugeMetricFamily(
            "sre_portal_budget_left_ratio", "Error budget left, 1 is all of it.", labels=["slo", "service"]
        )
        burning = GaugeMetricFamily(
            "sre_portal_burn_rate", "Error budget burn rate.", labels=["slo", "service", "window"]
        )
        now = judged_second(self.ports.clock.now())
        for slo in self.ports.catalogue.slos():
            series = self.ports.board.sli(slo.name)
            left.add_metric([slo.name, slo.spec.service], budget(series, slo, now).left_ratio)
            for window, seconds in (("5m", 300), ("1h", 3600), ("6h", 21600), ("3d", 259200)):
                rate = burn_rate(series.counts(now - seconds, now), slo)
                if rate is not None:
                    burning.add_metric([slo.name, slo.spec.service, window], rate)
        yield left
        yield burning

    def _alerts(self) -> Metric:
        firing = GaugeMetricFamily(
            "sre_portal_alert_firing", "1 while the alert fires.", labels=["slo", "alert"]
        )
        for (slo, name), alert in self.ports.watch.alerts.items():
            firing.add_metric([slo, name], float(alert.state is AlertState.FIRING))
        return firing

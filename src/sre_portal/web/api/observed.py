"""What is seen: services, their signals, and alerts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import Query, Request
from pydantic import BaseModel

from sre_portal.contract.histogram import quantile_ms
from sre_portal.core.errors import NotFound
from sre_portal.core.instance import Instance
from sre_portal.core.slo import Budget, Slo, budget, burn_rate
from sre_portal.operations.board import judged_second
from sre_portal.operations.ports import Ports
from sre_portal.web.context import ports_of

WINDOWS = {"5m": 300, "30m": 1800, "1h": 3600, "2h": 7200, "6h": 21600, "1d": 86400, "3d": 259200}


class SloJson(BaseModel):
    name: str
    objective_percent: float
    window_seconds: float
    budget: Budget
    burn_rates: dict[str, float | None]


class ServiceJson(BaseModel):
    name: str
    requests_per_second: float
    error_ratio: float | None
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    over_seconds: int
    active_leases: int
    slos: list[SloJson]
    instances: list[Instance]


class SignalJson(BaseModel):
    at: int
    requests: int
    errors: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


class AlertJson(BaseModel):
    slo: str
    service: str
    alert: str
    severity: str
    state: str
    value: float | None
    pending_at: datetime | None
    firing_at: datetime | None
    resolved_at: datetime | None


async def services(request: Request) -> list[ServiceJson]:
    """Every service that has an SLO or an agent, with the signals of the last ten seconds."""
    ports = ports_of(request)
    return [_service(ports, name) for name in names_of(ports)]


async def service(request: Request, name: str) -> ServiceJson:
    ports = ports_of(request)
    if name not in names_of(ports):
        raise NotFound("service", name)
    return _service(ports, name)


async def signals(
    request: Request, name: str, seconds: Annotated[int, Query(ge=1, le=3600)] = 300
) -> list[SignalJson]:
    """A service's signals by second, oldest first; only seconds in which it was counted."""
    ports = ports_of(request)
    if name not in names_of(ports):
        raise NotFound("service", name)
    end = judged_second(ports.clock.now())
    found = await ports.reports.signals([name], end - seconds, end)
    return [
        SignalJson(
            at=one.at,
            requests=one.requests,
            errors=one.errors,
            p50_ms=quantile_ms(one.latency, 0.5),
            p95_ms=quantile_ms(one.latency, 0.95),
            p99_ms=quantile_ms(one.latency, 0.99),
        )
        for one in found.get(name, ())
    ]


async def alerts(request: Request) -> list[AlertJson]:
    """Every embedded alert and where it stands."""
    return [
        AlertJson(
            slo=one.slo,
            service=one.service,
            alert=one.rule.name,
            severity=one.rule.severity,
            state=one.state.value,
            value=one.value,
            pending_at=one.pending_at,
            firing_at=one.firing_at,
            resolved_at=one.resolved_at,
        )
        for one in ports_of(request).watch.alerts.values()
    ]


def names_of(ports: Ports) -> list[str]:
    """Every service there is: named by an SLO, or told by an agent."""
    return sorted(
        {slo.spec.service for slo in ports.catalogue.slos()} | {one.service for one in ports.watch.instances}
    )


def _service(ports: Ports, name: str) -> ServiceJson:
    end = judged_second(ports.clock.now())
    seen = ports.board.service(name).over(end - 10, end)
    return ServiceJson(
        name=name,
        requests_per_second=seen.requests / 10,
        error_ratio=seen.errors / seen.requests if seen.requests else None,
        p50_ms=quantile_ms(seen.latency, 0.5),
        p95_ms=quantile_ms(seen.latency, 0.95),
        p99_ms=quantile_ms(seen.latency, 0.99),
        over_seconds=10,
        active_leases=len(ports.desk.active().get(name, ())),
        slos=[_slo(ports, slo, end) for slo in ports.catalogue.slos() if slo.spec.service == name],
        instances=[one for one in ports.watch.instances if one.service == name],
    )


def _slo(ports: Ports, slo: Slo, end: int) -> SloJson:
    series = ports.board.sli(slo.name)
    return SloJson(
        name=slo.name,
        objective_percent=float(slo.spec.objective),
        window_seconds=slo.spec.window.total_seconds(),
        budget=budget(series, slo, end),
        burn_rates={name: burn_rate(series.counts(end - span, end), slo) for name, span in WINDOWS.items()},
    )

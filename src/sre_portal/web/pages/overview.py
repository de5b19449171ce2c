"""What is at risk right now: one row a service, worst first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.access import Permission, Principal
from sre_portal.core.alert import Alert
from sre_portal.core.crossing import windows_of
from sre_portal.core.run import Run
from sre_portal.operations.board import judged_second
from sre_portal.operations.ports import Ports
from sre_portal.web import render
from sre_portal.web.context import ports_of, principal_of
from sre_portal.web.pages.banner import Banner, banners
from sre_portal.web.pages.figures import (
    Burn,
    Figure,
    Moment,
    burn,
    instant,
    milliseconds,
    moment,
    percent,
    plural,
    rate,
    span,
)
from sre_portal.web.pages.frame import May, permission
from sre_portal.web.pages.pill import Pill, pill, run_pill
from sre_portal.web.pages.plot import Plot
from sre_portal.web.pages.proof import Detection, detection_of
from sre_portal.web.pages.spark import spark
from sre_portal.web.pages.standing import Meter, Severity, Standing, meter_of, standings, window_of
from sre_portal.web.pages.wording import fault_words, share_words

VERDICTS_SHOWN = 5


@dataclass(frozen=True, slots=True)
class ActiveFault:
    words: str
    sub: str
    href: str


@dataclass(frozen=True, slots=True)
class Row:
    id: str
    name: str
    sub: str
    tone: str
    """`harm`, `stale` or nothing."""
    pill: Pill
    meter: Meter | None
    budget_name: str
    burn_5m: Burn
    burn_1h: Burn
    requests: Figure
    errors: Figure
    p99: Figure
    spark: Plot
    fault: ActiveFault | None
    fault_none: str
    alert: str

    @classmethod
    def of(cls, ports: Ports, one: Standing, now: datetime) -> Row:
        worst = one.worst
        lease = one.leases[0] if one.leases else None
        fault = None
        if lease is not None:
            words, share = fault_words(lease.fault), share_words(lease.share)
            fault = ActiveFault(words, share, f"/runs/{lease.run_id}")
        stale = one.severity in {Severity.STALE, Severity.SILENT}
        return cls(
            id=f"service-{one.service}",
            name=one.service,
            sub=plural(len(one.instances), "instance"),
            tone="harm" if one.leases else "stale" if stale else "",
            pill=one.pill,
            meter=meter_of(worst.budget, worst.slo.name) if worst else None,
            budget_name=f"Budget left, {window_of(worst.budget, worst.slo)}" if worst else "",
            burn_5m=burn(worst_burn([slo.burn_5m for slo in one.slos])),
            burn_1h=burn(worst_burn([slo.burn_1h for slo in one.slos])),
            requests=rate(one.recent.per_second),
            errors=percent(one.recent.error_ratio),
            p99=milliseconds(one.recent.p99_ms),
            spark=spark(ports, one, now),
            fault=fault,
            fault_none="unknown" if stale else "none",
            alert=f"{one.firing[0].rule.name} firing" if one.firing else "",
        )


@dataclass(frozen=True, slots=True)
class FiringAlert:
    name: str
    sub: str
    pill: Pill
    since: str

    @classmethod
    def of(cls, alert: Alert, run: Run | None, now: datetime, *, by_runs: bool = False) -> FiringAlert:
        ours = (
            run is not None and run.effective_at is not None and (alert.firing_at or now) >= run.effective_at
        )
        if run and ours:
            cause = pill("planned", f"run {run.id}")
        else:
            cause = pill("planned", "by runs") if by_runs else pill("risk", "organic")
        since = span(now - alert.firing_at) if alert.firing_at else "unknown"
        return cls(alert.slo, f"{alert.rule.name}, {alert.rule.severity}", cause, since)


def burnt_by_runs(ports: Ports, alert: Alert) -> bool:
    """Whether most of what an alert looks at was bad because of a fault."""
    end = judged_second(ports.clock.now())
    counts = ports.board.sli(alert.slo).counts(end - windows_of(alert.rule)[1], end)
    return counts.planned > counts.organic


@dataclass(frozen=True, slots=True)
class LastVerdict:
    href: str
    title: str
    at: Moment
    pill: Pill
    detection: Detection

    @classmethod
    def of(cls, run: Run, now: datetime) -> LastVerdict:
        at = moment(run.ended_at or run.created_at, now)
        return cls(
            f"/runs/{run.id}", f"{run.id} {run.experiment.title}", at, run_pill(run), detection_of(run)
        )


@dataclass(frozen=True, slots=True)
class OverviewPage:
    summary: str
    show: str
    query: str
    all_count: int
    risk_count: int
    banners: tuple[Banner, ...]
    abort: May
    rows: tuple[Row, ...]
    firing: tuple[FiringAlert, ...]
    verdicts: tuple[LastVerdict, ...]
    seeded: bool
    counted_at: Moment

    @classmethod
    def of(
        cls, ports: Ports, who: Principal, recent: Sequence[Run], show: str = "all", query: str = ""
    ) -> OverviewPage:
        now = ports.clock.now()
        found = standings(ports)
        risky = [one for one in found if one.severity < Severity.HEALTHY]
        shown = [one for one in (risky if show == "risk" else found) if query.lower() in one.service.lower()]
        firing = sorted(
            (alert for one in found for alert in one.firing), key=lambda alert: alert.firing_at or now
        )
        run_on = {one.service: one.run for one in found}
        done = [run for run in recent if not run.live][:VERDICTS_SHOWN]
        return cls(
            summary=summary_of(found),
            show=show,
            query=query,
            all_count=len(found),
            risk_count=len(risky),
            banners=banners(ports, now),
            abort=permission(who, Permission.RUN_ABORT),
            rows=tuple(Row.of(ports, one, now) for one in shown),
            firing=tuple(
                FiringAlert.of(alert, run_on.get(alert.service), now, by_runs=burnt_by_runs(ports, alert))
                for alert in firing
            ),
            verdicts=tuple(LastVerdict.of(run, now) for run in done),
            seeded=ports.seeded or any(one.seeded for one in found),
            counted_at=instant(max((one.heard_at for one in found if one.heard_at), default=now)),
        )


async def overview(request: Request) -> Response:
    ports = ports_of(request)
    show = "risk" if request.query_params.get("show") == "risk" else "all"
    query = request.query_params.get("q", "")[:64]
    recent = await ports.runs.recent(limit=VERDICTS_SHOWN + 3)
    view = OverviewPage.of(ports, principal_of(request), recent, show, query)
    return render.page(request, "overview.html", view, live=f"/live/overview?show={show}")


def worst_burn(burns: Sequence[float | None]) -> float | None:
    return max((one for one in burns if one is not None), default=None)


def summary_of(found: Sequence[Standing]) -> str:
    """`8 services: 1 under fault, 2 short of budget, 1 stale`."""
    counts = (
        (sum(one.severity is Severity.FAULT for one in found), "under fault"),
        (sum(one.severity in {Severity.SPENT, Severity.SHORT} for one in found), "short of budget"),
        (sum(one.severity is Severity.BURNING for one in found), "burning"),
        (sum(one.severity in {Severity.STALE, Severity.SILENT} for one in found), "not heard of"),
    )
    said = ", ".join(f"{number} {words}" for number, words in counts if number)
    return f"{plural(len(found), 'service')}: {said or 'all healthy'}"

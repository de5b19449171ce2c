"""How one service is doing, and how to test it; and the list of all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.alert import AlertChange
from sre_portal.core.errors import NotFound
from sre_portal.core.flag_name import service_of
from sre_portal.core.run import Run
from sre_portal.core.signal import SignalPoint
from sre_portal.operations.board import judged_second
from sre_portal.operations.ports import Ports
from sre_portal.web import render
from sre_portal.web.context import ports_of, principal_of
from sre_portal.web.pages.alert_row import AlertTable
from sre_portal.web.pages.axis import Axis
from sre_portal.web.pages.budget_card import BudgetCard
from sre_portal.web.pages.event import Event, Marker, events_of, flags_of, markers_of, stretches_of
from sre_portal.web.pages.figures import Moment, from_epoch, moment, plural
from sre_portal.web.pages.flag_event import flag_events
from sre_portal.web.pages.golden import RANGES, Chart, Range, golden_charts, summed
from sre_portal.web.pages.instance_row import InstanceRow
from sre_portal.web.pages.pill import Pill
from sre_portal.web.pages.quick_fault import QuickFault, held_by
from sre_portal.web.pages.recent import memo_of
from sre_portal.web.pages.standing import Severity, Standing, service_names, standing, standings
from sre_portal.web.pages.window import Window
from sre_portal.web.pages.wording import experiment_words, objective_words

RUNS_LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class History:
    """What a service page needs from the store."""

    runs: tuple[Run, ...]
    """Of this service, newest first."""
    changes: tuple[AlertChange, ...]
    points: tuple[SignalPoint, ...]
    flags: tuple[Event, ...] = ()
    """What happened to its flags."""


@dataclass(frozen=True, slots=True)
class Tab:
    href: str
    words: str
    current: bool


@dataclass(frozen=True, slots=True)
class ServicePage:
    name: str
    sub: str
    pill: Pill
    run_id: int | None
    run_words: str
    tabs: tuple[Tab, ...]
    charts: tuple[Chart, ...]
    knots: str
    markers: tuple[Marker, ...]
    budgets: tuple[BudgetCard, ...]
    instances: tuple[InstanceRow, ...]
    alerts: AlertTable
    seeded: bool
    source: str
    flags: int
    """Flags of the service, in all environments."""
    quick: QuickFault | None = None
    """Not part of what is kept fresh: a person is typing in it."""
    held: str = ""

    @classmethod
    def of(cls, ports: Ports, one: Standing, history: History, shown: Range) -> ServicePage:
        now = ports.clock.now()
        end = judged_second(now)
        axis = Axis(end - shown.seconds, end)
        events = events_of(history.runs, history.changes, axis, history.flags)
        window = Window(axis, shown.step, stretches_of(history.runs, axis), flags_of(events, axis))
        return cls(
            name=one.service,
            sub=subtitle(one),
            pill=one.pill,
            run_id=one.run.id if one.run else None,
            run_words=experiment_words(one.run.experiment) if one.run else "",
            tabs=tuple(Tab(f"?range={it.name}", it.words, it == shown) for it in RANGES),
            charts=golden_charts(ports, one, history.points, window),
            knots=window.knots,
            markers=markers_of(events),
            budgets=tuple(BudgetCard.of(ports, slo) for slo in one.slos),
            instances=tuple(InstanceRow.of(ports, instance, one, now) for instance in one.instances),
            alerts=AlertTable.of(one, history.runs),
            seeded=ports.seeded or one.seeded,
            source="Counted by the agents, summed over instances, UTC.",
            flags=flags_of_service(ports, one.service),
            held=held_by(ports, one.service),
        )


@dataclass(frozen=True, slots=True)
class ServiceRow:
    name: str
    pill: Pill
    objectives: tuple[str, ...]
    instances: str
    versions: str
    routes: str
    flags: int
    heard: Moment | None

    @classmethod
    def of(cls, one: Standing, flags: int, now: datetime) -> ServiceRow:
        routes = {route for instance in one.instances for route in instance.routes}
        return cls(
            name=one.service,
            pill=one.pill,
            objectives=tuple(objective_words(slo.slo) for slo in one.slos),
            instances=plural(len(one.instances), "instance"),
            versions=", ".join(sorted({instance.version for instance in one.instances})) or "none",
            routes=plural(len(routes), "route"),
            flags=flags,
            heard=moment(one.heard_at, now) if one.heard_at else None,
        )


@dataclass(frozen=True, slots=True)
class ServicesPage:
    summary: str
    rows: tuple[ServiceRow, ...]

    @classmethod
    def of(cls, ports: Ports) -> ServicesPage:
        found = sorted(standings(ports), key=lambda one: one.service)
        well = sum(one.severity is Severity.HEALTHY for one in found)
        now = ports.clock.now()
        summary = f"{plural(len(found), 'service')}, {well} healthy"
        rows = (ServiceRow.of(one, flags_of_service(ports, one.service), now) for one in found)
        return cls(summary, tuple(rows))


async def services(request: Request) -> Response:
    return render.page(request, "services.html", ServicesPage.of(ports_of(request)))


async def service(request: Request) -> Response:
    ports, who = ports_of(request), principal_of(request)
    name, shown = service_in(request), range_in(request.query_params)
    view = await service_page(ports, name, shown)
    view = replace(view, quick=QuickFault.of(ports, who, name, request.query_params))
    return render.page(request, "service.html", view, live=f"/live/services/{name}?range={shown.name}")


async def service_page(ports: Ports, name: str, shown: Range) -> ServicePage:
    one = standing(ports, name)
    return ServicePage.of(ports, one, await history_of(ports, one, shown), shown)


async def history_of(ports: Ports, one: Standing, shown: Range) -> History:
    end = judged_second(ports.clock.now())
    start = from_epoch(end - shown.seconds)
    recent = [run for run in await ports.runs.recent(RUNS_LOOKED_AT, service=one.service) if not run.live]
    changes = [change for change in await ports.alerts.changes(start) if change.service == one.service]
    live = (one.run,) if one.run else ()
    flags = await flag_events(ports, one.service, start, shown.name)
    points = await points_of(ports, one.service, end, shown)
    return History((*live, *recent), tuple(changes), points, tuple(flags))


async def points_of(ports: Ports, name: str, end: int, shown: Range) -> tuple[SignalPoint, ...]:
    """Seconds and minutes are in memory; a day is read from the store and summed to the step."""
    series = ports.board.service(name)
    start = end - shown.seconds
    if shown.step == 1:
        return series.seconds(start, end)
    if shown.step == 60:
        return series.minutes(start, end)

    async def read() -> tuple[SignalPoint, ...]:
        found = await ports.reports.signal_minutes([name], start, end)
        return summed(found.get(name, ()), shown.step)

    return await memo_of(ports).once_read(("day", name), end // 60, read)


def range_in(query: Mapping[str, str]) -> Range:
    return next((one for one in RANGES if one.name == query.get("range")), RANGES[0])


def service_in(request: Request) -> str:
    """The service in the path. Raises `NotFound`."""
    name = str(request.path_params["name"])
    if name not in service_names(ports_of(request)):
        raise NotFound("service", name)
    return name


def flags_of_service(ports: Ports, name: str) -> int:
    """How many flags a service has, in all environments."""
    return sum(len(one.flags) for one in ports.flag_book.all() if service_of(one.name) == name)


def subtitle(one: Standing) -> str:
    versions = ", ".join(sorted({instance.version for instance in one.instances}))
    agents = (
        f"{plural(len(one.instances), 'instance')}, agent {versions}"
        if one.instances
        else "no agent has reported"
    )
    return f"{plural(len(one.slos), 'SLO')}, {agents}."

"""How a service stands right now: budget, burn, what is broken on purpose, what fires. Memory only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from typing import TypeVar

from sre_portal.contract.lease import Lease
from sre_portal.core.alert import BURN_RATE_RULES, Alert, AlertState
from sre_portal.core.instance import Instance
from sre_portal.core.run import Run
from sre_portal.core.slo import Budget, Slo, budget, burn_rate
from sre_portal.operations.board import judged_second
from sre_portal.operations.ports import Ports
from sre_portal.web.pages.figures import Figure, percent, span
from sre_portal.web.pages.pill import Pill, pill
from sre_portal.web.pages.recent import Recent, memo_of, recent_of

AT_RISK_RATIO = 0.25
"""Less of a budget than this is at risk."""
BURN_SECONDS = (300, 3600, 6 * 3600)
BUDGET_EVERY_SECONDS = 5
RECENT_EVERY_SECONDS = 2
STALE_AFTER = timedelta(seconds=5)

One = TypeVar("One")


class Severity(IntEnum):
    """Worst first."""

    FAULT = 0
    SPENT = 1
    BURNING = 2
    SHORT = 3
    STALE = 4
    SILENT = 5
    HEALTHY = 6


@dataclass(frozen=True, slots=True)
class SloStanding:
    slo: Slo
    budget: Budget
    burn_5m: float | None
    burn_1h: float | None
    burn_6h: float | None
    alerts: tuple[Alert, ...]

    @property
    def firing(self) -> tuple[Alert, ...]:
        return tuple(alert for alert in self.alerts if alert.state is AlertState.FIRING)

    @property
    def is_paging(self) -> bool:
        """It burns as fast as what pages somebody, though no alert has fired yet."""
        return self.burn_5m is not None and self.burn_5m >= PAGING_BURN


PAGING_BURN = BURN_RATE_RULES[0].factor


@dataclass(frozen=True, slots=True)
class Moment:
    """What is known now, sorted by what it belongs to: a page of many services looks through it once."""

    ports: Ports
    now: datetime
    second: int
    slos: Mapping[str, Sequence[Slo]]
    leases: Mapping[str, Sequence[Lease]]
    instances: Mapping[str, Sequence[Instance]]
    alerts: Mapping[str, Sequence[Alert]]

    @classmethod
    def of(cls, ports: Ports) -> Moment:
        now = ports.clock.now()
        return cls(
            ports=ports,
            now=now,
            second=judged_second(now),
            slos=grouped(ports.catalogue.slos(), lambda slo: slo.spec.service),
            leases=ports.desk.active(),
            instances=grouped(ports.watch.instances, lambda one: one.service),
            alerts=grouped(ports.watch.alerts.values(), lambda alert: alert.slo),
        )


@dataclass(frozen=True, slots=True)
class Standing:
    service: str
    slos: tuple[SloStanding, ...]
    leases: tuple[Lease, ...]
    instances: tuple[Instance, ...]
    run: Run | None
    """The live run on this service."""
    recent: Recent
    heard_at: datetime | None
    silence: timedelta | None
    severity: Severity

    @property
    def worst(self) -> SloStanding | None:
        return min(self.slos, key=lambda one: one.budget.left_ratio, default=None)

    @property
    def firing(self) -> tuple[Alert, ...]:
        return tuple(alert for one in self.slos for alert in one.firing)

    @property
    def seeded(self) -> bool:
        return any(one.budget.seeded for one in self.slos)

    @property
    def pill(self) -> Pill:
        match self.severity:
            case Severity.FAULT:
                return pill("harm", "Fault active")
            case Severity.SPENT:
                return pill("risk", "Budget spent")
            case Severity.BURNING:
                return pill("risk", "Burning")
            case Severity.SHORT:
                return pill("risk", "Budget at risk")
            case Severity.STALE:
                return pill("stale", f"Stale {span(self.silence or timedelta(0))}")
            case Severity.SILENT:
                return pill("stale", "No agent yet")
            case Severity.HEALTHY:
                return pill("ok", "Healthy")


@dataclass(frozen=True, slots=True)
class Meter:
    """A budget as a bar: left, then organic burn, then planned burn. Widths are percentages."""

    title: str
    figure: Figure
    left: str
    organic: str
    planned: str
    planned_x: str
    at_risk: bool


def service_names(ports: Ports) -> list[str]:
    """Every service that an SLO, an agent or an experiment names."""
    names = {slo.spec.service for slo in ports.catalogue.slos()}
    names |= {instance.service for instance in ports.watch.instances}
    names |= {experiment.spec.target.service for experiment in ports.catalogue.experiments()}
    return sorted(names)


def standings(ports: Ports) -> list[Standing]:
    """Every service, worst first."""
    moment = Moment.of(ports)
    found = [standing_at(moment, name) for name in service_names(ports)]
    return sorted(found, key=_worst_first)


def standing(ports: Ports, service: str) -> Standing:
    return standing_at(Moment.of(ports), service)


def standing_at(moment: Moment, service: str) -> Standing:
    ports = moment.ports
    slos = tuple(slo_standing(moment, slo) for slo in moment.slos.get(service, ()))
    leases = tuple(moment.leases.get(service, ()))
    told = tuple(moment.instances.get(service, ()))
    # Those that were replaced are of no interest while others live.
    instances = tuple(one for one in told if one.is_live(moment.now)) or told
    heard_at = max((one.seen_at for one in instances), default=None)
    silence = None if heard_at is None else moment.now - heard_at
    since = min((one.started_at for one in instances), default=moment.now).timestamp()
    turn = (moment.second + sum(service.encode())) // RECENT_EVERY_SECONDS
    recent = memo_of(ports).once(
        ("recent", service), turn, lambda: recent_of(ports, service, moment.second, since)
    )
    run = next((run for run in ports.watch.live.values() if run.service == service), None)
    severity = judge_severity(slos, silence, faulted=bool(leases))
    return Standing(service, slos, leases, instances, run, recent, heard_at, silence, severity)


def slo_standing(moment: Moment, slo: Slo) -> SloStanding:
    ports, second, memo = moment.ports, moment.second, memo_of(moment.ports)
    burns = memo.once(("burns", slo.name), second, lambda: _burns(ports, slo, second))
    # A budget of days moves slowly. Each is worked out every few seconds, and not all in the same one.
    turn = (second + sum(slo.name.encode())) // BUDGET_EVERY_SECONDS
    left = memo.once(("budget", slo.name), turn, lambda: budget(ports.board.sli(slo.name), slo, second))
    return SloStanding(slo, left, *burns, tuple(moment.alerts.get(slo.name, ())))


def _burns(ports: Ports, slo: Slo, second: int) -> tuple[float | None, float | None, float | None]:
    series = ports.board.sli(slo.name)
    fast, hour, slow = (burn_rate(series.counts(second - back, second), slo) for back in BURN_SECONDS)
    return fast, hour, slow


def grouped(many: Iterable[One], name: Callable[[One], str]) -> dict[str, list[One]]:
    found: dict[str, list[One]] = {}
    for one in many:
        found.setdefault(name(one), []).append(one)
    return found


def judge_severity(slos: Sequence[SloStanding], silence: timedelta | None, *, faulted: bool) -> Severity:
    """A service that says nothing is stale whatever it said before, unless a fault is out on it."""
    lefts = [one.budget.left_ratio for one in slos]
    if faulted:
        return Severity.FAULT
    if silence is None:
        return Severity.SILENT
    if silence > STALE_AFTER:
        return Severity.STALE
    if min(lefts, default=1.0) <= 0:
        return Severity.SPENT
    if any(one.firing or one.is_paging for one in slos):
        return Severity.BURNING
    if min(lefts, default=1.0) < AT_RISK_RATIO:
        return Severity.SHORT
    return Severity.HEALTHY


def _worst_first(one: Standing) -> tuple[int, int, str]:
    """By whole percents of the budget, so that rows do not change places all the time."""
    return one.severity, round(one.worst.budget.left_ratio * 100) if one.worst else 200, one.service


def meter_of(value: Budget, subject: str) -> Meter:
    left = min(max(value.left_ratio, 0.0), 1.0)
    spent = max(value.organic_ratio + value.planned_ratio, 1e-12)
    room = 1 - left
    organic = room * value.organic_ratio / spent
    planned = room - organic if value.planned_ratio > 0 else 0.0
    title = (
        f"{subject}: {percent(value.left_ratio, 1)} left, {percent(value.planned_ratio, 1)} planned, "
        f"{percent(value.organic_ratio, 1)} organic"
    )
    return Meter(
        title=title,
        figure=percent(value.left_ratio, 1),
        left=f"{left * 100:.2f}%",
        organic=f"{organic * 100:.2f}%",
        planned=f"{planned * 100:.2f}%" if planned > 0.0005 else "",
        planned_x=f"{(1 - planned) * 100:.2f}%",
        at_risk=value.left_ratio < AT_RISK_RATIO,
    )


def window_of(value: Budget, slo: Slo) -> str:
    """`30 d`, or what has been counted of it so far."""
    whole = span(slo.spec.window)
    return whole if value.covered >= slo.spec.window * 0.98 else f"{whole}, {span(value.covered)} counted"

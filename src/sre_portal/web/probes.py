"""Probes and metrics. They hold no name of a person and no secret.

Probes are open to everybody. Metrics name services and their loads: on the main listener they need
`metrics:read`, and the second listener, which knows no login, belongs behind a network policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from sre_portal.core.alert import AlertState
from sre_portal.core.errors import StoreUnavailable
from sre_portal.core.slo import budget, burn_rates
from sre_portal.operations.board import judged_second
from sre_portal.operations.ports import Ports
from sre_portal.web.context import ports_of

STALE_SECONDS = 5


async def healthz(_: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok\n")


async def readyz(request: Request) -> Response:
    """The database answers and the loop has passed lately, here: also on a replica that stands by."""
    ports = ports_of(request)
    try:
        await ports.runs.recent(limit=1)
    except StoreUnavailable:
        return PlainTextResponse("the database does not answer\n", 503)
    passed = max(ports.watch.evaluated, ports.watch.followed)
    age = abs(judged_second(ports.clock.now()) - passed)
    if age > STALE_SECONDS:
        return PlainTextResponse(f"the loop has not passed for {age} s\n", 503)
    return PlainTextResponse("ready\n" if ports.term() else "ready, stands by\n")


async def metrics(request: Request) -> Response:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(ports_of(request)))
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)


@dataclass(frozen=True, slots=True)
class Described:
    """One metric: what `/metrics` shows and the reference tells."""

    name: str
    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    meaning: str
    read: Callable[[Ports], Iterator[tuple[tuple[str, ...], float]]]

    def family(self, ports: Ports) -> Metric:
        family = GaugeMetricFamily if self.kind == "gauge" else CounterMetricFamily
        metric = family(self.name, self.meaning, labels=self.labels)
        for labels, value in self.read(ports):
            metric.add_metric(labels, value)
        return metric


def _single(read: Callable[[Ports], float]) -> Callable[[Ports], Iterator[tuple[tuple[str, ...], float]]]:
    return lambda ports: iter((((), read(ports)),))


def _budgets(ports: Ports) -> Iterator[tuple[tuple[str, ...], float]]:
    now = judged_second(ports.clock.now())
    for slo in ports.catalogue.slos():
        yield (slo.name, slo.spec.service), budget(ports.board.sli(slo.name), slo, now).left_ratio


def _burn_rates(ports: Ports) -> Iterator[tuple[tuple[str, ...], float]]:
    now = judged_second(ports.clock.now())
    for slo in ports.catalogue.slos():
        for seconds, rate in burn_rates(ports.board.sli(slo.name), slo, now).items():
            if rate is not None:
                yield (slo.name, slo.spec.service, f"{seconds}s"), rate


def _broken_glass(ports: Ports) -> float:
    now = ports.clock.now()
    return sum(now < one.ends_at for one in ports.watch.glass)


def _firing(ports: Ports) -> Iterator[tuple[tuple[str, ...], float]]:
    for (slo, name), alert in ports.watch.alerts.items():
        yield (slo, name), float(alert.state is AlertState.FIRING)


def _audit_size(ports: Ports) -> Iterator[tuple[tuple[str, ...], float]]:
    standing = ports.audit.standing()
    if standing.root:
        yield (), standing.size


def _audit_root(ports: Ports) -> Iterator[tuple[tuple[str, ...], float]]:
    """A number is no new series for each root, and 48 bits fit one exactly."""
    if root := ports.audit.standing().root:
        yield (), int(root[:12], 16)


def _sinks_failing(ports: Ports) -> Iterator[tuple[tuple[str, ...], float]]:
    for name, state in ports.watch.sinks.items():
        yield (name,), float(bool(state.failing))


def _sinks_behind(ports: Ports) -> Iterator[tuple[tuple[str, ...], float]]:
    size = ports.audit.standing().size
    for name, state in ports.watch.sinks.items():
        yield (name,), max(0, size - state.sent)


def _unsound_flags(ports: Ports) -> Iterator[tuple[tuple[str, ...], float]]:
    for kept in ports.flag_book.all():
        yield (kept.name,), len(kept.unsound)


def _flag_streams(ports: Ports) -> Iterator[tuple[tuple[str, ...], float]]:
    told = ports.watch.flag_listeners
    for name in dict.fromkeys(flag_set for flag_set, _ in told):
        yield (name,), sum(number for (flag_set, _), number in told.items() if flag_set == name)


def _stale_flags(ports: Ports) -> Iterator[tuple[tuple[str, ...], float]]:
    for name, number in ports.watch.flags_stale.items():
        yield (name,), number


def _evaluations(ports: Ports) -> Iterator[tuple[tuple[str, ...], float]]:
    found = dict(ports.watch.flags_evaluated)
    for (name, _, _), number in ports.watch.flag_uses.items():
        found[name] = found.get(name, 0) + number
    for name, number in found.items():
        yield (name,), number


DESCRIBED: Sequence[Described] = (
    Described(
        "sre_portal_drives",
        "gauge",
        (),
        "1 on the replica that drives, 0 on those that stand by.",
        _single(lambda p: float(p.drives())),
    ),
    Described(
        "sre_portal_live_runs", "gauge", (), "Runs that are not done.", _single(lambda p: len(p.watch.live))
    ),
    Described(
        "sre_portal_active_leases",
        "gauge",
        (),
        "Leases in force.",
        _single(lambda p: sum(map(len, p.desk.active().values()))),
    ),
    Described(
        "sre_portal_agents",
        "gauge",
        (),
        "Instances that reported in the last 15 s.",
        _single(lambda p: sum(one.is_live(p.clock.now()) for one in p.watch.instances)),
    ),
    Described(
        "sre_portal_refused_agents_total",
        "counter",
        (),
        "Requests of agents refused for their token.",
        _single(lambda p: p.watch.refused_agents),
    ),
    Described(
        "sre_portal_limited_requests_total",
        "counter",
        ("kind",),
        "Requests refused for being too many.",
        lambda ports: iter([((kind,), one.total) for kind, one in ports.watch.suppressed.items()]),
    ),
    Described(
        "sre_portal_failed_passes_total",
        "counter",
        (),
        "Passes of a loop that failed.",
        _single(lambda p: p.watch.failures),
    ),
    Described(
        "sre_portal_budget_left_ratio", "gauge", ("slo", "service"), "Error budget left; 1 is all.", _budgets
    ),
    Described(
        "sre_portal_burn_rate", "gauge", ("slo", "service", "window"), "Error budget burn rate.", _burn_rates
    ),
    Described("sre_portal_alert_firing", "gauge", ("slo", "alert"), "1 while the alert fires.", _firing),
    Described(
        "sre_portal_broken_glass",
        "gauge",
        (),
        "Grants of the role admin that somebody gave themselves in an emergency, in force now.",
        _single(_broken_glass),
    ),
    Described(
        "sre_portal_flags_unsound",
        "gauge",
        ("set",),
        "Flags whose newest version cannot be compiled: what was in force before still is.",
        _unsound_flags,
    ),
    Described(
        "sre_portal_flag_streams",
        "gauge",
        ("set",),
        "Open event streams of OFREP on this replica, of browser programs mostly.",
        _flag_streams,
    ),
    Described(
        "sre_portal_flags_stale",
        "gauge",
        ("set",),
        "Flags that were not evaluated, or always gave the same, for as long as they may.",
        _stale_flags,
    ),
    Described(
        "sre_portal_flags_drill_due",
        "gauge",
        ("set",),
        "Kill switches whose last passed drill is too long ago, or that never had one.",
        lambda ports: iter([((name,), due) for name, due in ports.watch.drills_due.items()]),
    ),
    Described(
        "sre_portal_flag_evaluations_total",
        "counter",
        ("set",),
        "Evaluations of flags that this replica counted, told by agents too.",
        _evaluations,
    ),
    Described("sre_portal_audit_size", "gauge", (), "Entries of the audit log.", _audit_size),
    Described(
        "sre_portal_audit_root_prefix",
        "gauge",
        (),
        "First 48 bits of the root of the audit log: with the size, a witness in every scrape.",
        _audit_root,
    ),
    Described(
        "sre_portal_audit_intact",
        "gauge",
        (),
        "0 while the audit log is not the one this process has seen and signed; then acts are refused.",
        _single(lambda p: not p.audit.standing().broken),
    ),
    Described(
        "sre_portal_audit_late",
        "gauge",
        (),
        "What waits to be written into the audit log.",
        _single(lambda p: len(p.watch.late)),
    ),
    Described(
        "sre_portal_audit_sink_failing", "gauge", ("sink",), "1 while a sink takes nothing.", _sinks_failing
    ),
    Described(
        "sre_portal_audit_sink_behind",
        "gauge",
        ("sink",),
        "Entries that a sink was not told yet.",
        _sinks_behind,
    ),
)


class _Collector:
    """Reads the ports when asked: nothing is counted twice."""

    def __init__(self, ports: Ports) -> None:
        self.ports = ports

    def collect(self) -> Iterator[Metric]:
        return (described.family(self.ports) for described in DESCRIBED)

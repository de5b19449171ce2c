"""The demo in a closed room: its traffic, its SLOs and a portal that judges them, without clock or network.

One arrival each 25 ms, as the demo's own pattern has them. A hit that was delayed is counted in the second in
which it ends. A second is on the board when the portal judges it, half a second after its end.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from sre_portal.contract.fault import ErrorStatus, Latency
from sre_portal.contract.histogram import bucket_of
from sre_portal.contract.lease import Lease, SliDefinition
from sre_portal.contract.match import Match, bucket
from sre_portal.contract.report import LeaseStatus
from sre_portal.core.alert import Alert, AlertChange, alerts_of, judge_alert
from sre_portal.core.board import Board
from sre_portal.core.condition import Condition, Reading, judge
from sre_portal.core.experiment import Experiment
from sre_portal.core.fidelity import InjectionTotals
from sre_portal.core.leases import definition_of, leases_of
from sre_portal.core.loop import Observed, Withdraw, advance
from sre_portal.core.prediction import Prediction, predict
from sre_portal.core.run import Phase, PhaseMark, Run
from sre_portal.core.signal import Signal
from sre_portal.core.slo import Counts, Slo
from sre_portal.demo.pattern import visits

EPOCH = 1_900_000_800  # a whole minute
RATE = 40
WARM_SECONDS = 150
SETTLE_SECONDS = 0.6
RUN_ID = 12


@dataclass(slots=True)
class Request:
    """A request of one service, and what became of it."""

    service: str
    method: str
    path: str
    user: str
    at: float
    ms: float
    failed: bool = False
    planned: bool = False


@dataclass(slots=True)
class Injected:
    """The lease as its one agent keeps it: live between two instants."""

    lease: Lease
    service: str
    start: float
    end: float
    matched: int = 0
    delay: dict[int, int] = field(default_factory=dict)
    treated: dict[int, int] = field(default_factory=dict)
    untreated: dict[int, int] = field(default_factory=dict)
    status: LeaseStatus = field(default_factory=lambda: LeaseStatus(f"{RUN_ID}-0", RUN_ID))

    @property
    def totals(self) -> InjectionTotals:
        return InjectionTotals(
            lease_id=self.lease.id,
            matched=self.matched,
            hits=self.status.hits,
            cut=0,
            delay=dict(self.delay),
            overshoot={},
            treated=dict(self.treated),
            untreated=dict(self.untreated),
        )

    def strike(self, request: Request, draw: Random) -> None:
        covered = request.service == self.service and covers(self.lease.match, request)
        if not (covered and self.start <= request.at < self.end):
            return
        self.matched += 1
        share, base = self.lease.share, request.ms
        drawn = bucket(str(RUN_ID), request.user) if share.of == "users" else draw.random()
        if drawn >= share.ratio:
            _count(self.untreated, base)
            return
        self.status.hits += 1
        self.status.first_hit_at = self.status.first_hit_at or request.at
        request.planned = True
        match self.lease.fault:
            case Latency(delay_ms=delay):
                request.ms += delay
                _count(self.delay, delay + 0.4)
                _count(self.treated, request.ms)
            case ErrorStatus(status=status):
                request.failed = status >= 500
            case _:
                request.failed = True


def covers(match: Match, request: Request) -> bool:
    return (not match.methods or request.method in match.methods) and match.covers_path(request.path)


def _count(buckets: dict[int, int], ms: float) -> None:
    found = bucket_of(int(ms * 1e6))
    buckets[found] = buckets.get(found, 0) + 1


class World:
    """Traffic from the beginning on, second by second."""

    def __init__(self, slos: Sequence[Slo], seed: int) -> None:
        self.slos, self.board = slos, Board()
        self.changes: list[AlertChange] = []
        self.injected: Injected | None = None
        self._definitions = [(definition_of(slo), slo.spec.service) for slo in slos]
        self._draw = Random(seed)
        self._visits = visits(Random(seed + 1))
        self._arrived = 0
        self._ended: dict[int, list[Request]] = defaultdict(list)
        self._judged = EPOCH
        self._remember()
        self.alerts: dict[tuple[str, str], Alert] = {
            (alert.slo, alert.rule.name): alert for slo in slos for alert in alerts_of(slo)
        }

    def _remember(self) -> None:
        """Two hours without a bad request, so that the forecast knows how rare one is."""
        for slo in self.slos:
            part = {"/checkout": 0.1, "/catalogue": 0.3}.get(slo.spec.route or "", 1.0)
            rate = RATE * (0.1 if slo.spec.service == "payments" else part)
            for minute in range(EPOCH - 7200, EPOCH, 60):
                self.board.sli(slo.name).put_minute(minute, Counts(good=int(rate * 60)))

    def until(self, now: float) -> None:
        """Lets time pass. Each second is counted and judged once it has settled."""
        while EPOCH + self._arrived / RATE < now:
            for request in self._arrive(EPOCH + self._arrived / RATE):
                self._ended[int(request.at + request.ms / 1000)].append(request)
            self._arrived += 1
        while self._judged + 1 + SETTLE_SECONDS <= now:
            self._count_second(self._judged)
            self._judged += 1
            self._judge(now)

    def readings(self, conditions: Sequence[Condition]) -> tuple[Reading, ...]:
        slos = {slo.name: slo for slo in self.slos}
        return tuple(judge(one, self.board, slos, self._judged) for one in conditions)

    def predict(self, experiment: Experiment) -> Prediction:
        return predict(experiment, self.slos, self.board, self._judged, tuple(self.alerts.values()))

    def _arrive(self, at: float) -> Iterator[Request]:
        visit, draw = next(self._visits), self._draw
        shop = Request("shop", visit.method, visit.path, visit.headers["x-user-id"], at, draw.uniform(2, 7))
        if visit.path == "/checkout":
            charge = Request("payments", "POST", "/charge", shop.user, at + 0.008, draw.uniform(7, 11))
            if self.injected:
                self.injected.strike(charge, draw)
            yield charge
            shop.ms += charge.ms + 8
            shop.failed = charge.failed
        if self.injected:
            self.injected.strike(shop, draw)
        yield shop

    def _count_second(self, second: int) -> None:
        requests = self._ended.pop(second, [])
        for definition, service in self._definitions:
            ours = [one for one in requests if one.service == service and covers(definition.match, one)]
            bad = [one for one in ours if _bad(definition, one)]
            planned = sum(one.planned for one in bad)
            if ours:
                counts = Counts(len(ours) - len(bad), len(bad), planned)
                self.board.sli(definition.name).put_second(second, counts)
        for service in ("shop", "payments"):
            ours = [one for one in requests if one.service == service]
            latency: dict[int, int] = {}
            for one in ours:
                _count(latency, one.ms)
            errors = sum(one.failed for one in ours)
            self.board.service(service).put_second(Signal(second, len(ours), errors, latency))

    def _judge(self, now: float) -> None:
        at = datetime.fromtimestamp(now, UTC)
        for slo in self.slos:
            for rule in [alert.rule.name for alert in alerts_of(slo)]:
                before = self.alerts[slo.name, rule]
                after, change = judge_alert(before, slo, self.board.sli(slo.name), self._judged, at)
                self.alerts[slo.name, rule] = after
                if change and self.injected and slo.spec.service == self.injected.service:
                    self.changes.append(change)


def _bad(definition: SliDefinition, request: Request) -> bool:
    slow = definition.threshold_ms is not None and request.ms > definition.threshold_ms
    return request.failed or slow


def carry_out(world: World, experiment: Experiment, started: float) -> Run:
    """Runs an experiment to its end, as the portal does: four looks a second, leases that reach in 0.3 s."""
    spec, at = experiment.spec, datetime.fromtimestamp(started, UTC)
    world.until(started)
    lease = leases_of(experiment, RUN_ID, 5000.0)[0]
    end = started + spec.duration.total_seconds()
    world.injected = Injected(lease, spec.target.service, started + 0.3, end)
    run = Run(
        id=RUN_ID,
        revision=1,
        experiment=experiment,
        actor="ada",
        phase=Phase.INJECT,
        marks=(PhaseMark(phase=Phase.INJECT, at=at),),
        created_at=at,
        granted_at=at,
        driven_at=at,
        prediction=world.predict(experiment),
    )
    now = started
    while run.live and now < started + 300:
        now += 0.25
        world.until(now)
        if now >= end + 0.3:
            world.injected.status.ended_at, world.injected.status.ended_by = end, "expired"
        run, steps = advance(run, _seen(world, run, now))
        if Withdraw() in steps:
            world.injected.end = min(world.injected.end, now)
    return run


def _seen(world: World, run: Run, now: float) -> Observed:
    spec, injected = run.experiment.spec, world.injected
    assert injected is not None
    return Observed(
        now=datetime.fromtimestamp(now, UTC),
        injections=(injected.totals,),
        statuses={("one", injected.lease.id): injected.status},
        holders={"one"},
        guardrails=world.readings(spec.guardrails),
        steady=world.readings(spec.steady_state),
        held=world.readings(run.experiment.held_conditions),
        alerts=tuple(world.alerts.values()),
        changes=tuple(world.changes),
    )

"""Runs on a simulated clock: requests one by one, agents, the board, and the evaluator of live alerts.

Knows nothing of how a prediction is made. Chance comes from one seed, so that a case can be run again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import exp
from random import Random
from typing import Literal

from sre_portal.contract.histogram import bucket_of
from sre_portal.core.alert import SETTLE_SECONDS, Alert, AlertState, alerts_of, judge_alert
from sre_portal.core.board import Board
from sre_portal.core.delay import delay_s
from sre_portal.core.experiment import Experiment, LatencyFault
from sre_portal.core.prediction import Prediction, predict
from sre_portal.core.signal import Signal
from sre_portal.core.slo import Counts, LatencySli, Slo

Arrivals = Literal["paced", "poisson", "bursts"]

NOON = 20_000 * 86400 + 12 * 3600
WARM_UP_SECONDS = 130
"""So much of the past is made of single requests; what lies further back is made of counts."""


@dataclass(frozen=True)
class Traffic:
    """What arrives at the service."""

    rate: float
    """Requests a second."""
    arrivals: Arrivals = "paced"
    jitter: float = 0.3
    """Of paced arrivals: how far one may be off, as a share of the pause between two."""
    on_route: float = 1.0
    """The share of requests that go to `/cart`; the others go elsewhere."""
    base_errors: float = 0.0
    """The share of requests that fail by themselves."""
    past: float = 1.0
    """The rate further back than a few minutes, as a share of the rate now."""
    base_seconds: float = 0.03
    """The median of what a request takes without a fault."""


@dataclass(frozen=True)
class Case:
    """One run to simulate."""

    seed: int
    slo: Slo
    """The SLO whose alert is watched."""
    alert: str
    experiment: Experiment
    traffic: Traffic
    others: tuple[Slo, ...] = ()
    history_seconds: int = 3600
    outage: tuple[int, int] = (0, 0)
    """An outage of the past: from so many to so many seconds before the start. Before `WARM_UP_SECONDS`."""
    instances: int = 2


@dataclass
class Request:
    arrived: float
    on_route: bool
    fails: bool
    base: float
    instance: int
    hit: bool = False
    counted: float = 0.0
    bad_status: bool = False


@dataclass
class Outcome:
    """What was predicted and what was seen, in seconds since the first hit."""

    prediction: Prediction
    alerts: dict[str, dict[AlertState, float]] = field(default_factory=dict)
    """Alert -> state -> when it was told first."""
    planned: int = 0
    """Bad requests of the watched SLO that were hit."""

    def seen(self, alert: str, state: AlertState) -> float | None:
        return self.alerts.get(alert, {}).get(state)


class Simulation:
    """One case from its history to the end of the recovery."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.random = Random(case.seed)
        self.board = Board()
        self.slos = (case.slo, *case.others)
        self.alerts: dict[str, Alert] = {one.rule.name: one for one in alerts_of(case.slo)}
        self.start = NOON + self.random.randrange(3600)
        """The second up to which everything is counted when the run is predicted."""

    def run(self, *, until: AlertState = AlertState.FIRING, most_seconds: float = 3600) -> Outcome:
        """Predicts, injects, and judges until the watched alert is in a state, or for so many seconds."""
        self._fill_history()
        stream = self._requests(self.start - WARM_UP_SECONDS)
        late: list[Request] = []
        self._warm_up(stream, late)
        prediction = predict(
            self.case.experiment, self.slos, self.board, self.start, tuple(self.alerts.values())
        )
        leases = self._grant()
        return self._live(Outcome(prediction), stream, late, leases, until, most_seconds)

    def _live(  # the seconds of a run, one after the other
        self,
        outcome: Outcome,
        stream: Iterator[Request],
        pending: list[Request],
        leases: list[tuple[float, float]],
        until: AlertState,
        most_seconds: float,
    ) -> Outcome:
        first_hit: float | None = None
        upcoming = next(stream)
        told: dict[str, dict[AlertState, datetime]] = defaultdict(dict)
        for tick in range(self.start + 1, self.start + int(most_seconds)):
            while upcoming.arrived < tick:
                self._serve(upcoming, leases)
                if upcoming.hit and first_hit is None:
                    first_hit = upcoming.arrived
                pending.append(upcoming)
                upcoming = next(stream)
            done = [request for request in pending if request.counted < tick]
            pending[:] = [request for request in pending if request.counted >= tick]
            outcome.planned += self._count(tick - 1, done)
            self._judge(tick, told)
            if until in told[self.case.alert]:
                break
        origin = first_hit if first_hit is not None else float(self.start)
        for alert, stamps in told.items():
            outcome.alerts[alert] = {state: at.timestamp() - origin for state, at in stamps.items()}
        return outcome

    def _judge(self, tick: int, told: dict[str, dict[AlertState, datetime]]) -> None:
        at = datetime.fromtimestamp(tick, UTC) + timedelta(
            seconds=SETTLE_SECONDS + self.random.random() * 0.5
        )
        for name, alert in self.alerts.items():
            self.alerts[name], change = judge_alert(
                alert, self.case.slo, self.board.sli(self.case.slo.name), tick, at
            )
            if change is None:
                continue
            told[name].setdefault(change.state, at)
            if change.state is AlertState.FIRING:
                told[name].setdefault(AlertState.PENDING, at)

    def _serve(self, request: Request, leases: list[tuple[float, float]]) -> None:
        """An agent decides, and the application answers."""
        target = self.case.experiment.spec.target
        start, end = leases[request.instance]
        matches = (target.route is None or request.on_route) and start <= request.arrived < end
        request.hit = matches and self.random.random() < float(target.share.percent / 100)
        request.counted = request.arrived + request.base
        request.bad_status = request.fails
        if not request.hit:
            return
        fault = self.case.experiment.spec.faults[0]
        if isinstance(fault, LatencyFault):
            delay = delay_s(fault, self.random.random()) + self.random.random() * 0.003
            request.counted = min(request.arrived + delay, max(end, request.arrived)) + request.base
        else:
            request.counted = request.arrived + 0.001
            request.bad_status = fault.type == "abort" or fault.exception or fault.status >= 500

    def _count(self, second: int, done: list[Request]) -> int:
        """Puts what ended in a second onto the board; returns the planned bad of the watched SLO."""
        planned = 0
        for slo in self.slos:
            ours = [request for request in done if slo.spec.route is None or request.on_route]
            bad = [request for request in ours if _is_bad(request, slo)]
            hit = sum(request.hit for request in bad)
            self.board.sli(slo.name).put_second(second, Counts(len(ours) - len(bad), len(bad), hit))
            planned += hit if slo is self.case.slo else 0
        latency: dict[int, int] = defaultdict(int)
        for request in done:
            latency[bucket_of(round((request.counted - request.arrived) * 1e9))] += 1
        errors = sum(request.bad_status for request in done)
        self.board.service(self.case.slo.spec.service).put_second(
            Signal(second, len(done), errors, dict(latency))
        )
        return planned

    def _warm_up(self, stream: Iterator[Request], late: list[Request]) -> None:
        by_second: dict[int, list[Request]] = defaultdict(list)
        first = self.start - min(self.case.history_seconds, WARM_UP_SECONDS)
        for request in stream:
            request.counted = request.arrived + request.base
            request.bad_status = request.fails
            if request.counted >= self.start:
                late.append(request)
            elif request.counted >= first:
                by_second[int(request.counted)].append(request)
            if request.arrived >= self.start:
                break  # it waits among the late ones: no lease is out yet
        for second in range(first, self.start):
            self._count(second, by_second[second])

    def _fill_history(self) -> None:
        """Counts by second for an hour, by minute for three days, by hour before that."""
        begin = self.start - self.case.history_seconds
        recent = self.start - WARM_UP_SECONDS
        for slo in self.slos:
            series = self.board.sli(slo.name)
            seconds_from = max(begin, (recent - 3600) // 60 * 60)
            minutes_from = max(begin, (recent - 3 * 86400) // 3600 * 3600)
            for hour in range(begin // 3600 * 3600, minutes_from // 3600 * 3600, 3600):
                series.put_hour(hour, self._past_counts(slo, hour, 3600))
            for minute in range(minutes_from // 60 * 60, seconds_from // 60 * 60, 60):
                series.put_minute(minute, self._past_counts(slo, minute, 60))
            for second in range(seconds_from, recent):
                series.put_second(second, self._past_counts(slo, second, 1))

    def _past_counts(self, slo: Slo, at: int, seconds: int) -> Counts:
        traffic = self.case.traffic
        share = traffic.on_route if slo.spec.route else 1.0
        total = round(traffic.rate * traffic.past * share * seconds)
        start, end = (self.start - ago for ago in self.case.outage)
        if start <= at < end:
            return Counts(0, total)
        usual = total * traffic.base_errors
        bad = min(max(round(self.random.gauss(usual, usual**0.5)), 0), total)
        return Counts(total - bad, bad)

    def _grant(self) -> list[tuple[float, float]]:
        """From when to when each instance injects."""
        granted = self.start + SETTLE_SECONDS + self.random.random() + self.random.random() * 0.1
        first = granted + 0.002 + self.random.random() * 0.25
        duration = self.case.experiment.spec.duration / timedelta(seconds=1)
        return [
            (
                first + self.random.random() * 0.2,
                granted + duration + self.random.uniform(-0.02, 0.05),
            )
            for _ in range(self.case.instances)
        ]

    def _requests(self, since: float) -> Iterator[Request]:
        draw, traffic = self.random.random, self.case.traffic
        for at in arrivals(traffic, since + draw() / traffic.rate, self.random):
            yield Request(
                arrived=at,
                on_route=draw() < traffic.on_route,
                fails=draw() < traffic.base_errors,
                base=traffic.base_seconds * exp(self.random.gauss(0, 0.4)),
                instance=self.random.randrange(self.case.instances),
            )


def arrivals(traffic: Traffic, since: float, random: Random) -> Iterator[float]:
    """When requests arrive, for ever."""
    pause, at = 1 / traffic.rate, since
    while True:
        match traffic.arrivals:
            case "paced":
                at += pause
                yield at + random.uniform(-0.5, 0.5) * traffic.jitter * pause
            case "poisson":
                at += random.expovariate(traffic.rate)
                yield at
            case "bursts":
                # Ten requests at once, on average as often as a tenth of the rate.
                at += random.expovariate(traffic.rate / 10)
                yield from (at for _ in range(10))


def _is_bad(request: Request, slo: Slo) -> bool:
    if request.bad_status:
        return True
    took = request.counted - request.arrived
    return isinstance(slo.spec.sli, LatencySli) and took > slo.spec.sli.threshold / timedelta(seconds=1)

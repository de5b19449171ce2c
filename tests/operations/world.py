"""A small world on a clock that the test moves: the real operations, the real store, simulated agents.

The agents stand in for the other side of the wire; everything of the portal is the real thing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sre_portal.clients.folder import FolderCatalogue
from sre_portal.contract.histogram import bucket_of, dump_buckets
from sre_portal.contract.lease import Lease, Plan
from sre_portal.contract.report import (
    AgentReport,
    ClockMapping,
    FlagSeen,
    FlagUse,
    InjectionCount,
    LeaseStatus,
    Second,
    SliCount,
)
from sre_portal.core.access import Principal, Role, everywhere
from sre_portal.core.board import Board
from sre_portal.core.errors import StoreUnavailable
from sre_portal.core.experiment import Experiment
from sre_portal.core.flag.definition import Definitions
from sre_portal.core.flag.flag_set import FlagSet
from sre_portal.core.flag_kept import KeptSet
from sre_portal.core.flag_use import NO_VARIANT
from sre_portal.core.leases import definition_of
from sre_portal.core.parse import parse_experiment, parse_slo
from sre_portal.core.ports import Store, Token
from sre_portal.core.run import Phase, Run
from sre_portal.core.slo import Slo
from sre_portal.operations.board import load_board
from sre_portal.operations.ingest import ingest
from sre_portal.operations.ports import Ports
from sre_portal.operations.pulse import Pulse
from sre_portal.operations.runs import start_run
from sre_portal.operations.standby import begin, pass_time
from sre_portal.store.audit_tree import Trust
from sre_portal.store.database import open_store
from sre_portal.store.desk import Desk
from tests.store.samples import KEYS
from tests.web.pages.memory_access import Notices

ADA = Principal("ada", everywhere(Role.ADMIN))
OMAR = Principal("omar", everywhere(Role.OPERATOR))
VERA = Principal("vera", everywhere(Role.VIEWER))
NILS = Principal("nils")

START = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
STEP = 0.25

SLO = """
apiVersion: sre-portal.dev/v1
kind: SLO
metadata: {name: shop-availability}
spec:
  service: shop
  sli: {type: availability}
  objective: 99
  window: 30d
  errorRateAlert: {above: 5, over: 10s, for: 10s}
"""

EXPERIMENT = """
apiVersion: sre-portal.dev/v1
kind: Experiment
metadata: {name: errors-shop, title: Half of the shop fails}
spec:
  target: {service: shop, share: {percent: 50}}
  faults: [{type: error, status: 503}]
  duration: 20s
  budgetPercent: 100
  steadyState: [{type: errors, slo: shop-availability, below: 1, over: 10s}]
  guardrails: [{type: traffic, service: shop, above: 5, over: 5s}]
  expectations:
    - {type: alert, slo: shop-availability, alert: error-rate}
    - {type: recovers, within: 30s}
"""


async def end(*tasks: asyncio.Task[None]) -> None:
    """Cancels until all are over: before Python 3.11.3 a cancellation that meets a timeout may be lost."""
    while left := [task for task in tasks if not task.done()]:
        for task in left:
            task.cancel()
        await asyncio.wait(left, timeout=0.1)


@dataclass
class MovableClock:
    """Implements `core.ports.Clock`."""

    instant: datetime = START

    def now(self) -> datetime:
        return self.instant

    def move(self, seconds: float) -> None:
        self.instant += timedelta(seconds=seconds)


@dataclass
class SimulatedAgent:
    """An instance that serves `rate` requests a second and obeys its plan, with knobs to misbehave."""

    service: str = "shop"
    instance: str = "shop-1"
    rate: int = 40
    organic_bad: int = 0
    obeys: float = 1.0
    """The part of the asked share it really injects; 0.5 is an unfaithful agent."""
    silent: bool = False
    serving: bool = True
    follows: str = ""
    """The set of flags that it subscribes to."""
    blind: bool = False
    """It reports, and takes in no version of the set any more."""
    people: int = 20
    """So many ask it for every flag of that set each second."""
    flags: FlagSet = field(default_factory=lambda: FlagSet(Definitions()))
    flags_seen: dict[str, FlagSeen] = field(default_factory=dict)
    plan: Plan = field(default_factory=lambda: Plan(0, 0.0))
    seq: int = 0
    statuses: dict[str, LeaseStatus] = field(default_factory=dict)
    owed: float = 0.0

    def lease(self) -> Lease | None:
        return self.plan.leases[0] if self.plan.leases else None

    def second(self, at: int) -> Second:
        requests = self.rate if self.serving else 0
        lease = self.lease()
        hits = 0
        injections = []
        if lease is not None and requests:
            self.owed += requests * lease.share.ratio * self.obeys
            hits = int(self.owed)
            self.owed -= hits
            injections = [InjectionCount(lease.id, matched=requests, hits=hits)]
            self._note_hits(lease, hits, at)
        bad = min(requests, hits + self.organic_bad)
        latency = dump_buckets({bucket_of(5_000_000): requests}) if requests else []
        slis = [SliCount("shop-availability", requests - bad, bad, hits)] if requests else []
        return Second(at, requests, bad, latency, slis, injections)

    def _note_hits(self, lease: Lease, hits: int, at: int) -> None:
        status = self.statuses.setdefault(lease.id, LeaseStatus(lease.id, lease.run_id))
        status.hits += hits
        status.first_hit_at = status.first_hit_at if status.first_hit_at is not None else at + 0.0
        status.last_hit_at = at + 0.9

    def look(self, kept: KeptSet, now: datetime) -> None:
        """The set that it follows is at a version."""
        known = self.flags_seen.get(self.follows)
        if not self.blind and (known is None or known.version != kept.version):
            self.flags_seen[self.follows] = FlagSeen(self.follows, kept.version, now.timestamp())
            self.flags = kept.flags

    def uses(self, now: datetime) -> list[FlagUse]:
        """What `people` got of each flag in the second that ended."""
        at, given = int(now.timestamp()), Counter[tuple[str, str]]()
        for person in range(self.people):
            context = {"targetingKey": f"u{person}"}
            for key, found in self.flags.evaluate_all(context, at=at).items():
                given[key, found.variant or NO_VARIANT] += 1
        return [FlagUse(self.follows, *name, count) for name, count in given.items()]

    def follow(self, plan: Plan, now: datetime) -> None:
        """Takes a plan; a lease that is gone from it is over."""
        held = {lease.id for lease in plan.leases}
        for status in self.statuses.values():
            if status.lease_id not in held and status.ended_at is None:
                status.ended_at = now.timestamp()
                status.ended_by = "withdrawn"
        self.plan = plan


@dataclass
class Meddled:
    """A port, but while one of its methods is at work, something else happens."""

    port: object
    method: str
    happen: Callable[[], Awaitable[None]]

    def __getattr__(self, name: str) -> object:
        found = getattr(self.port, name)
        if name != self.method:
            return found

        async def meddled(*arguments: object) -> object:
            answer = await found(*arguments)
            await self.happen()
            return answer

        return meddled


@dataclass
class Failing:
    """A port of which one method fails so many times, as when the database is locked."""

    port: object
    method: str
    times: int

    def __getattr__(self, name: str) -> object:
        found = getattr(self.port, name)
        if name != self.method:
            return found

        async def failing(*arguments: object) -> object:
            if self.times:
                self.times -= 1
                raise StoreUnavailable("the file is locked by another program")
            return await found(*arguments)

        return failing


@dataclass
class World:
    path: Path
    clock: MovableClock = field(default_factory=MovableClock)
    agents: list[SimulatedAgent] = field(default_factory=lambda: [SimulatedAgent()])
    slos: Sequence[Slo] = field(default_factory=lambda: (parse_slo(SLO, "slo"),))
    experiment: Experiment = field(default_factory=lambda: parse_experiment(EXPERIMENT, "experiment"))
    database: str = ""

    async def open(self) -> World:
        """Starts the portal over what the database holds: also after a crash."""
        self.store: Store = await open_store(
            self.database or f"sqlite:///{self.path / 'portal.sqlite3'}", trust=Trust(KEYS.signer("demo"))
        )
        desk = Desk(self.clock, replicas=self.store.replicas)
        desk.define({"shop": [definition_of(slo) for slo in self.slos]})
        access = Pulse()
        self.store.sessions.on_change(access.beat)
        flag_pulse = Pulse()
        self.store.flags.on_change(flag_pulse.beat)
        self.ports = Ports(
            clock=self.clock,
            catalogue=FolderCatalogue(tuple(self.slos), (self.experiment,)),
            reports=self.store.reports,
            runs=self.store.runs,
            journal=self.store.journal,
            alerts=self.store.alerts,
            audit=self.store.audit,
            sessions=self.store.sessions,
            tokens=self.store.tokens,
            accounts=self.store.accounts,
            logins=self.store.logins,
            flags=self.store.flags,
            flag_plans=self.store.flag_plans,
            flag_uses=self.store.flag_uses,
            sightings=self.store.sightings,
            flag_turns=self.store.flag_turns,
            certificates=self.store.certificates,
            flag_pulse=flag_pulse,
            notices=Notices(),
            access=access,
            desk=desk,
            board=Board(),
            pulse=Pulse(),
            replicas=self.store.replicas,
            keys=KEYS,
        )
        await self.ports.flag_book.refresh(self.ports.flags)
        await self.store.replicas.settle()
        await begin(self.ports)
        self.streams = [asyncio.create_task(self._stream(agent)) for agent in self.agents]
        return self

    async def close(self) -> None:
        await end(*self.streams)
        await self.store.close()

    async def restart(self, after_seconds: float = 1.0) -> None:
        """The portal dies and comes back; the agents' leases run out meanwhile if it takes long enough."""
        await self.close()
        self.clock.move(after_seconds)
        for agent in self.agents:
            agent.follow(Plan(0, 0.0), self.clock.now())
        await self.open()

    async def _stream(self, agent: SimulatedAgent) -> None:
        async for plan in self.ports.desk.plans(agent.service, agent.instance):
            agent.follow(plan, self.clock.now())

    def meddle(self, port: str, method: str, happen: Callable[[], Awaitable[None]]) -> None:
        """From now on something happens whenever that method of that port is at work."""
        meddled = Meddled(getattr(self.ports, port), method, happen)
        self.ports = replace(self.ports, **{port: meddled})  # type: ignore[arg-type]  # stands in for any port

    def fail(self, port: str, method: str, times: int = 1) -> Failing:
        """That method of that port fails from now on, so many times; what is left of them is in `times`."""
        failing = Failing(getattr(self.ports, port), method, times)
        self.ports = replace(self.ports, **{port: failing})  # type: ignore[arg-type]  # stands in for any port
        return failing

    async def step(self) -> None:
        """A quarter of a second passes: whole seconds are reported, then the loop passes."""
        before = int(self.clock.now().timestamp())
        self.clock.move(STEP)
        await self._deliver()
        for agent in self.agents:
            kept = self.ports.flag_book.get(agent.follows)
            if kept is not None:
                agent.look(kept, self.clock.now())
        if int(self.clock.now().timestamp()) > before:
            await self.report(before)
        with suppress(StoreUnavailable):  # as the loop does
            await pass_time(self.ports)

    async def _deliver(self) -> None:
        """Lets the streams bring what the desk has told."""
        for _ in range(20):
            await asyncio.sleep(0)

    async def report(self, at: int) -> None:
        """Every agent that is not silent tells the second that ended."""
        await self._deliver()
        for agent in self.agents:
            second = agent.second(at)
            if not agent.silent:
                await self._tell(agent, [second])

    async def _tell(self, agent: SimulatedAgent, seconds: list[Second]) -> None:
        agent.seq += 1
        told = AgentReport(
            agent.service,
            agent.instance,
            "0.1.0",
            agent.seq,
            START.timestamp(),
            self.clock.now().timestamp(),
            clock=ClockMapping(0.0, 0.5),
            routes=["/", "/checkout"],
            seconds=seconds,
            leases=list(agent.statuses.values()),
            flags_seen=list(agent.flags_seen.values()),
            flag_uses=agent.uses(self.clock.now()),
        )
        await ingest(self.ports, Token("agent", "", None, agent.service, START), told)

    async def run_for(self, seconds: float) -> None:
        for _ in range(int(seconds / STEP)):
            await self.step()

    async def warm(self, seconds: int = 130) -> World:
        """Traffic without a fault, until there is a forecast to make. Told at once, as after a gap."""
        now = int(self.clock.now().timestamp())
        for agent in self.agents:
            await self._tell(agent, [agent.second(at) for at in range(now - seconds, now)])
        await load_board(self.ports)
        await self.run_for(2)
        return self

    async def start(self, actor: Principal = ADA, experiment: Experiment | None = None) -> Run:
        return await start_run(self.ports, actor, experiment or self.experiment)

    async def until(self, phase: Phase, run_id: int, seconds: float = 300) -> Run:
        """Steps until the run has entered a phase."""
        run = await self.run(run_id)
        for _ in range(int(seconds / STEP)):
            if run.entered(phase) is not None:
                return run
            await self.step()
            run = await self.run(run_id)
        raise AssertionError(f"run {run_id} never entered {phase}; it is in {run.phase}: {run.reasons}")

    async def finish(self, run_id: int) -> Run:
        return await self.until(Phase.DONE, run_id)

    async def run(self, run_id: int) -> Run:
        return self.ports.watch.live.get(run_id) or await self.ports.runs.get(run_id)

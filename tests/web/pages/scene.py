"""A believable portal at 12:08:02: healthy services and sick ones, a live run, one with each verdict."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from random import Random

from sre_portal.clients.folder import FolderCatalogue
from sre_portal.contract.histogram import bucket_of
from sre_portal.core.access import Principal, Role, everywhere
from sre_portal.core.account import LOCAL, Account, GivenGrant
from sre_portal.core.alert import AlertState, alerts_of
from sre_portal.core.board import Board
from sre_portal.core.experiment import Experiment
from sre_portal.core.flag_seen import Sighting
from sre_portal.core.flag_use import Used
from sre_portal.core.instance import Instance
from sre_portal.core.leases import leases_of
from sre_portal.core.ports import Session, SessionSecrets
from sre_portal.core.run import Run
from sre_portal.core.signal import Signal
from sre_portal.core.slo import Counts, Slo
from sre_portal.operations.ports import Ports
from sre_portal.operations.pulse import Pulse
from sre_portal.operations.sessions import digest_of, renewed_secret
from sre_portal.operations.watch import Watch
from sre_portal.store.desk import Desk
from tests.web.pages.documents import experiments, slos
from tests.web.pages.flags_told import write_flags
from tests.web.pages.flags_used import write_beside
from tests.web.pages.history import Past, finished_runs, live_run, write_journals
from tests.web.pages.memory import NOW, Alerts, Audit, Journal, Reports, Runs, StillClock, by_minute
from tests.web.pages.memory_access import Accounts, Logins, Notices, Sessions, Tokens
from tests.web.pages.memory_certificates import Certificates
from tests.web.pages.memory_flags import Flags, FlagTurns, FlagUses, Sightings

ADA = Principal("ada", everywhere(Role.ADMIN))
OMAR = Principal("omar", everywhere(Role.OPERATOR))
VERA = Principal("vera", everywhere(Role.VIEWER))
NILS = Principal("nils")
CAST = (ADA, OMAR, VERA, NILS)

HIT_SECONDS = 42
"""So long ago the live run hit its first request."""
STALE_SECONDS = 582
HOUR = 3600
RECENT = 330


@dataclass(frozen=True)
class Character:
    """How a service behaves."""

    per_second: float
    fast_ms: float
    slow_ms: float
    organic: float = 0.1
    """Burn rate of a usual hour."""
    month: float = 0.2
    """Share of the month's budget that is gone."""
    planned: float = 0.05
    fault_since: int = 0
    fault_before: tuple[int, int] = (0, 0)
    """An earlier fault: from, to, in seconds before now."""
    silent_since: int = 0


CHARACTERS: Mapping[str, Character] = {
    "payments": Character(
        40,
        3,
        34,
        organic=0.05,
        month=0.25,
        planned=0.09,
        fault_since=HIT_SECONDS,
        fault_before=(26 * 60, 26 * 60 - 90),
    ),
    "search": Character(118, 20, 180, organic=0.6, month=1.041, planned=0.0),
    "checkout": Character(27, 60, 640, organic=2.1, month=0.81, planned=0.02),
    "notifications": Character(6.4, 15, 120, month=0.23, planned=0.0, silent_since=STALE_SECONDS),
    "shop": Character(236, 12, 210, organic=0.5, month=0.17, planned=0.11),
    "cart": Character(73, 9, 80, organic=0.2, month=0.07, planned=0.04),
    "catalogue": Character(390, 6, 61, month=0.02, planned=0.06),
    "identity": Character(50, 5, 48, organic=0.0, month=0.015, planned=0.012),
}


@dataclass
class Scene:
    """The ports, and the objects behind them that a test may change."""

    clock: StillClock
    board: Board
    desk: Desk
    runs: Runs
    journal: Journal
    alerts: Alerts
    accounts: Accounts
    session_store: Sessions
    reports: Reports
    watch: Watch
    catalogue: FolderCatalogue
    flags: Flags
    flag_uses: list[Used]
    flag_sightings: dict[str, list[Sighting]]
    ports: Ports
    sessions: dict[str, str] = field(default_factory=dict)
    """Principal -> the cookie of a session that is open."""

    def live(self) -> Run:
        return self.watch.live[max(self.watch.live)]

    def put_live(self, run: Run) -> None:
        """Makes this the run that is live, with leases where it is harmful."""
        self.watch.live = {run.id: run} if run.live else {}
        self.runs.held[run.id] = run
        self.desk.withdraw_all()

    async def told(self) -> None:
        """The agents hold the leases that are out, and the live run has a journal."""
        for instance in self.watch.instances:
            async for _ in self.desk.plans(instance.service, instance.instance):
                break
        await write_journals(self.journal, self.runs.held.values())
        await write_flags(self.flags, self.clock.now())
        await write_beside(self.ports, self.flag_uses, self.flag_sightings, self.clock.now())
        await self.ports.flag_book.refresh(self.flags)

    async def log_in(self, who: Principal) -> str:
        """Opens a session; returns the cookie's value."""
        secret = f"secret-of-{who.name}"
        now = self.clock.now()
        told = Account(0, "person", "link", LOCAL, f"link:{who.name}", who.name)
        account = await self.accounts.log_in(told, now)
        for grant in who.grants:
            await self.accounts.give(GivenGrant(0, account.id, grant, "", "test", now))
        account = await self.accounts.get(account.id)
        session = Session(
            digest=digest_of(secret),
            id=f"session-of-{who.name}",
            account=account,
            csrf=f"csrf-of-{who.name}",
            created_at=now,
            seen_at=now,
            ends_at=now + timedelta(hours=12),
        )
        await self.session_store.add(session, SessionSecrets())
        secret = await renewed_secret(self.ports, session, secret) or secret  # as a page would, once
        self.sessions[who.name] = secret
        return secret


@dataclass(frozen=True)
class Counted:
    """What was counted until now, and the runs of the past: the slow part of building a scene."""

    catalogue: FolderCatalogue
    board: Board
    reports: Reports
    finished: tuple[Run, ...]


@cache
def counted(*, quiet: bool = False) -> Counted:
    """That of the usual services, built once: tests share it and do not change it."""
    return count(CHARACTERS, quiet=quiet)


def count(characters: Mapping[str, Character], *, quiet: bool = False) -> Counted:
    slos_held = tuple(slo for name in characters for slo in slos(name))
    board, reports = Board(), Reports()
    for index, (name, character) in enumerate(characters.items()):
        shown = replace(character, fault_since=0) if quiet else character
        own = [slo for slo in slos_held if slo.spec.service == name]
        _fill(Place(board, reports, name, own), shown, NOW, Random(index))
    finished = tuple(finished_runs(NOW, Past(board, slos_held)))
    return Counted(FolderCatalogue(slos_held, tuple(experiments())), board, reports, finished)


def scene(known: Counted | None = None, *, quiet: bool = False) -> Scene:
    """The portal of this moment. `quiet`: no live run."""
    known = known or counted(quiet=quiet)
    clock = StillClock()
    held_slos = known.catalogue.held_slos
    services = list(dict.fromkeys(slo.spec.service for slo in held_slos))
    watch = Watch(instances=tuple(_instances(services, NOW)), evaluated=int(NOW.timestamp()))
    watch.alerts = {(one.slo, one.rule.name): one for slo in held_slos for one in alerts_of(slo)}
    runs, alerts, accounts, sessions = Runs(), Alerts(), Accounts(), Sessions()
    access = Pulse()
    sessions.on_change(access.beat)
    desk, journal, flags = Desk(clock), Journal(), Flags()
    uses, sightings = FlagUses(since=NOW - timedelta(days=60)), Sightings()
    ports = Ports(
        clock=clock,
        catalogue=known.catalogue,
        reports=known.reports,
        runs=runs,
        journal=journal,
        alerts=alerts,
        audit=Audit(),
        sessions=sessions,
        tokens=Tokens(),
        accounts=accounts,
        logins=Logins(),
        flags=flags,
        flag_plans=flags.plans,
        flag_uses=uses,
        sightings=sightings,
        flag_turns=FlagTurns(),
        certificates=Certificates(),
        notices=Notices(),
        access=access,
        desk=desk,
        board=known.board,
        pulse=Pulse(),
        watch=watch,
        environment="demo",
    )
    built = Scene(
        clock,
        known.board,
        desk,
        runs,
        journal,
        alerts,
        accounts,
        sessions,
        known.reports,
        watch,
        known.catalogue,
        flags,
        uses.held,
        sightings.held,
        ports,
    )
    runs.held = {run.id: run for run in known.finished}
    if not quiet and "payments" in services:
        _go_live(built, live_run(NOW, Past(known.board, held_slos), HIT_SECONDS))
    return built


def _go_live(built: Scene, run: Run) -> None:
    """The live run, its leases, the alert it has set off, and an organic one elsewhere."""
    now = built.clock.now()
    built.runs.held[run.id] = run
    built.watch.live = {run.id: run}
    built.desk.grant("payments", leases_of(run.experiment, run.id, 5000), now + timedelta(seconds=5))
    for mark in run.alerts:
        _fire(built.watch, mark.slo, mark.alert, mark.firing_at)
    _fire(built.watch, "checkout-availability", "burn-1", now - timedelta(hours=3, minutes=6))


def _fire(watch: Watch, slo: str, name: str, at: datetime | None) -> None:
    alert = watch.alerts.get((slo, name))
    if alert is None:
        return
    watch.alerts[slo, name] = replace(alert, state=AlertState.FIRING, pending_at=at, firing_at=at, value=2.4)


def _instances(services: Sequence[str], now: datetime) -> Iterator[Instance]:
    for name in services:
        silent = CHARACTERS[name].silent_since if name in CHARACTERS else 0
        for number in range(1, 3):
            yield Instance(
                service=name,
                instance=f"{name}-7c9f4-{number}",
                version="0.1.0",
                started_at=now - timedelta(hours=26),
                seen_at=now - timedelta(seconds=silent or 0.4 * number),
                clock_offset_ms=1.2,
                clock_error_ms=0.4,
                memory_bytes=(180 + 7 * number) * 2**20,
                dropped_seconds=0,
                misfires=0,
                routes=("GET /", f"POST /{name}"),
                last_seq=9000,
            )


@dataclass(frozen=True)
class Place:
    """Where a service's counts go."""

    board: Board
    reports: Reports
    name: str
    slos: Sequence[Slo]


def _fill(place: Place, one: Character, now: datetime, chance: Random) -> None:
    """A month of hours, an hour of minutes, and the seconds that pages ask for."""
    end = int(now.timestamp()) - one.silent_since
    detailed = end - (HOUR if one.fault_since else RECENT)
    for slo in place.slos:
        _fill_month(place.board, slo, one, end)
    for minute in range(end // 60 * 60 - HOUR, detailed, 60):
        signal, _ = _second(one, minute, end, chance)
        whole = replace(signal, requests=signal.requests * 60)
        place.board.service(place.name).put_minute(whole)
        for slo in place.slos:
            place.board.sli(slo.name).put_minute(minute, Counts(whole.requests))
    seconds = place.reports.by_second[place.name]
    for second in range(detailed, end):
        signal, hits = _second(one, second, end, chance)
        seconds.append(signal)
        for slo in place.slos:
            place.board.sli(slo.name).put_second(second, _counted(slo, one, signal, hits, chance))
    for signal in seconds[-RECENT:]:
        place.board.service(place.name).put_second(signal)
    for signal in by_minute(seconds):
        place.board.service(place.name).put_minute(signal)


def _fill_month(board: Board, slo: Slo, one: Character, end: int) -> None:
    hours = 30 * 24
    first = end - end % 3600 - hours * 3600
    total = round(one.per_second * 3600)
    allowed = total * hours * slo.allowed_ratio
    bursts = {100: 0.3, 230: 0.25, 480: 0.2, 640: 0.15}
    for hour in range(hours - 1):
        organic = allowed * one.month * (0.1 / hours + bursts.get(hour, 0.0))
        planned = allowed * one.planned * ({150: 0.6, 560: 0.4}.get(hour, 0.0))
        bad = min(total, round(organic + planned))
        board.sli(slo.name).put_hour(first + hour * 3600, Counts(total - bad, bad, min(bad, round(planned))))


def _second(one: Character, second: int, end: int, chance: Random) -> tuple[Signal, int]:
    requests = max(round(one.per_second * chance.uniform(0.94, 1.06)), 1)
    begun, over = one.fault_before
    active = (one.fault_since > 0 and second >= end - one.fault_since) or end - begun <= second < end - over
    hits = round(requests / 2) if active else 0
    latency: dict[int, int] = {}
    for share, ms in (
        (0.5, one.fast_ms),
        (0.4, one.fast_ms * 2),
        (0.08, one.slow_ms * 0.7),
        (0.02, one.slow_ms),
    ):
        bucket = bucket_of(int(ms * chance.uniform(0.9, 1.1) * 1e6))
        latency[bucket] = latency.get(bucket, 0) + round((requests - hits) * share)
    if hits:
        bucket = bucket_of(int((600 + one.fast_ms * chance.uniform(0.9, 3)) * 1e6))
        latency[bucket] = latency.get(bucket, 0) + hits
    return Signal(second, requests, 0, {bucket: count for bucket, count in latency.items() if count}), hits


def _counted(slo: Slo, one: Character, signal: Signal, hits: int, chance: Random) -> Counts:
    planned = hits if slo.spec.sli.type == "latency" else 0
    organic = 1 if chance.random() < signal.requests * slo.allowed_ratio * one.organic else 0
    return Counts(signal.requests - planned - organic, planned + organic, planned)


def experiment_named(name: str) -> Experiment:
    return next(one for one in experiments() if one.name == name)

"""One replica drives, the others stand by: they read what it writes, and take over when it is gone.

What all of them do, because it is safe twice: answer pages, logins and access, take reports, ask providers
again (each session is claimed by one), look at the audit log, and write down what their own people did.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import wraps

import structlog

from sre_portal.contract.lease import LEASE_SECONDS
from sre_portal.core.alert import Alert, alerts_of, condition_holds
from sre_portal.core.errors import StoreUnavailable
from sre_portal.core.leases import leases_of
from sre_portal.core.ports import LeaseElsewhere
from sre_portal.core.replica import AnswerWord, LateWord, StartWord, StopWord
from sre_portal.core.run import Run
from sre_portal.operations.audited import write_late
from sre_portal.operations.board import judged_second, load_board, note_told, refresh_board
from sre_portal.operations.drive import lease_end, load_runs
from sre_portal.operations.evaluate import load_alerts
from sre_portal.operations.handover import start_for, take_answer
from sre_portal.operations.instances import look_at_instances
from sre_portal.operations.ports import Ports
from sre_portal.operations.stop import obey
from sre_portal.operations.tick import tick
from sre_portal.operations.words import understood

log = structlog.get_logger("sre_portal.replica")

Operation = Callable[[Ports], Awaitable[None]]


async def begin(ports: Ports) -> None:
    """Loads everything, at the start and for each term, and hears what other replicas tell."""
    ports.replicas.on_told(lambda text: hear(ports, text))
    await _load(ports, ports.replicas.term())


async def pass_time(ports: Ports) -> None:
    """One pass: as the driver, or as one that stands by. Called four times a second."""
    term = ports.replicas.term()
    if term != ports.watch.term:
        _leave(ports)
        if term:
            await _load(ports, term)
        log.info("drives" if term else "stands by", term=term)
    if not term:
        await follow(ports)
    elif ports.drives():
        await tick(ports)


def driving(operation: Operation) -> Operation:
    """The same, on the replica that drives alone."""

    @wraps(operation)
    async def only_there(ports: Ports) -> None:
        if ports.drives():
            await operation(ports)

    return only_there


def standing_by(operation: Operation) -> Operation:
    """The same, on the replicas that do not drive."""

    @wraps(operation)
    async def only_there(ports: Ports) -> None:
        if not ports.term():
            await operation(ports)

    return only_there


async def follow(ports: Ports) -> None:
    """Once a second: what the driver has written since."""
    second = judged_second(ports.clock.now())
    if second == ports.watch.followed:
        return
    await refresh_board(ports)
    await look_at_instances(ports)
    await _follow_alerts(ports, second)
    await follow_runs(ports)
    ports.watch.followed = second
    ports.pulse.beat()
    if ports.watch.late:
        with suppress(StoreUnavailable):
            await write_late(ports)


async def follow_runs(ports: Ports) -> None:
    """The runs that are live, and what their leases must be."""
    live = {run.id: run for run in await ports.runs.live()}
    elsewhere = [lease for run in live.values() for lease in await _leases(ports, run)]
    if ports.replicas.term():  # meanwhile this one has begun to drive
        return
    ports.watch.live = live
    ports.watch.stops = {run_id: stop for run_id, stop in ports.watch.stops.items() if run_id in live}
    ports.desk.show(elsewhere)


def hear(ports: Ports, text: str) -> None:
    """What a replica tells all others, and itself."""
    match understood(ports, text):
        case StopWord() as word:
            obey(ports, word)
        case LateWord() as word:
            note_told(ports, word.second)
        case StartWord() as word:
            start_for(ports, word)
        case AnswerWord() as word:
            take_answer(ports, word)
        case None:  # who said it, or when, has been logged
            return


def _leave(ports: Ports) -> None:
    """Nothing of a term that is over goes on. Agents that still listen are told, and come back elsewhere."""
    ports.watch.term = 0
    ports.watch.granted.clear()
    ports.desk.withdraw_all()
    ports.pulse.beat()


async def _load(ports: Ports, term: int) -> None:
    async with ports.watch.driving:
        await load_board(ports)
        ports.watch.alerts.clear()
        await load_alerts(ports)
        ports.watch.saved_at.clear()
        ports.watch.uncertified = None
        await load_runs(ports)
        live, drills = ports.watch.live, ports.watch.drills
        ports.watch.drills = {run_id: work for run_id, work in drills.items() if run_id in live}
        ports.watch.evaluated = 0
        ports.watch.term = term
        ports.desk.show(())


async def _follow_alerts(ports: Ports, second: int) -> None:
    """Where each stands the driver says; the figure of now is the same here."""
    stored = {(alert.slo, alert.rule.name): alert for alert in await ports.alerts.all()}
    followed: dict[tuple[str, str], Alert] = {}
    for slo in ports.catalogue.slos():
        for fresh in alerts_of(slo):
            key = (slo.name, fresh.rule.name)
            known = stored.get(key, fresh)
            _, value = condition_holds(fresh.rule, slo, ports.board.sli(slo.name).counts, second)
            followed[key] = replace(known if known.rule == fresh.rule else fresh, value=value)
    ports.watch.alerts = followed


async def _leases(ports: Ports, run: Run) -> list[LeaseElsewhere]:
    """Those that the driver renews now, or has not been gone for long enough."""
    if not run.harmful or (until := lease_end(ports, run)) is None:
        return []
    told = await ports.reports.lease_statuses(run.id)
    return [
        LeaseElsewhere(
            run.service,
            lease,
            until if run.ends_at is None else min(until, run.ends_at),
            frozenset(instance for instance, lease_id in told if lease_id == lease.id),
        )
        for lease in leases_of(run.experiment, run.id, LEASE_SECONDS * 1000)
    ]

"""Moves a live run: gather what is known, let `core.loop` decide, act, save.

Withdrawing comes before saving: harm ends first and is written down after. Renewing comes last: harm goes on
only when everything before it worked.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sre_portal.contract.lease import LEASE_SECONDS
from sre_portal.core.access import PORTAL, Permission
from sre_portal.core.audit import Intent
from sre_portal.core.condition import Condition, Reading, judge
from sre_portal.core.errors import Conflict
from sre_portal.core.leases import counts_for
from sre_portal.core.loop import Flip, Note, Observed, Renew, Step, Withdraw, abort, advance
from sre_portal.core.run import HARMFUL, Run
from sre_portal.core.slo import Slo, budget_size
from sre_portal.operations.board import judged_second
from sre_portal.operations.drill_acts import start_flip, start_restore
from sre_portal.operations.drill_look import look_at_drills
from sre_portal.operations.late import LateAct
from sre_portal.operations.ports import Ports

SAVE_EVERY = timedelta(seconds=1)
"""A run that only ticks is written this often; one that moves, at once."""


async def load_runs(ports: Ports) -> None:
    """The runs that were live when the portal stopped."""
    ports.watch.live = {run.id: run for run in await ports.runs.live()}


async def drive(ports: Ports, run_id: int) -> None:
    """One pass over one run. A run that is done or unknown, or that another replica drives, is left alone."""
    async with ports.watch.driving:
        if not ports.term():
            return
        run = ports.watch.live.get(run_id)
        if run is None:
            return
        seen = await observe(ports, run)
        # Asked after the look: where a stop came meanwhile, agents may be seen to have obeyed it already.
        stop = ports.watch.stops.get(run_id)
        stopped, steps = (run, ()) if stop is None else abort(run, stop.at, stop.by, stop.reason)
        moved, more = advance(stopped, seen)
        await _carry_out(ports, run, moved, (*steps, *more))
        if stop is None and run.abortion is None and (own := moved.abortion) is not None:
            # Stopping harm does not wait for the audit log.
            who, what = (own.by, PORTAL.id, ""), (Permission.RUN_ABORT.value, f"run {run.id}", own.reason)
            ports.watch.late.append(LateAct(Intent(own.at, *who, "", *what)))
        if stop is not None or not moved.live:  # one that came after the question is for the next pass
            ports.watch.stops.pop(run_id, None)


async def observe(ports: Ports, run: Run) -> Observed:
    """Everything `advance` needs to know now."""
    now = ports.clock.now()
    spec = run.experiment.spec
    names = {slo.name for slo in slos_of(ports, run)}
    return Observed(
        now=now,
        injections=await ports.reports.injections(run.id),
        statuses=await ports.reports.lease_statuses(run.id),
        holders=ports.desk.holders(run.id),
        guardrails=readings(ports, spec.guardrails, now),
        steady=readings(ports, spec.steady_state, now),
        held=readings(ports, run.experiment.held_conditions, now),
        alerts=[alert for alert in ports.watch.alerts.values() if alert.slo in names],
        changes=[one for one in await ports.alerts.changes(run.created_at) if one.slo in names],
        costs=costs(ports, run, now),
        counted_at=_counted_at(ports, run, now),
        interrupted=run.phase in HARMFUL and run.id not in ports.watch.granted,
        lease_ends_at=lease_end(ports, run),
        drills=await look_at_drills(ports, run),
    )


def lease_end(ports: Ports, run: Run) -> datetime | None:
    """When the last lease ends if nobody renews it; of a run that another process drove, at the latest."""
    if run.driven_at is None:
        return None
    end = run.driven_at + timedelta(seconds=LEASE_SECONDS)
    return end if run.id in ports.watch.granted else end + SAVE_EVERY  # it renewed more often than it saved


def readings(ports: Ports, conditions: Sequence[Condition], now: datetime) -> tuple[Reading, ...]:
    slos = {slo.name: slo for slo in ports.catalogue.slos()}
    second = judged_second(now)
    return tuple(judge(condition, ports.board, slos, second) for condition in conditions)


def slos_of(ports: Ports, run: Run) -> list[Slo]:
    """The SLOs of the run's target, and those an expectation names."""
    named = {one.slo for one in run.experiment.spec.expectations if one.type == "alert"}
    return [slo for slo in ports.catalogue.slos() if slo.spec.service == run.service or slo.name in named]


def costs(ports: Ports, run: Run, now: datetime) -> tuple[tuple[str, float], ...]:
    """Planned burn since the leases went out, as a share of the whole budget of each SLO of the target."""
    if run.granted_at is None:
        return ()
    since, until = int(run.granted_at.timestamp()), int(now.timestamp())
    found = []
    for slo in _burnt(ports, run):
        series = ports.board.sli(slo.name)
        if size := budget_size(series, slo, until):
            found.append((slo.name, series.counts(since, until).planned / size))
    return tuple(found)


def _counted_at(ports: Ports, run: Run, now: datetime) -> datetime | None:
    """Now, if a planned bad request of the target has reached the board since the first hit."""
    if run.counted_at is not None or run.effective_at is None:
        return run.counted_at
    start = int(run.effective_at.timestamp())
    seen = any(ports.board.sli(slo.name).counts(start, start + 3600).planned for slo in _burnt(ports, run))
    return now if seen else None


def _burnt(ports: Ports, run: Run) -> list[Slo]:
    """The SLOs that requests of the target count for."""
    return [slo for slo in ports.catalogue.slos() if counts_for(run.experiment.spec.target, slo)]


async def _carry_out(ports: Ports, run: Run, moved: Run, steps: Sequence[Step]) -> None:
    if any(isinstance(step, Withdraw) for step in steps):
        ports.desk.withdraw(run.id)
        start_restore(ports, run)
    notes = [step for step in steps if isinstance(step, Note)]
    if moved.phase is not run.phase or notes or _due(ports, moved):
        moved = await _save(ports, moved, notes)
    for step in steps:
        if isinstance(step, Renew):
            ports.desk.renew(run.id, step.until)
        elif isinstance(step, Flip):
            start_flip(ports, moved, step.drill)
    if moved.live:
        ports.watch.live[run.id] = moved
    else:
        ports.watch.live.pop(run.id, None)
        ports.watch.granted.discard(run.id)
        ports.watch.saved_at.pop(run.id, None)
        ports.watch.drills.pop(run.id, None)
        if run.drills and ports.watch.uncertified is not None:
            ports.watch.uncertified.add(run.id)


def _due(ports: Ports, run: Run) -> bool:
    saved = ports.watch.saved_at.get(run.id)
    return saved is None or ports.clock.now() - saved >= SAVE_EVERY


async def _save(ports: Ports, run: Run, notes: Sequence[Note]) -> Run:
    now = ports.watch.saved_at[run.id] = ports.clock.now()
    try:
        return await ports.runs.save(run, notes, now)
    except Conflict:
        ports.watch.live[run.id] = await ports.runs.get(run.id)
        raise

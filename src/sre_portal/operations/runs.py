"""Starting a run: audit, permit, check, predict, object or go."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from pydantic import TypeAdapter

from sre_portal.contract.lease import LEASE_SECONDS
from sre_portal.core.access import PORTAL, Permission, Principal
from sre_portal.core.drill_course import marks_of
from sre_portal.core.errors import InvalidInput, Objection, Refused
from sre_portal.core.experiment import Experiment
from sre_portal.core.leases import leases_of
from sre_portal.core.lint import problems_of
from sre_portal.core.note import Note
from sre_portal.core.phrase import clock
from sre_portal.core.prediction import Prediction, predict
from sre_portal.core.preflight import Situation, Switch, objections
from sre_portal.core.run import Phase, PhaseMark, Run
from sre_portal.operations.audited import Act, audited
from sre_portal.operations.board import judged_second, refresh_board
from sre_portal.operations.drill_look import look_at_switches
from sre_portal.operations.drill_work import DrillWork
from sre_portal.operations.drive import readings
from sre_portal.operations.ports import Ports
from sre_portal.operations.watch import StopRequest

STANDS_BY = Objection("replica", "this replica stands by and another one drives: ask that one, or ask again")

_dump_prediction = TypeAdapter(Prediction | None).dump_python


async def start_run(ports: Ports, actor: Principal, experiment: Experiment, address: str = "") -> Run:
    """Preflight, predict, seal, inject. Returns the run with its leases out.

    Raises `NotPermitted`, `InvalidInput` with every problem, or `Refused` with every objection; then nothing
    was injected.
    """
    subject = f"experiment {experiment.name}"
    service = experiment.spec.target.service
    about = {"experiment": experiment.name, "service": service}
    act = Act(actor, Permission.RUN_START, subject, address, after=about, service=service)
    stop_alls, term = ports.watch.stop_alls, ports.term()
    async with audited(ports, act) as record, ports.watch.driving:
        if not term:
            raise Refused([STANDS_BY])
        check_against(ports, experiment)
        await refresh_board(ports)
        situation = situation_of(ports, actor, experiment, await look_at_switches(ports, experiment))
        if found := objections(situation):
            raise Refused(found)
        run = await ports.runs.add(experiment, actor.name, situation.now)
        ports.watch.drills[run.id] = DrillWork(actor)
        record.after = {**about, "run": run.id}
        ports.watch.live[run.id] = run  # from here on a stop finds it, and a pass ends it
        try:
            run = await _seal(ports, run, situation)
        except BaseException as failure:
            _give_up(ports, run, f"the start could not be written down: {failure}")
            raise
        ports.watch.live[run.id] = run
        if ports.watch.stop_alls != stop_alls:
            _give_up(ports, run, "STOP ALL was pressed while it was starting")
            raise Refused([Objection("stop all", "STOP ALL was pressed while this run was starting")])
        if not ports.drives() or ports.term() != term:
            _give_up(ports, run, "this replica stopped driving while it was starting")
            raise Refused([STANDS_BY])
        return _inject(ports, run)


def check_against(ports: Ports, experiment: Experiment) -> None:
    """Raises `InvalidInput` where the experiment names what this portal does not know."""
    slos = {slo.name: slo for slo in ports.catalogue.slos()}
    routes: dict[str, set[str]] = {slo.spec.service: set() for slo in slos.values()}
    for instance in ports.watch.instances:
        routes.setdefault(instance.service, set()).update(instance.routes)
    flags = {kept.name: kept.flags.definitions for kept in ports.flag_book.all()}
    if problems := problems_of(experiment, slos, routes, flags):
        raise InvalidInput(problems)


def preview(ports: Ports, experiment: Experiment) -> Prediction:
    """What the run would do if it started now."""
    alerts = tuple(ports.watch.alerts.values())
    return predict(experiment, ports.catalogue.slos(), ports.board, judged_second(ports.clock.now()), alerts)


def situation_of(
    ports: Ports, actor: Principal, experiment: Experiment, switches: Sequence[Switch] = ()
) -> Situation:
    """Everything the guards of the preflight look at, as it is now. `switches`: those that it drills."""
    now = ports.clock.now()
    spec = experiment.spec
    return Situation(
        now=now,
        actor=actor,
        experiment=experiment,
        instances=[one for one in ports.watch.instances if one.service == spec.target.service],
        steady=readings(ports, spec.steady_state, now),
        guardrails=readings(ports, spec.guardrails, now),
        live_runs=tuple(ports.watch.live.values()),
        slos=ports.catalogue.slos(),
        switches=switches,
        limits=ports.limits,
        prediction=preview(ports, experiment),
    )


async def _seal(ports: Ports, run: Run, situation: Situation) -> Run:
    """Writes down all that comes before the injection, the prediction sealed, in one instant."""
    now, prediction, granted_at = situation.now, situation.prediction, ports.clock.now()
    marks = (
        PhaseMark(phase=Phase.PREFLIGHT, at=now),
        PhaseMark(phase=Phase.PREDICT, at=now),
        PhaseMark(phase=Phase.INJECT, at=granted_at),
    )
    update = {
        "phase": Phase.INJECT,
        "marks": marks,
        "prediction": prediction,
        "steady_before": tuple(situation.steady),
        "guardrails": tuple(situation.guardrails),
        "granted_at": granted_at,
        "drills": marks_of(run.experiment, granted_at),
        "driven_at": granted_at,
    }
    moved = run.model_copy(update=update)
    notes = (
        Note("preflight", "every guard agrees"),
        Note("predict", "prediction sealed", {"prediction": _dump_prediction(prediction, mode="json")}),
        _go(moved),
    )
    return await ports.runs.save(moved, notes, granted_at)


def _go(run: Run) -> Note:
    harm = [f"leases go out to {run.service}"] if run.injects else []
    harm += [f"{mark.name} is flipped, until {clock(mark.until)} at the latest" for mark in run.drills]
    return Note("inject", "; ".join(harm), {"until": str(run.ends_at)})


def _give_up(ports: Ports, run: Run, reason: str) -> None:
    """Nothing was injected. The next pass ends the run."""
    ports.watch.stops.setdefault(run.id, StopRequest(ports.clock.now(), PORTAL.name, reason))


def _inject(ports: Ports, run: Run) -> Run:
    """Puts the leases out. Everything is written down by now; from here on agents may hit requests."""
    until = ports.clock.now() + timedelta(seconds=LEASE_SECONDS)
    end = min(until, run.ends_at) if run.ends_at else until
    ports.watch.granted.add(run.id)
    ports.desk.grant(run.service, leases_of(run.experiment, run.id, LEASE_SECONDS * 1000), end)
    ports.pulse.beat()
    return run

"""Starting a run: audit, permit, check, predict, object or go."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import TypeAdapter

from sre_portal.contract.lease import LEASE_SECONDS
from sre_portal.core.access import Permission, Principal
from sre_portal.core.errors import InvalidInput, Objection, Refused
from sre_portal.core.experiment import Experiment
from sre_portal.core.leases import leases_of
from sre_portal.core.lint import problems_of
from sre_portal.core.prediction import Prediction, predict
from sre_portal.core.preflight import Situation, objections
from sre_portal.core.run import Phase, PhaseMark, Run
from sre_portal.operations.audited import Act, audited
from sre_portal.operations.board import judged_second, refresh_board
from sre_portal.operations.drive import readings
from sre_portal.operations.ports import Ports

_dump_prediction = TypeAdapter(Prediction | None).dump_python


async def start_run(ports: Ports, actor: Principal, experiment: Experiment, address: str = "") -> Run:
    """Preflight, predict, seal, inject. Returns the run with its leases out.

    Raises `NotPermitted`, `InvalidInput` with every problem, or `Refused` with every objection; then nothing
    was started.
    """
    subject = f"experiment {experiment.name}"
    act = Act(actor, Permission.RUN_START, subject, address, f"on {experiment.spec.target.service}")
    stop_alls = ports.watch.stop_alls
    async with audited(ports, act), ports.watch.driving:
        check_against(ports, experiment)
        await refresh_board(ports)
        situation = situation_of(ports, actor, experiment)
        if found := objections(situation):
            raise Refused(found)
        run = await _record(ports, situation)
        if ports.watch.stop_alls != stop_alls:
            await ports.runs.save(_stopped(run, ports.clock.now()))
            raise Refused([Objection("stop all", "STOP ALL was pressed while this run was starting")])
        return _inject(ports, run)


def check_against(ports: Ports, experiment: Experiment) -> None:
    """Raises `InvalidInput` where the experiment names what this portal does not know."""
    slos = {slo.name: slo for slo in ports.catalogue.slos()}
    routes: dict[str, set[str]] = {slo.spec.service: set() for slo in slos.values()}
    for instance in ports.watch.instances:
        routes.setdefault(instance.service, set()).update(instance.routes)
    if problems := problems_of(experiment, slos, routes):
        raise InvalidInput(problems)


def preview(ports: Ports, experiment: Experiment) -> Prediction:
    """What the run would do if it started now."""
    alerts = tuple(ports.watch.alerts.values())
    return predict(experiment, ports.catalogue.slos(), ports.board, judged_second(ports.clock.now()), alerts)


def situation_of(ports: Ports, actor: Principal, experiment: Experiment) -> Situation:
    """Everything the guards of the preflight look at, as it is now."""
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
        limits=ports.limits,
        prediction=preview(ports, experiment),
    )


async def _record(ports: Ports, situation: Situation) -> Run:
    """Writes the run down, up to the instant before it injects: the prediction is sealed here."""
    now, prediction = situation.now, situation.prediction
    run = await ports.runs.add(situation.experiment, situation.actor.name, now)
    await _note(ports, run, "preflight", "every guard agrees", {})
    await _note(
        ports, run, "predict", "prediction sealed", {"prediction": _dump_prediction(prediction, mode="json")}
    )
    granted_at = ports.clock.now()
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
        "driven_at": granted_at,
    }
    run = await ports.runs.save(run.model_copy(update=update))
    await _note(ports, run, "inject", f"leases go out to {run.service}", {"until": str(run.ends_at)})
    return run


def _inject(ports: Ports, run: Run) -> Run:
    """Puts the leases out. Everything is written down by now; from here on agents may hit requests."""
    until = ports.clock.now() + timedelta(seconds=LEASE_SECONDS)
    end = min(until, run.ends_at) if run.ends_at else until
    ports.watch.granted.add(run.id)
    ports.watch.live[run.id] = run
    ports.desk.grant(run.service, leases_of(run.experiment, run.id, LEASE_SECONDS * 1000), end)
    ports.pulse.beat()
    return run


def _stopped(run: Run, at: datetime) -> Run:
    return run.model_copy(
        update={
            "phase": Phase.DONE,
            "marks": (*run.marks, PhaseMark(phase=Phase.DONE, at=at)),
            "ended_at": at,
            "reasons": ("STOP ALL was pressed while this run was starting; nothing was injected",),
        }
    )


async def _note(ports: Ports, run: Run, kind: str, text: str, facts: Mapping[str, object]) -> None:
    await ports.journal.append(run.id, ports.clock.now(), kind, text, facts)

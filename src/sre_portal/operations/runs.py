"""Starting a run: audit, permit, check, predict, object or go."""

from __future__ import annotations

from pydantic import TypeAdapter

from sre_portal.core.access import Permission, Principal
from sre_portal.core.errors import InvalidInput, Objection, Refused
from sre_portal.core.experiment import Experiment
from sre_portal.core.lint import problems_of
from sre_portal.core.prediction import Prediction, predict
from sre_portal.core.preflight import objections
from sre_portal.core.run import Phase, Run
from sre_portal.operations.audited import Act, audited
from sre_portal.operations.board import judged_second, refresh_board
from sre_portal.operations.ports import Ports

_dump_prediction = TypeAdapter(Prediction).dump_python


async def start_run(ports: Ports, actor: Principal, experiment: Experiment, address: str = "") -> Run:
    """Preflight, predict, seal, inject. Returns the run with its leases out.

    Raises `NotPermitted`, `InvalidInput` with every problem, or `Refused` with every objection; then nothing
    was started.
    """
    act = Act(
        actor, Permission.RUN_START, f"experiment {experiment.name}", address, experiment.spec.target.service
    )
    stop_alls = ports.watch.stop_alls
    async with audited(ports, act), ports.watch.driving:
        check_against(ports, experiment)
        await refresh_board(ports)
        prediction = preview(ports, experiment)
        if found := objections(situation_of(ports, actor, experiment, prediction)):
            raise Refused(found)
        run = await _record(ports, actor, experiment, prediction)
        if ports.watch.stop_alls != stop_alls:
            await ports.runs.save(run.model_copy(update={"phase": Phase.DONE, "reasons": ("STOP ALL",)}))
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
    slos = {slo.name: slo for slo in ports.catalogue.slos()}
    alerts = tuple(ports.watch.alerts.values())
    return predict(experiment, slos, ports.board, judged_second(ports.clock.now()), alerts)

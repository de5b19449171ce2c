"""What can be run, and what was learned from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from sre_portal.core.access import Permission, Principal
from sre_portal.core.errors import InvalidInput, NotFound, Problem
from sre_portal.core.experiment import Experiment
from sre_portal.core.parse import dump_document
from sre_portal.core.preflight import Switch
from sre_portal.core.run import Run
from sre_portal.operations.drill_look import look_at_switches
from sre_portal.operations.ports import Ports
from sre_portal.operations.runs import check_against
from sre_portal.web import render
from sre_portal.web.context import ports_of, principal_of
from sre_portal.web.pages.effect import Effect
from sre_portal.web.pages.figures import Moment, moment, plural, span
from sre_portal.web.pages.frame import May, permission
from sre_portal.web.pages.pill import Pill, run_pill
from sre_portal.web.pages.proof import Detection, detection_of
from sre_portal.web.pages.quick_fault import effect_of, expected_words, held_by
from sre_portal.web.pages.run_row import RunRow
from sre_portal.web.pages.trend import Trend, trend_of
from sre_portal.web.pages.wording import experiment_words

RUNS_LOOKED_AT = 200
RUNS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class LibraryRow:
    name: str
    title: str
    words: str
    duration: str
    service: str
    last: Pill | None
    last_at: Moment | None
    last_id: int
    detection: Detection | None
    trend: Trend

    @classmethod
    def of(cls, experiment: Experiment, runs: Sequence[Run], now: datetime) -> LibraryRow:
        last = runs[0] if runs else None
        return cls(
            name=experiment.name,
            title=experiment.title,
            words=experiment_words(experiment),
            duration=span(experiment.spec.duration),
            service=experiment.spec.target.service,
            last=run_pill(last) if last else None,
            last_at=moment(last.ended_at or last.created_at, now) if last else None,
            last_id=last.id if last else 0,
            detection=detection_of(last) if last else None,
            trend=trend_of(runs),
        )


@dataclass(frozen=True, slots=True)
class ExperimentsPage:
    summary: str
    rows: tuple[LibraryRow, ...]

    @classmethod
    def of(cls, library: Sequence[Experiment], runs: Sequence[Run], now: datetime) -> ExperimentsPage:
        rows = tuple(
            LibraryRow.of(one, [run for run in runs if run.name == one.name], now) for one in library
        )
        ran = sum(row.last is not None for row in rows)
        return cls(f"{plural(len(rows), 'document')}, {ran} run so far", rows)


@dataclass(frozen=True, slots=True)
class ExperimentPage:
    name: str
    title: str
    description: str
    words: str
    facts: tuple[tuple[str, str], ...]
    effect: Effect | None
    problems: tuple[str, ...]
    document: str
    runs: tuple[RunRow, ...]
    may: May
    held: str

    @classmethod
    def of(
        cls,
        ports: Ports,
        who: Principal,
        experiment: Experiment,
        runs: Sequence[Run],
        switches: Sequence[Switch] = (),
    ) -> ExperimentPage:
        spec = experiment.spec
        effect: Effect | None = None
        problems: Sequence[Problem] = ()
        try:
            check_against(ports, experiment)
            effect = effect_of(ports, who, experiment, switches)
        except InvalidInput as invalid:
            problems = invalid.problems
        now = ports.clock.now()
        return cls(
            name=experiment.name,
            title=experiment.title,
            description=experiment.metadata.description,
            words=experiment_words(experiment),
            facts=(
                ("For", span(spec.duration)),
                ("Guardrails", plural(len(spec.guardrails), "condition")),
                ("Steady state", plural(len(spec.steady_state), "condition")),
                ("Expected", expected_words(experiment)),
            ),
            effect=effect,
            problems=tuple(map(str, problems)),
            document=dump_document(experiment),
            runs=tuple(RunRow.of(run, now) for run in runs),
            may=permission(who, Permission.RUN_START, spec.target.service),
            held=held_by(ports, spec.target.service),
        )


async def experiments(request: Request) -> Response:
    ports = ports_of(request)
    runs = await ports.runs.recent(RUNS_LOOKED_AT)
    return render.page(
        request,
        "experiments.html",
        ExperimentsPage.of(ports.catalogue.experiments(), runs, ports.clock.now()),
    )


async def experiment(request: Request) -> Response:
    ports = ports_of(request)
    name = str(request.path_params["name"])
    found = next((one for one in ports.catalogue.experiments() if one.name == name), None)
    if found is None:
        raise NotFound("experiment", name)
    runs = await ports.runs.recent(RUNS_SHOWN, experiment=name)
    switches = await look_at_switches(ports, found)
    view = ExperimentPage.of(ports, principal_of(request), found, runs, switches)
    return render.page(request, "experiment.html", view)

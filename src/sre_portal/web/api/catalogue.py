"""Documents: what is in force, what would be wrong with a new one, and what it would do."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import Request
from pydantic import BaseModel

from sre_portal.core.errors import InvalidInput
from sre_portal.core.experiment import Experiment
from sre_portal.core.lint import advice_of
from sre_portal.core.parse import parse_experiment
from sre_portal.core.prediction import Prediction
from sre_portal.core.slo import Slo
from sre_portal.operations.runs import check_against, preview
from sre_portal.web.api.runs import DocumentBody
from sre_portal.web.api.schema import ExperimentJson, ProblemJson, RunSummaryJson
from sre_portal.web.context import ports_of


class LintJson(BaseModel):
    problems: list[ProblemJson]
    advice: list[str]


async def experiments(request: Request) -> list[ExperimentJson]:
    """The library, each with its last run."""
    ports = ports_of(request)
    found = []
    for experiment in ports.catalogue.experiments():
        last = await ports.runs.recent(1, experiment=experiment.name)
        summary = RunSummaryJson.of(last[0]) if last else None
        found.append(
            ExperimentJson(
                name=experiment.name,
                title=experiment.title,
                service=experiment.spec.target.service,
                last_run=summary,
                document=experiment.model_dump(mode="json", by_alias=True),
            )
        )
    return found


async def lint(request: Request, body: DocumentBody) -> LintJson:
    """Every problem of a document, also against the services and SLOs of this portal. Starts nothing."""
    try:
        experiment = parse_experiment(body.document, "document")
        check_against(ports_of(request), experiment)
    except InvalidInput as invalid:
        return LintJson(problems=[ProblemJson(**asdict(one)) for one in invalid.problems], advice=[])
    return LintJson(problems=[], advice=_advice(experiment))


async def predict(request: Request, body: DocumentBody) -> Prediction:
    """What the experiment would do if it started now. Starts nothing."""
    experiment = parse_experiment(body.document, "document")
    check_against(ports_of(request), experiment)
    return preview(ports_of(request), experiment)


async def slos(request: Request) -> list[Slo]:
    """The SLO documents in force."""
    return list(ports_of(request).catalogue.slos())


def _advice(experiment: Experiment) -> list[str]:
    return [str(one) for one in advice_of(experiment)]

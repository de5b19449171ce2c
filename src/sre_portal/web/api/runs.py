"""Runs: start, read, abort; and STOP ALL."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from pydantic import BaseModel, ConfigDict, Field

from sre_portal.core.parse import parse_experiment
from sre_portal.core.timeline import timeline
from sre_portal.operations.handover import start_anywhere
from sre_portal.operations.stop import abort_run, stop_all
from sre_portal.web.api.schema import JournalJson, RunJson, RunSummaryJson
from sre_portal.web.context import address_of, ports_of, principal_of

EXAMPLE = """\
apiVersion: sre-portal.dev/v1
kind: Experiment
metadata: {name: errors-payments, title: Some payments fail}
spec:
  target: {service: payments, share: {percent: 10}}
  faults: [{type: error, status: 503}]
  duration: 30s
"""


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DocumentBody(Body):
    document: str = Field(
        max_length=262_144, description="The experiment, as YAML or JSON text.", examples=[EXAMPLE]
    )


class AbortBody(Body):
    reason: str = Field("aborted by hand", max_length=500)


class StoppedJson(BaseModel):
    ended: list[int] = Field(description="The runs that were ended.")


async def start(request: Request, body: DocumentBody) -> RunJson:
    """Checks, predicts and starts an experiment. 422 with every problem, 409 with every objection."""
    experiment = parse_experiment(body.document, "document")
    run = await start_anywhere(ports_of(request), principal_of(request), experiment, address_of(request))
    return RunJson.of(run, timeline(run))


async def recent(
    request: Request,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    experiment: Annotated[str | None, Query(max_length=63)] = None,
) -> list[RunSummaryJson]:
    """Runs, newest first."""
    found = await ports_of(request).runs.recent(limit, experiment=experiment)
    return [RunSummaryJson.of(run) for run in found]


async def show(request: Request, run_id: int) -> RunJson:
    """One run with its prediction, time line, verdict and reasons."""
    ports = ports_of(request)
    run = ports.watch.live.get(run_id) or await ports.runs.get(run_id)
    return RunJson.of(run, timeline(run))


async def journal(request: Request, run_id: int) -> list[JournalJson]:
    """Every step of a run, each sealed by the hash of the one before."""
    ports = ports_of(request)
    await ports.runs.get(run_id)
    return [JournalJson.of(entry) for entry in await ports.journal.entries(run_id)]


async def abort(request: Request, run_id: int, body: AbortBody | None = None) -> RunJson:
    """Ends a run at once. A run that is over is returned as it is."""
    reason = (body or AbortBody()).reason
    run = await abort_run(ports_of(request), principal_of(request), run_id, reason, address_of(request))
    return RunJson.of(run, timeline(run))


async def stop(request: Request) -> StoppedJson:
    """STOP ALL: withdraws every lease at once and ends every run."""
    return StoppedJson(
        ended=list(await stop_all(ports_of(request), principal_of(request), address_of(request)))
    )

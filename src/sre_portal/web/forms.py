"""What a page's form does. Each ends in a redirect to the page that shows the effect."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sre_portal.core.errors import InvalidInput, NotFound, Refused
from sre_portal.core.experiment import Experiment
from sre_portal.operations.handover import start_anywhere
from sre_portal.operations.stop import abort_run, stop_all
from sre_portal.web.context import address_of, ports_of, principal_of
from sre_portal.web.pages.quick_fault import quick_fault_document, rejected
from sre_portal.web.pages.stop import run_id_of


async def start_quick_fault(request: Request) -> Response:
    """Starts what the quick-fault panel describes, or shows the panel again with what is wrong."""
    form = await request.form()
    fields = {key: value for key, value in form.items() if isinstance(value, str)}
    fields["service"] = request.path_params["name"]
    try:
        return await _start(request, quick_fault_document(fields, ports_of(request)))
    except (InvalidInput, Refused) as refusal:
        return await rejected(request, fields, refusal)


async def start_experiment(request: Request) -> Response:
    return await _start(request, experiment_named(request, request.path_params["name"]))


async def abort(request: Request) -> Response:
    reason = (await request.form()).get("reason", "")
    run_id = run_id_of(request)
    text = reason.strip()[:500] if isinstance(reason, str) else ""
    await abort_run(
        ports_of(request), principal_of(request), run_id, text or "aborted by hand", address_of(request)
    )
    return RedirectResponse(f"/runs/{run_id}", 303)


async def stop_everything(request: Request) -> Response:
    ended = await stop_all(ports_of(request), principal_of(request), address_of(request))
    return RedirectResponse(f"/runs/{max(ended)}" if ended else "/", 303)


def experiment_named(request: Request, name: str) -> Experiment:
    """A document of the library. Raises `NotFound`."""
    for experiment in ports_of(request).catalogue.experiments():
        if experiment.name == name:
            return experiment
    raise NotFound("experiment", name)


async def _start(request: Request, experiment: Experiment) -> Response:
    run = await start_anywhere(ports_of(request), principal_of(request), experiment, address_of(request))
    return RedirectResponse(f"/runs/{run.id}", 303)

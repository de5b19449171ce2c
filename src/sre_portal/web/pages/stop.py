"""Ending harm on plain pages: they work without script and where a browser has no popover."""

from __future__ import annotations

from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sre_portal.contract.lease import LEASE_SECONDS
from sre_portal.core.run import Run
from sre_portal.web import render
from sre_portal.web.context import number_in, ports_of
from sre_portal.web.pages.figures import clock
from sre_portal.web.pages.wording import experiment_words


@dataclass(frozen=True, slots=True)
class AbortPage:
    run_id: int
    title: str
    facts: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, run: Run) -> AbortPage:
        return cls(run.id, run.experiment.title, abort_facts(run))


async def stop_all_page(request: Request) -> Response:
    return render.page(request, "stop_all.html", None)


async def abort_page(request: Request) -> Response:
    """A run that is over has nothing to abort: its own page says so."""
    run_id = run_id_of(request)
    run = ports_of(request).watch.live.get(run_id)
    if run is None:
        return RedirectResponse(f"/runs/{run_id}", 303)
    return render.page(request, "abort.html", AbortPage.of(run))


def abort_facts(run: Run) -> tuple[tuple[str, str], ...]:
    """What aborting a run will do."""
    return (
        ("Ends", experiment_words(run.experiment)),
        ("Last injected request", f"within {LEASE_SECONDS:.0f} s"),
        ("Without this it ends by itself", f"{clock(run.ends_at)} UTC" if run.ends_at else "before it began"),
        ("Verdict", "aborted, the evidence is kept"),
    )


def run_id_of(request: Request) -> int:
    """The run in the path. Raises `InvalidInput`."""
    return number_in(request, "id", "the number of a run")

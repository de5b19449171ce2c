"""The application: every route on one screen, each with what it needs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from sre_portal import __version__
from sre_portal.core.access import Permission
from sre_portal.operations.ports import Ports
from sre_portal.web import agents, forms, live, login, probes
from sre_portal.web.api.routes import api_router, openapi
from sre_portal.web.errors import install
from sre_portal.web.guard import Guarded
from sre_portal.web.pages import (
    audit,
    audit_entry,
    experiments,
    overview,
    quick_fault,
    runs,
    services,
    status,
    stop,
)
from sre_portal.web.rate import Limiter
from sre_portal.web.walls import WalledApp, Walls

STATIC = Path(__file__).parent / "static" / "dist"

ROUTES: Sequence[Guarded] = (
    Guarded("GET", "/", overview.overview, Permission.PORTAL_READ),
    Guarded("GET", "/services", services.services, Permission.PORTAL_READ),
    Guarded("GET", "/services/{name}", services.service, Permission.PORTAL_READ),
    Guarded("GET", "/services/{name}/preview", quick_fault.preview, Permission.PORTAL_READ),
    Guarded("GET", "/experiments", experiments.experiments, Permission.PORTAL_READ),
    Guarded("GET", "/experiments/{name}", experiments.experiment, Permission.PORTAL_READ),
    Guarded("GET", "/runs", runs.runs, Permission.PORTAL_READ),
    Guarded("GET", "/runs/{id}", runs.run, Permission.PORTAL_READ),
    Guarded("GET", "/runs/{id}/journal", runs.journal, Permission.PORTAL_READ),
    Guarded("GET", "/runs/{id}/abort", stop.abort_page, Permission.RUN_ABORT),
    Guarded("GET", "/audit", audit.audit, Permission.AUDIT_READ),
    Guarded("GET", "/audit/{seq}", audit_entry.audit_entry, Permission.AUDIT_READ),
    Guarded("GET", "/stop-all", stop.stop_all_page, Permission.HARM_STOP),
    Guarded("POST", "/services/{name}/review", quick_fault.review, Permission.RUN_START),
    Guarded("POST", "/services/{name}/quick-fault", forms.start_quick_fault, Permission.RUN_START),
    Guarded("POST", "/experiments/{name}/run", forms.start_experiment, Permission.RUN_START),
    Guarded("POST", "/runs/{id}/abort", forms.abort, Permission.RUN_ABORT),
    Guarded("POST", "/stop-all", forms.stop_everything, Permission.HARM_STOP),
    Guarded("POST", "/logout", login.logout, "person"),
    Guarded("POST", "/logout/everywhere", login.everywhere, "person"),
    Guarded("GET", "/live/overview", live.overview, Permission.PORTAL_READ),
    Guarded("GET", "/live/services/{name}", live.service, Permission.PORTAL_READ),
    Guarded("GET", "/live/runs/{id}", live.run, Permission.PORTAL_READ),
    Guarded("GET", "/agents/v1/plan", agents.plans, "agent"),
    Guarded("POST", "/agents/v1/reports", agents.report, "agent"),
    Guarded("GET", "/api/v1/openapi.json", openapi, Permission.PORTAL_READ),
    Guarded("GET", "/login", login.login, "public", "login"),
    Guarded("GET", "/login/with/{provider}", login.begin, "public", "login"),
    Guarded("GET", "/login/callback/{provider}", login.callback, "public", "callback"),
    Guarded("POST", "/login/backchannel/{provider}", login.backchannel, "public", "backchannel"),
    Guarded("GET", "/status", status.status, "public"),
    Guarded("GET", "/healthz", probes.healthz, "public"),
    Guarded("GET", "/readyz", probes.readyz, "public"),
    Guarded("GET", "/metrics", probes.metrics, Permission.METRICS_READ),
)


class Assets(StaticFiles):
    """Files named by their content: they never change."""

    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def build_app(ports: Ports, walls: Walls | None = None) -> FastAPI:
    """The ASGI application over the given ports. It starts no loop and opens nothing."""
    app = WalledApp(
        title="SRE Portal",
        version=__version__,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    app.walls = walls or Walls(behind_tls=ports.is_behind_tls)
    app.state.ports = ports
    app.state.limiter = Limiter()
    app.state.closing = asyncio.Event()
    app.router.routes.extend(row.route() for row in ROUTES)
    app.router.routes.append(Mount("/static", Assets(directory=STATIC, check_dir=False), name="static"))
    app.include_router(api_router())
    install(app)
    return app

"""The application: every route on one screen, each with what it needs."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from sre_portal import __version__
from sre_portal.core.access import Permission
from sre_portal.operations.flag_facts import facts_of
from sre_portal.operations.flag_feed import FlagFeeds
from sre_portal.operations.ports import Ports
from sre_portal.web import (
    access,
    account,
    agents,
    authzen,
    flag_drills,
    flag_plans,
    flag_stream,
    flags,
    forms,
    live,
    login,
    ofrep,
    ofrep_events,
    ofrep_wire,
    probes,
)
from sre_portal.web.api.routes import api_router, openapi
from sre_portal.web.doorkeeper import Doorkeeper
from sre_portal.web.errors import install
from sre_portal.web.guard import Guarded
from sre_portal.web.limits import FlagLimits
from sre_portal.web.pages import access as access_page
from sre_portal.web.pages import (
    access_account,
    access_asked,
    access_tokens,
    audit,
    audit_entry,
    experiments,
    flag,
    flag_asked,
    flag_copy,
    flag_drill,
    flag_edit,
    flag_history,
    flag_preview,
    flag_review,
    flag_schedule,
    overview,
    quick_fault,
    runs,
    services,
    status,
    stop,
)
from sre_portal.web.pages import account as account_page
from sre_portal.web.pages import flag_plans as flag_plans_page
from sre_portal.web.pages import flags as flags_page
from sre_portal.web.rate import Limiter
from sre_portal.web.walls import WalledApp, Walls

STATIC = Path(__file__).parent / "static" / "dist"

ROUTES: Sequence[Guarded] = (
    # First, because routes are tried in their order and programs ask these for each of their requests.
    Guarded("POST", ofrep_wire.FLAGS + "/{key}", ofrep.evaluate, Permission.FLAG_ASK),
    Guarded("POST", ofrep_wire.FLAGS, ofrep.evaluate_all, Permission.FLAG_ASK),
    Guarded("GET", ofrep.EVENTS, ofrep_events.events, "ticket"),
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
    Guarded("GET", "/flags", flags_page.flags, Permission.FLAG_READ),
    Guarded("GET", "/flags/new", flag_edit.new, Permission.FLAG_FLIP),
    Guarded("GET", "/flags/{flag_set}/{key}", flag.flag, Permission.FLAG_READ),
    Guarded("GET", "/flags/{flag_set}/{key}/versions/{version}", flag_history.version, Permission.FLAG_READ),
    Guarded("GET", "/flags/{flag_set}/{key}/edit", flag_edit.edit, Permission.FLAG_READ),
    Guarded("GET", "/flags/{flag_set}/{key}/toggle", flag_asked.ask_to_toggle, Permission.FLAG_FLIP),
    Guarded("GET", "/flags/{flag_set}/{key}/remove", flag_asked.ask_to_remove, Permission.FLAG_FLIP),
    Guarded("POST", "/flags/{flag_set}/{key}/edit", flag_edit.edit_again, Permission.FLAG_READ),
    Guarded("POST", "/flags/{flag_set}/{key}/preview", flag_preview.preview, Permission.FLAG_READ),
    Guarded("POST", "/flags/{flag_set}/{key}/review", flag_review.review, Permission.FLAG_FLIP),
    Guarded("POST", "/flags/{flag_set}/{key}/share", flag_review.review_share, Permission.FLAG_FLIP),
    Guarded("GET", "/flags/{flag_set}/{key}/copy", flag_copy.review_copy, Permission.FLAG_READ),
    Guarded("POST", "/flags/{flag_set}/{key}/copy", flags.bring, Permission.FLAG_FLIP),
    Guarded("GET", "/flags/{flag_set}/{key}/plan", flag_schedule.schedule, Permission.FLAG_READ),
    Guarded(
        "POST", "/flags/{flag_set}/{key}/plan/review", flag_schedule.review_schedule, Permission.FLAG_FLIP
    ),
    Guarded("POST", "/flags/{flag_set}/{key}/plan", flag_plans.plan, Permission.FLAG_FLIP),
    Guarded("GET", "/flags/{flag_set}/{key}/drill", flag_drill.drill, Permission.FLAG_READ),
    Guarded("POST", "/flags/{flag_set}/{key}/drill/review", flag_drill.review_drill, Permission.RUN_START),
    Guarded("POST", "/flags/{flag_set}/{key}/drill", flag_drills.start_drill, Permission.RUN_START),
    Guarded("GET", "/flag-plans", flag_plans_page.plans, Permission.FLAG_READ),
    Guarded("GET", "/flag-plans/{id}", flag_plans_page.plan, Permission.FLAG_READ),
    Guarded("POST", "/flag-plans/{id}/approve", flag_plans.approve, Permission.FLAG_FLIP),
    Guarded("POST", "/flag-plans/{id}/refuse", flag_plans.refuse, Permission.FLAG_FLIP),
    Guarded("POST", "/flag-plans/{id}/cancel", flag_plans.cancel, Permission.FLAG_FLIP),
    Guarded("POST", "/flags/{flag_set}/{key}/save", flags.save, Permission.FLAG_FLIP),
    Guarded("POST", "/flags/{flag_set}/{key}/toggle", flags.toggle, Permission.FLAG_FLIP),
    Guarded("POST", "/flags/{flag_set}/{key}/remove", flags.remove, Permission.FLAG_FLIP),
    Guarded("GET", "/audit", audit.audit, Permission.AUDIT_READ),
    Guarded("GET", "/audit/{seq}", audit_entry.audit_entry, Permission.AUDIT_READ),
    Guarded("GET", "/stop-all", stop.stop_all_page, Permission.HARM_STOP),
    Guarded("POST", "/services/{name}/review", quick_fault.review, Permission.RUN_START),
    Guarded("POST", "/services/{name}/quick-fault", forms.start_quick_fault, Permission.RUN_START),
    Guarded("POST", "/experiments/{name}/run", forms.start_experiment, Permission.RUN_START),
    Guarded("POST", "/runs/{id}/abort", forms.abort, Permission.RUN_ABORT),
    Guarded("POST", "/stop-all", forms.stop_everything, Permission.HARM_STOP),
    Guarded("GET", "/account", account_page.account, "person"),
    Guarded("GET", "/account/sign-out", account_page.sign_out_page, "person"),
    Guarded("GET", "/account/tokens/{name}/revoke", account_page.revoke_page, "person"),
    Guarded("POST", "/account/sessions/{id}/end", account.end_session, "person"),
    Guarded("POST", "/account/tokens", account.issue, "person"),
    Guarded("POST", "/account/tokens/{name}/revoke", account.revoke, "person"),
    Guarded("POST", "/account/glass/break", account.break_own_glass, Permission.GLASS_BREAK),
    Guarded("POST", "/account/glass/mend", account.mend_own_glass, Permission.GLASS_BREAK),
    Guarded("GET", "/access", access_page.access, Permission.ACCESS_READ),
    Guarded("GET", "/access/accounts/{id}", access_account.account, Permission.ACCESS_READ),
    Guarded("GET", "/access/accounts/{id}/block", access_asked.ask_to_block, Permission.ACCESS_CHANGE),
    Guarded("GET", "/access/accounts/{id}/unblock", access_asked.ask_to_unblock, Permission.ACCESS_CHANGE),
    Guarded("GET", "/access/accounts/{id}/sign-out", access_asked.ask_to_sign_out, Permission.ACCESS_CHANGE),
    Guarded("GET", "/access/grants/{id}/withdraw", access_asked.ask_to_withdraw, Permission.ACCESS_CHANGE),
    Guarded("GET", "/access/tokens", access_tokens.tokens, Permission.TOKEN_ISSUE),
    Guarded("GET", "/access/tokens/{name}/rotate", access_tokens.ask_to_rotate, Permission.TOKEN_ISSUE),
    Guarded("GET", "/access/tokens/{name}/revoke", access_tokens.ask_to_revoke, Permission.TOKEN_ISSUE),
    Guarded("POST", "/access/accounts/{id}/grants", access.give, Permission.ACCESS_CHANGE),
    Guarded("POST", "/access/accounts/{id}/block", access.block, Permission.ACCESS_CHANGE),
    Guarded("POST", "/access/accounts/{id}/unblock", access.unblock, Permission.ACCESS_CHANGE),
    Guarded("POST", "/access/accounts/{id}/sign-out", access.sign_out, Permission.ACCESS_CHANGE),
    Guarded("POST", "/access/grants/{id}/withdraw", access.withdraw, Permission.ACCESS_CHANGE),
    Guarded("POST", "/access/tokens", access.issue, Permission.TOKEN_ISSUE),
    Guarded("POST", "/access/tokens/{name}/rotate", access.rotate, Permission.TOKEN_ISSUE),
    Guarded("POST", "/access/tokens/{name}/revoke", access.revoke, Permission.TOKEN_ISSUE),
    Guarded("POST", "/access/v1/evaluation", authzen.evaluation, Permission.ACCESS_READ, "authzen"),
    Guarded("POST", "/access/v1/evaluations", authzen.evaluations, Permission.ACCESS_READ, "authzen"),
    Guarded("POST", "/access/v1/search/subject", authzen.search_subject, Permission.ACCESS_READ, "authzen"),
    Guarded("POST", "/access/v1/search/resource", authzen.search_resource, Permission.ACCESS_READ, "authzen"),
    Guarded("POST", "/access/v1/search/action", authzen.search_action, Permission.ACCESS_READ, "authzen"),
    Guarded("GET", "/.well-known/authzen-configuration", authzen.metadata, "public"),
    Guarded("POST", "/logout", login.logout, "person"),
    Guarded("POST", "/logout/everywhere", login.everywhere, "person"),
    Guarded("GET", "/live/overview", live.overview, Permission.PORTAL_READ),
    Guarded("GET", "/live/services/{name}", live.service, Permission.PORTAL_READ),
    Guarded("GET", "/live/runs/{id}", live.run, Permission.PORTAL_READ),
    Guarded("GET", "/live/flags", live.flags, Permission.FLAG_READ),
    Guarded("GET", "/live/flags/{flag_set}/{key}", live.flag, Permission.FLAG_READ),
    Guarded("GET", "/agents/v1/plan", agents.plans, "agent"),
    Guarded("POST", "/agents/v1/reports", agents.report, "agent"),
    Guarded("GET", "/agents/v1/flags", flag_stream.flags, "agent"),
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


def build_app(ports: Ports, walls: Walls | None = None, limits: FlagLimits | None = None) -> FastAPI:
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
    _add_streams(app, ports, limits or FlagLimits())
    app.router.routes.extend(row.route() for row in ROUTES)
    app.router.routes.append(Mount("/static", Assets(directory=STATIC, check_dir=False), name="static"))
    app.include_router(api_router())
    install(app)
    return app


def _add_streams(app: FastAPI, ports: Ports, limits: FlagLimits) -> None:
    """What is shared by all who read on: each begins to work with its first reader."""
    state, closing = app.state, app.state.closing
    state.flag_limits = limits
    state.live_topics = dict[str, live.Topic]()
    state.doorkeeper = Doorkeeper(ports, limits.access_seconds)
    state.flag_streams = ofrep_events.FlagStreams(ports, state.doorkeeper, closing, limits)
    state.flag_feeds = FlagFeeds(
        ports.flag_book, partial(facts_of, ports), lambda: ports.clock.now().timestamp(), closing
    )

"""The routes of the API on one screen, each with what it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from sre_portal.core.access import Permission
from sre_portal.web.api import (
    access,
    audit,
    catalogue,
    drills,
    flag_moves,
    flag_observed,
    flag_plans,
    flag_seen,
    flags,
    observed,
    runs,
    tokens,
)
from sre_portal.web.api.answers import ANSWERS, described
from sre_portal.web.api.flag_plan_schema import FlagPlanJson
from sre_portal.web.first import GuardedFirst
from sre_portal.web.guard import Allowed
from sre_portal.web.rate import paced, paced_flip

Row = tuple[Literal["GET", "POST"], str, Callable[..., Any], Permission]

ROUTES: Sequence[Row] = (
    ("GET", "/runs", runs.recent, Permission.PORTAL_READ),
    ("POST", "/runs", runs.start, Permission.RUN_START),
    ("GET", "/runs/{run_id}", runs.show, Permission.PORTAL_READ),
    ("GET", "/runs/{run_id}/journal", runs.journal, Permission.PORTAL_READ),
    ("GET", "/runs/{run_id}/certificates", drills.of_run, Permission.PORTAL_READ),
    ("GET", "/runs/{run_id}/certificates/{flag_set}/{key}", drills.download, Permission.PORTAL_READ),
    ("POST", "/runs/{run_id}/abort", runs.abort, Permission.RUN_ABORT),
    ("POST", "/stop-all", runs.stop, Permission.HARM_STOP),
    ("GET", "/experiments", catalogue.experiments, Permission.PORTAL_READ),
    ("POST", "/experiments/lint", catalogue.lint, Permission.PORTAL_READ),
    ("POST", "/experiments/predict", catalogue.predict, Permission.PORTAL_READ),
    ("GET", "/slos", catalogue.slos, Permission.PORTAL_READ),
    ("GET", "/services", observed.services, Permission.PORTAL_READ),
    ("GET", "/services/{name}", observed.service, Permission.PORTAL_READ),
    ("GET", "/services/{name}/signals", observed.signals, Permission.PORTAL_READ),
    ("GET", "/alerts", observed.alerts, Permission.PORTAL_READ),
    ("GET", "/flag-sets", flags.sets, Permission.FLAG_READ),
    ("GET", "/flag-sets/{flag_set}/export", flags.export, Permission.FLAG_READ),
    ("POST", "/flag-sets/{flag_set}/diff", flags.diff, Permission.FLAG_READ),
    ("POST", "/flag-sets/{flag_set}/import", flags.import_file, Permission.FLAG_FLIP),
    ("GET", "/flags", flags.flags, Permission.FLAG_READ),
    ("GET", "/flag-uses", flag_observed.uses, Permission.FLAG_READ),
    ("GET", "/flag-sets/{flag_set}/turns", flag_observed.turns_of_set, Permission.FLAG_READ),
    ("GET", "/flag-sets/{flag_set}/seen", flag_seen.of_set, Permission.FLAG_READ),
    ("GET", "/drills", drills.standings, Permission.FLAG_READ),
    ("GET", "/flags/{flag_set}/{key}/drills", drills.of_flag, Permission.FLAG_READ),
    ("POST", "/flags/{flag_set}/{key}/drill", drills.start, Permission.RUN_START),
    ("GET", "/flags/{flag_set}/{key}", flags.show, Permission.FLAG_READ),
    ("POST", "/flags/{flag_set}/{key}", flags.put, Permission.FLAG_FLIP),
    ("GET", "/flags/{flag_set}/{key}/turns", flag_observed.turns, Permission.FLAG_READ),
    ("GET", "/flags/{flag_set}/{key}/use", flag_observed.use, Permission.FLAG_READ),
    ("GET", "/flags/{flag_set}/{key}/seen", flag_seen.of_flag, Permission.FLAG_READ),
    ("GET", "/flags/{flag_set}/{key}/history", flags.history, Permission.FLAG_READ),
    ("POST", "/flags/{flag_set}/{key}/toggle", flags.toggle, Permission.FLAG_FLIP),
    ("POST", "/flags/{flag_set}/{key}/share", flags.share, Permission.FLAG_FLIP),
    ("POST", "/flags/{flag_set}/{key}/remove", flags.remove, Permission.FLAG_FLIP),
    ("POST", "/flags/{flag_set}/{key}/preview", flags.preview, Permission.FLAG_READ),
    ("POST", "/flags/{flag_set}/{key}/moves", flag_moves.moves, Permission.FLAG_READ),
    ("POST", "/flags/{flag_set}/{key}/plans", flag_plans.propose, Permission.FLAG_FLIP),
    ("GET", "/flags/{flag_set}/{key}/compare", flag_plans.compared, Permission.FLAG_READ),
    ("POST", "/flags/{flag_set}/{key}/copy", flag_plans.copy, Permission.FLAG_FLIP),
    ("GET", "/flag-plans", flag_plans.plans, Permission.FLAG_READ),
    ("GET", "/flag-plans/{plan_id}", flag_plans.show, Permission.FLAG_READ),
    ("POST", "/flag-plans/{plan_id}/approve", flag_plans.approve, Permission.FLAG_FLIP),
    ("POST", "/flag-plans/{plan_id}/refuse", flag_plans.refuse, Permission.FLAG_FLIP),
    ("POST", "/flag-plans/{plan_id}/cancel", flag_plans.cancel, Permission.FLAG_FLIP),
    ("GET", "/flag-environments/{name}", flag_plans.environments, Permission.FLAG_READ),
    ("GET", "/audit", audit.events, Permission.AUDIT_READ),
    ("GET", "/audit/checkpoint", audit.checkpoint, Permission.AUDIT_READ),
    ("GET", "/audit/key", audit.key, Permission.AUDIT_READ),
    ("GET", "/audit/entries", audit.entries, Permission.AUDIT_READ),
    ("GET", "/audit/export", audit.export, Permission.AUDIT_READ),
    ("GET", "/audit/verify", audit.verify, Permission.AUDIT_READ),
    ("GET", "/audit/{seq}/proof", audit.proof, Permission.AUDIT_READ),
    ("GET", "/me", access.me, Permission.PORTAL_READ),
    ("GET", "/access/who", access.who, Permission.ACCESS_READ),
    ("GET", "/access/explain", access.explain, Permission.ACCESS_READ),
    ("GET", "/access/accounts", access.accounts, Permission.ACCESS_READ),
    ("GET", "/access/accounts/{account_id}", access.account, Permission.ACCESS_READ),
    ("POST", "/access/accounts/{account_id}/grants", access.give, Permission.ACCESS_CHANGE),
    ("POST", "/access/accounts/{account_id}/block", access.block, Permission.ACCESS_CHANGE),
    ("POST", "/access/accounts/{account_id}/unblock", access.unblock, Permission.ACCESS_CHANGE),
    ("POST", "/access/accounts/{account_id}/sign-out", access.sign_out, Permission.ACCESS_CHANGE),
    ("POST", "/access/grants/{grant_id}/withdraw", access.withdraw, Permission.ACCESS_CHANGE),
    ("GET", "/tokens", tokens.tokens, Permission.TOKEN_ISSUE),
    ("POST", "/tokens", tokens.issue, Permission.TOKEN_ISSUE),
    ("POST", "/tokens/{name}/rotate", tokens.rotate, Permission.TOKEN_ISSUE),
    ("POST", "/tokens/{name}/revoke", tokens.revoke, Permission.TOKEN_ISSUE),
)


OTHER_TYPES: Mapping[Callable[..., Any], dict[int | str, dict[str, Any]]] = {
    audit.export: {200: {"content": {"application/x-ndjson": {}}}},
    drills.download: {200: {"content": {"text/plain": {}}}},
}
"""What does not answer in JSON."""


CREATES = frozenset({runs.start, drills.start, access.give, tokens.issue, tokens.rotate})


PACED = frozenset(
    {
        access.give,
        access.block,
        access.unblock,
        access.sign_out,
        access.withdraw,
        tokens.issue,
        tokens.rotate,
        tokens.revoke,
    }
)
"""Changes of access. Nothing that ends harm is among them."""

HELD_UP = frozenset({flags.put, flags.toggle, flags.share, flags.remove, flags.import_file, flag_plans.copy})
"""Changes of flags by hand: of a protected one a plan is made, and the answer is 202."""

DECISIONS = frozenset({flag_plans.propose, flag_plans.approve, flag_plans.refuse, flag_plans.cancel})
FLIPS = HELD_UP | DECISIONS | {drills.start}
"""Changes of flags: a pace of their own, so that a switch is never in the way of another."""

PLANNED: Mapping[int | str, dict[str, Any]] = {
    202: {"model": FlagPlanJson, "description": "The flag is protected: this waits for a second person."}
}


async def openapi(request: Request) -> Response:
    """The description of this API."""
    return JSONResponse(described(request.app.openapi()))


def api_router() -> APIRouter:
    router = APIRouter(prefix="/api/v1", route_class=GuardedFirst)
    for method, path, endpoint, needs in ROUTES:
        status = 201 if endpoint in CREATES else 202 if endpoint is flag_plans.propose else 200
        planned = PLANNED if endpoint in HELD_UP else {}
        pace = [Depends(paced)] if endpoint in PACED else [Depends(paced_flip)] if endpoint in FLIPS else []
        router.add_api_route(
            path,
            endpoint,
            methods=[method],
            status_code=status,
            dependencies=[Depends(Allowed(needs)), *pace],
            responses={**ANSWERS, **planned, **OTHER_TYPES.get(endpoint, {})},
        )
    return router

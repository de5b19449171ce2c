"""What the forms of planned changes do: plan steps, approve, refuse, cancel."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sre_portal.core.access import Principal
from sre_portal.core.errors import Conflict, InvalidInput, NotPermitted, Problem
from sre_portal.core.flag_plan import FlagPlan
from sre_portal.operations.flag_plans import approve as approve_plan
from sre_portal.operations.flag_plans import cancel as cancel_plan
from sre_portal.operations.flag_plans import propose
from sre_portal.operations.flag_plans import refuse as refuse_plan
from sre_portal.operations.flags import FlagOrder
from sre_portal.operations.ports import Ports
from sre_portal.web.context import address_of, ports_of, principal_of
from sre_portal.web.pages.flag_form import long_fields
from sre_portal.web.pages.flag_place import flag_in
from sre_portal.web.pages.flag_plans import plan_id_of, plan_page
from sre_portal.web.pages.flag_schedule import schedule_page, steps_in
from sre_portal.web.pages.flag_words import flag_href
from sre_portal.web.rate import pace_flip

Decide = Callable[[Ports, Principal, int, str, str], Awaitable[FlagPlan]]


@pace_flip
async def plan(request: Request) -> Response:
    """`POST /flags/{flag_set}/{key}/plan`."""
    (flag_set, key), fields, ports = flag_in(request), await long_fields(request), ports_of(request)
    order = FlagOrder(flag_set, key, fields.get("reason", ""), address_of(request))
    try:
        made = await propose(ports, principal_of(request), order, steps_in(ports, fields))
    except InvalidInput as invalid:
        return schedule_page(request, fields, invalid.problems)
    if len(made) == 1:
        return RedirectResponse(f"/flag-plans/{made[0].id}", 303)
    return RedirectResponse(f"{flag_href(flag_set, key)}#plans", 303)


@pace_flip
async def approve(request: Request) -> Response:
    """`POST /flag-plans/{id}/approve`."""
    return await _decide(request, approve_plan)


@pace_flip
async def refuse(request: Request) -> Response:
    """`POST /flag-plans/{id}/refuse`."""
    return await _decide(request, refuse_plan)


@pace_flip
async def cancel(request: Request) -> Response:
    """`POST /flag-plans/{id}/cancel`."""
    return await _decide(request, cancel_plan)


async def _decide(request: Request, decide: Decide) -> Response:
    fields, number = await long_fields(request), plan_id_of(request)
    reason, address = fields.get("reason", ""), address_of(request)
    try:
        await decide(ports_of(request), principal_of(request), number, reason, address)
    except InvalidInput as invalid:
        return await plan_page(request, fields, invalid.problems)
    except NotPermitted as denied:
        return await plan_page(request, fields, [Problem("decision", "refused", str(denied))], 403)
    except Conflict as clash:
        return await plan_page(request, fields, [Problem("plan", clash.found, clash.expected)], 409)
    return RedirectResponse(f"/flag-plans/{number}", 303)

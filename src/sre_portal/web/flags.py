"""What the forms do that change a flag: toggle, save, remove. Each ends at the flag, or asks again.

Forms that change nothing, reviews and previews, are answered in `web/pages`, also where they are posted.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sre_portal.core.errors import Conflict, InvalidInput, Problem, Superseded, raise_if
from sre_portal.core.flag_kept import check_seen
from sre_portal.core.flag_name import name_problems
from sre_portal.core.flag_plan import FlagPlan, TimedStep
from sre_portal.core.flag_step import FlagStep, Put, Remove, Toggle
from sre_portal.core.instant import instant_in
from sre_portal.core.whole import VERSION_SEEN, whole_number
from sre_portal.operations.flag_environments import bring_rules, compare
from sre_portal.operations.flag_plans import make_or_plan, propose
from sre_portal.operations.flags import FlagOrder, kept_now
from sre_portal.web.context import address_of, ports_of, principal_of
from sre_portal.web.pages.flag_asked import ask_to_remove, ask_to_toggle
from sre_portal.web.pages.flag_copy import ask_to_bring, environment_in
from sre_portal.web.pages.flag_form import long_fields
from sre_portal.web.pages.flag_place import flag_in
from sre_portal.web.pages.flag_review import refused_save
from sre_portal.web.pages.flag_wanted import wanted_in
from sre_portal.web.pages.flag_words import flag_href
from sre_portal.web.pages.form import one_of
from sre_portal.web.rate import pace_flip


@pace_flip
async def toggle(request: Request) -> Response:
    """`POST /flags/{flag_set}/{key}/toggle`. Needs no version: a kill switch waits for nobody's edit."""
    fields, wrong = await long_fields(request), list[Problem]()
    enabled = one_of(fields, "enabled", ("yes", "no"), wrong) == "yes"
    try:
        raise_if(wrong)
        return await _make(request, order_of(request, fields), Toggle(enabled))
    except InvalidInput as invalid:
        return await ask_to_toggle(request, fields, invalid.problems)


@pace_flip
async def remove(request: Request) -> Response:
    """`POST /flags/{flag_set}/{key}/remove`."""
    fields = await long_fields(request)
    try:
        order = order_of(request, fields, whole_number(fields.get("version", ""), "version", VERSION_SEEN))
        return await _make(request, order, Remove())
    except InvalidInput as invalid:
        return await ask_to_remove(request, fields, invalid.problems)
    except Superseded as clash:  # asked again about what it is now
        told = [Problem("version", clash.found, clash.expected)]
        return await ask_to_remove(request, {"reason": fields.get("reason", "")}, told)


@pace_flip
async def save(request: Request) -> Response:
    """`POST /flags/{flag_set}/{key}/save`: what the review showed, at the version it was shown at.

    With an instant it is planned: a definition for that version or not at all, a share for whatever is then.
    """
    (flag_set, key), fields = flag_in(request), await long_fields(request)
    ports, wrong = ports_of(request), list[Problem]()
    try:
        order = order_of(request, fields, whole_number(fields.get("version", ""), "version", VERSION_SEEN))
        at = instant_in(fields.get("at", ""), "at", ports.clock.now(), wrong)
        raise_if(wrong)
        kept = await kept_now(ports, flag_set)
        check_seen(kept, key, order.version)
        step = wanted_in(kept, key, fields).step
        if at is None:
            return await _make(request, order, step)
        timed = TimedStep(step, at, order.version if isinstance(step, Put) else None)
        [plan] = await propose(ports, principal_of(request), order, [timed])
    except (InvalidInput, Conflict) as refusal:
        return await refused_save(request, fields, refusal)
    return _to_plan(plan)


@pace_flip
async def bring(request: Request) -> Response:
    """`POST /flags/{flag_set}/{key}/copy`: the shared rules that a copy needs, then its review."""
    (flag_set, key), fields, ports = flag_in(request), await long_fields(request), ports_of(request)
    to = environment_in(ports, fields)
    told = compare(ports, flag_set, key, to)
    raise_if(name_problems(told.there.flag_set, [key]))
    try:
        order = order_of(request, fields, whole_number(fields.get("version", ""), "version", VERSION_SEEN))
        made = await bring_rules(ports, principal_of(request), order, to)
    except InvalidInput as invalid:
        return await ask_to_bring(request, told, fields, invalid.problems)
    except Superseded as clash:  # asked again about what the set is now
        return await ask_to_bring(request, told, fields, [Problem("set", clash.found, clash.expected)])
    if isinstance(made, FlagPlan):
        return _to_plan(made)
    return RedirectResponse(f"{flag_href(flag_set, key, 'copy')}?{urlencode({'to': fields['to']})}", 303)


async def _make(request: Request, order: FlagOrder, step: FlagStep) -> Response:
    """Does it and shows the flag; where a second person has to approve, shows what they are asked."""
    made = await make_or_plan(ports_of(request), principal_of(request), order, step)
    return _to_plan(made) if isinstance(made, FlagPlan) else to_flag(request)


def _to_plan(plan: FlagPlan) -> Response:
    return RedirectResponse(f"/flag-plans/{plan.id}", 303)


def order_of(request: Request, fields: Mapping[str, str], version: int | None = None) -> FlagOrder:
    flag_set, key = flag_in(request)
    return FlagOrder(flag_set, key, fields.get("reason", ""), address_of(request), version)


def to_flag(request: Request) -> Response:
    return RedirectResponse(flag_href(*flag_in(request)), 303)

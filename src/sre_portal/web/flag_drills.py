"""What the form of a drill does."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sre_portal.core.errors import InvalidInput, Refused
from sre_portal.operations.drills import quick_drill
from sre_portal.web.context import address_of, ports_of, principal_of
from sre_portal.web.pages.flag_drill import drill_in, drill_page, drill_review
from sre_portal.web.pages.flag_form import long_fields
from sre_portal.web.rate import pace_flip


@pace_flip
async def start_drill(request: Request) -> Response:
    """`POST /flags/{flag_set}/{key}/drill`: to the run, or back to the review with what was objected."""
    fields = await long_fields(request)
    try:
        run = await quick_drill(
            ports_of(request), principal_of(request), drill_in(request, fields), address_of(request)
        )
    except InvalidInput as invalid:
        return drill_page(request, fields, invalid.problems)
    except Refused as refusal:
        return await drill_review(request, fields, refusal.objections)
    return RedirectResponse(f"/runs/{run.id}", 303)

"""What the forms of the account page do: devices, own tokens, and the glass. Each is about whoever asks."""

from __future__ import annotations

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sre_portal.core.access import Role
from sre_portal.core.errors import Conflict, InvalidInput, Problem, raise_if
from sre_portal.core.explain import usual_services
from sre_portal.operations.glass import GLASS_LONGEST, break_glass, mend_glass
from sre_portal.operations.sessions import end_own_session
from sre_portal.operations.token_order import LONGEST_DAYS, Order
from sre_portal.operations.tokens import issue_own_token, revoke_own_token
from sre_portal.web.context import address_of, ports_of, principal_of
from sre_portal.web.cookies import drop_cookie
from sre_portal.web.guard import origin_of, own_session
from sre_portal.web.pages.account import Typed, account_page
from sre_portal.web.pages.form import fields_of, number_field, one_of, services_in
from sre_portal.web.pages.secret import NewSecret, secret_page
from sre_portal.web.rate import pace


@pace
async def end_session(request: Request) -> Response:
    """Signs out one device; on this one it is a log out."""
    session = own_session(request)
    await end_own_session(ports_of(request), session, str(request.path_params["id"]), origin_of(request))
    if request.path_params["id"] != session.id:
        return RedirectResponse("/account#devices", 303)
    response = RedirectResponse("/login", 303)
    drop_cookie(request, response)
    return response


@pace
async def issue(request: Request) -> Response:
    """A token of one's own. Its secret is in this answer and nowhere else."""
    fields, wrong = await fields_of(request), list[Problem]()
    days = number_field(fields, "days", f"1 to {LONGEST_DAYS}", wrong)
    role = Role(one_of(fields, "role", [one.value for one in Role], wrong))
    services = services_in(fields.get("services", "")) or usual_services(principal_of(request), role)
    order = Order(fields.get("name", ""), days, role, services)
    session = own_session(request)
    try:
        raise_if(wrong)
        secret = await issue_own_token(
            ports_of(request), principal_of(request), session.account, order, address_of(request)
        )
    except Conflict:
        taken = Problem("name", repr(order.name), "another name: a token has this one")
        return await account_page(request, Typed("token", fields, [taken]))
    except InvalidInput as invalid:
        return await account_page(request, Typed("token", fields, invalid.problems))
    return secret_page(request, NewSecret(order.name, secret, "/account", "Back to your account"))


@pace
async def revoke(request: Request) -> Response:
    name = str(request.path_params["name"])
    account = own_session(request).account
    await revoke_own_token(ports_of(request), principal_of(request), account, name, address_of(request))
    return RedirectResponse("/account#tokens", 303)


@pace
async def break_own_glass(request: Request) -> Response:
    """Admin for a while. The page it leads to brings the browser a new secret."""
    fields, wrong = await fields_of(request), list[Problem]()
    most = int(GLASS_LONGEST.total_seconds()) // 60
    minutes = number_field(fields, "minutes", f"1 to {most}", wrong)
    who, account = principal_of(request), own_session(request).account
    lasts, reason = timedelta(minutes=minutes), fields.get("reason", "")
    try:
        await break_glass(ports_of(request), who, account, reason, lasts, address_of(request))
    except InvalidInput as invalid:
        return await account_page(request, Typed("glass", fields, invalid.problems))
    return RedirectResponse("/account", 303)


@pace
async def mend_own_glass(request: Request) -> Response:
    account = own_session(request).account
    await mend_glass(ports_of(request), principal_of(request), account, address_of(request))
    return RedirectResponse("/account", 303)

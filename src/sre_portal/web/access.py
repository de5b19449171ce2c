"""What the forms of the access pages do: grants, blocking, signing out, tokens. Each asks for its reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from sre_portal.core.access import Grant, Role
from sre_portal.core.errors import Conflict, InvalidInput, Problem, raise_if
from sre_portal.operations.grants import (
    block_account,
    give_role,
    grant_of,
    sign_out_account,
    withdraw_role,
)
from sre_portal.operations.token_order import LONGEST_DAYS, Order
from sre_portal.operations.tokens import (
    LONGEST_OVERLAP,
    issue_token,
    issued_token,
    revoke_token,
    rotate_token,
)
from sre_portal.web.context import address_of, ports_of, principal_of
from sre_portal.web.pages.access_account import GRANT_FIELDS, LASTING, account_access_page
from sre_portal.web.pages.access_asked import (
    account_id_of,
    ask_to_block,
    ask_to_sign_out,
    ask_to_unblock,
    ask_to_withdraw,
)
from sre_portal.web.pages.access_tokens import AGENT, TOKEN_FIELDS, ask_to_rotate, tokens_page
from sre_portal.web.pages.figures import exact
from sre_portal.web.pages.form import Form, fields_of, number_field, one_of, services_in
from sre_portal.web.pages.secret import NewSecret, secret_page
from sre_portal.web.rate import pace

ROLES = tuple(one.value for one in Role)


@pace
async def give(request: Request) -> Response:
    """`POST /access/accounts/{id}/grants`."""
    ports, who, number = ports_of(request), principal_of(request), account_id_of(request)
    fields, wrong = await fields_of(request), list[Problem]()
    role = Role(one_of(fields, "role", ROLES, wrong))
    _, lasts = LASTING[one_of(fields, "until", tuple(LASTING), wrong)]
    ends_at = None if lasts is None else ports.clock.now() + lasts
    grant = Grant(role, services_in(fields.get("services", "")), ends_at)
    try:
        raise_if(wrong)
        await give_role(ports, who, number, grant, fields.get("reason", ""), address_of(request))
    except InvalidInput as invalid:
        return await account_access_page(request, Form.of(GRANT_FIELDS, fields, invalid.problems))
    return RedirectResponse(f"/access/accounts/{number}#grants", 303)


@pace
async def withdraw(request: Request) -> Response:
    """`POST /access/grants/{id}/withdraw`."""
    ports, fields = ports_of(request), await fields_of(request)
    given = await grant_of(ports, account_id_of(request, "the number of a grant"))
    try:
        await withdraw_role(
            ports, principal_of(request), given.id, fields.get("reason", ""), address_of(request)
        )
    except InvalidInput as invalid:
        return await ask_to_withdraw(request, fields, invalid.problems)
    return RedirectResponse(f"/access/accounts/{given.account_id}#grants", 303)


@pace
async def block(request: Request) -> Response:
    """`POST /access/accounts/{id}/block`."""
    fields = await fields_of(request)
    try:
        return await _block(request, fields, blocked=True)
    except InvalidInput as invalid:
        return await ask_to_block(request, fields, invalid.problems)


@pace
async def unblock(request: Request) -> Response:
    """`POST /access/accounts/{id}/unblock`."""
    fields = await fields_of(request)
    try:
        return await _block(request, fields, blocked=False)
    except InvalidInput as invalid:
        return await ask_to_unblock(request, fields, invalid.problems)


@pace
async def sign_out(request: Request) -> Response:
    """`POST /access/accounts/{id}/sign-out`."""
    ports, fields = ports_of(request), await fields_of(request)
    found = await ports.accounts.get(account_id_of(request))
    try:
        await sign_out_account(
            ports, principal_of(request), found, fields.get("reason", ""), address_of(request)
        )
    except InvalidInput as invalid:
        return await ask_to_sign_out(request, fields, invalid.problems)
    return RedirectResponse(f"/access/accounts/{found.id}#devices", 303)


@pace
async def issue(request: Request) -> Response:
    """`POST /access/tokens`. The secret is in this answer and nowhere else."""
    fields, wrong = await fields_of(request), list[Problem]()
    order = _order(fields, wrong)
    try:
        raise_if(wrong)
        secret = await issue_token(
            ports_of(request), principal_of(request), order, fields.get("reason", ""), address_of(request)
        )
    except Conflict as clash:
        return await tokens_page(request, Form.of(TOKEN_FIELDS, fields, [_clash("name", clash)]))
    except InvalidInput as invalid:
        return await tokens_page(request, Form.of(TOKEN_FIELDS, fields, invalid.problems))
    shown = NewSecret(order.name, secret, "/access/tokens", "Back to the tokens", order.service or "")
    return secret_page(request, shown)


@pace
async def rotate(request: Request) -> Response:
    """`POST /access/tokens/{name}/rotate`. The secret is in this answer and nowhere else."""
    ports, fields, wrong = ports_of(request), await fields_of(request), list[Problem]()
    old = await issued_token(ports, str(request.path_params["name"]))
    most = LONGEST_OVERLAP.days * 24
    hours = number_field(fields, "overlap", f"0 to {most} hours", wrong)
    name, lasts = fields.get("name", ""), timedelta(hours=hours)
    try:
        raise_if(wrong)
        secret = await rotate_token(ports, principal_of(request), old.name, name, lasts, address_of(request))
    except Conflict as clash:
        return await ask_to_rotate(request, fields, [_clash("name", clash)])
    except InvalidInput as invalid:
        return await ask_to_rotate(request, fields, invalid.problems)
    ends_at = (await issued_token(ports, old.name)).ends_at or ports.clock.now()
    before = f"{old.name} is good until {exact(ends_at)}. Give the programs the new one before that."
    back = "/access/tokens", "Back to the tokens"
    return secret_page(request, NewSecret(name, secret, *back, old.service or "", before))


@pace
async def revoke(request: Request) -> Response:
    """`POST /access/tokens/{name}/revoke`."""
    reason = (await fields_of(request)).get("reason", "")
    name = str(request.path_params["name"])
    await revoke_token(ports_of(request), principal_of(request), name, reason, address_of(request))
    return RedirectResponse("/access/tokens", 303)


async def _block(request: Request, fields: Mapping[str, str], *, blocked: bool) -> Response:
    number = account_id_of(request)
    who, reason = principal_of(request), fields.get("reason", "")
    await block_account(ports_of(request), who, number, reason, address_of(request), blocked=blocked)
    return RedirectResponse(f"/access/accounts/{number}", 303)


def _order(fields: Mapping[str, str], wrong: list[Problem]) -> Order:
    days = number_field(fields, "days", f"1 to {LONGEST_DAYS}", wrong)
    kind = one_of(fields, "role", (*ROLES, AGENT), wrong)
    services, name = services_in(fields.get("services", "")), fields.get("name", "")
    if kind != AGENT:
        return Order(name, days, Role(kind), services, owner=fields.get("owner", ""))
    if services is None or len(services) != 1:
        wrong.append(
            Problem("services", fields.get("services", "") or "nothing", "the one service of the agent")
        )
        return Order(name, days)
    return Order(name, days, service=next(iter(services)))


def _clash(path: str, conflict: Conflict) -> Problem:
    return Problem(path, conflict.found, conflict.expected)

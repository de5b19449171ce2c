"""Who may do what, and changes of it: accounts, grants, blocking, signing out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Path, Query, Request, Response

from sre_portal.core.access import Grant, Permission
from sre_portal.core.account import Account
from sre_portal.core.errors import InvalidInput, Problem
from sre_portal.core.explain import decide, held_by
from sre_portal.operations.directory import account_named, explained, holders
from sre_portal.operations.grants import (
    block_account,
    give_role,
    grant_of,
    sign_out_account,
    withdraw_role,
)
from sre_portal.operations.ports import Ports
from sre_portal.operations.services import service_problems
from sre_portal.web.api.access_schema import (
    AccountDetailJson,
    AccountJson,
    CountJson,
    DecisionJson,
    ExplanationJson,
    GivenGrantJson,
    GrantBody,
    GrantIdJson,
    HolderJson,
    MeJson,
    ReasonBody,
    SessionJson,
)
from sre_portal.web.context import address_of, ports_of, principal_of

Number = Annotated[int, Path(ge=1, lt=2**31)]
ServiceQuery = Annotated[str | None, Query(max_length=63, description="On this service; none: on any.")]


async def me(request: Request) -> MeJson:
    """Who asks, what they may, and by whose word."""
    who = principal_of(request)
    return MeJson.of(who, held_by(who))


async def who(
    request: Request, response: Response, permission: Permission, service: ServiceQuery = None
) -> list[HolderJson]:
    """Who may do something: people, service accounts, then tokens.

    The header `X-Left-Off` says so where there are more accounts than are looked at.
    """
    ports = ports_of(request)
    _check_service(ports, service)
    found, left_off = await holders(ports, permission, service)
    if left_off:
        response.headers["x-left-off"] = left_off
    return [HolderJson.of(one) for one in found]


async def accounts(
    request: Request, limit: Annotated[int, Query(ge=1, le=10_000)] = 500
) -> list[AccountJson]:
    """Accounts by name, with what each holds now."""
    ports = ports_of(request)
    found = await ports.accounts.all(limit)
    return [AccountJson.of(one, explained(ports, one).grants) for one in found]


async def account(request: Request, account_id: Number) -> AccountDetailJson:
    """One account: what it may and why, what was given to it, where it is logged in."""
    ports = ports_of(request)
    found = await ports.accounts.get(account_id)
    told = ExplanationJson.of(found, explained(ports, found))
    sessions = [
        SessionJson(
            id=one.id,
            address=one.address,
            browser=one.browser,
            created_at=one.created_at,
            last_used_at=one.seen_at,
            ends_at=one.ends_at,
        )
        for one in await ports.sessions.of_account(account_id)
    ]
    given = [GivenGrantJson.given(one) for one in await ports.accounts.given(account_id)]
    return AccountDetailJson(
        account=told.account,
        held=told.held,
        rules=told.rules,
        decision=None,
        given=given,
        sessions=sessions,
    )


async def explain(
    request: Request,
    who: Annotated[
        str, Query(min_length=1, max_length=700, description="An id, name, e-mail or issuer#subject.")
    ],
    permission: Permission | None = None,
    service: ServiceQuery = None,
) -> ExplanationJson:
    """What an account may and why: each rule with why it fits or does not, and one permission if named."""
    ports = ports_of(request)
    _check_service(ports, service)
    found = await account_named(ports, who)
    told = explained(ports, found)
    if permission is None:
        return ExplanationJson.of(found, told)
    decision = decide(told.principal, permission, service)
    asked = DecisionJson(
        permission=permission.value, service=service, allowed=decision.allowed, reason=decision.reason
    )
    return ExplanationJson.of(found, told, asked)


async def give(request: Request, account_id: Number, body: GrantBody) -> GrantIdJson:
    """Gives a role, effective at once. 422 with every problem."""
    until = _until(ports_of(request), body)
    services = None if body.services is None else frozenset(body.services)
    grant = Grant(body.role, services, until)
    number = await give_role(
        ports_of(request), principal_of(request), account_id, grant, body.reason, address_of(request)
    )
    return GrantIdJson(id=number)


async def withdraw(request: Request, grant_id: Number, body: ReasonBody) -> AccountJson:
    """Takes a grant back, effective at once. Answers with the account as it is then."""
    ports = ports_of(request)
    given = await grant_of(ports, grant_id)
    await withdraw_role(ports, principal_of(request), grant_id, body.reason, address_of(request))
    return await _account(ports, given.account_id)


async def block(request: Request, account_id: Number, body: ReasonBody) -> AccountJson:
    """Blocks an account: it may nothing, cannot log in, and its sessions end."""
    return await _block(request, account_id, body, blocked=True)


async def unblock(request: Request, account_id: Number, body: ReasonBody) -> AccountJson:
    """Lets a blocked account in again."""
    return await _block(request, account_id, body, blocked=False)


async def sign_out(request: Request, account_id: Number, body: ReasonBody) -> CountJson:
    """Ends every session of an account, on every replica."""
    ports = ports_of(request)
    found = await ports.accounts.get(account_id)
    ended = await sign_out_account(ports, principal_of(request), found, body.reason, address_of(request))
    return CountJson(ended=ended)


async def _block(request: Request, account_id: int, body: ReasonBody, *, blocked: bool) -> AccountJson:
    ports, actor = ports_of(request), principal_of(request)
    await block_account(ports, actor, account_id, body.reason, address_of(request), blocked=blocked)
    return await _account(ports, account_id)


async def _account(ports: Ports, account_id: int) -> AccountJson:
    found: Account = await ports.accounts.get(account_id)
    return AccountJson.of(found, explained(ports, found).grants)


def _until(ports: Ports, body: GrantBody) -> datetime | None:
    if body.until is None:
        lasts = body.lasts_seconds
        return None if lasts is None else ports.clock.now() + timedelta(seconds=lasts)
    if body.lasts_seconds is not None:
        raise InvalidInput([Problem("lasts_seconds", str(body.lasts_seconds), "not beside until")])
    if body.until.tzinfo is None:
        raise InvalidInput([Problem("until", body.until.isoformat(), "an instant with its offset, as Z")])
    try:
        return body.until.astimezone(UTC)
    except OverflowError:
        raise InvalidInput([Problem("until", body.until.isoformat(), "an instant of this age")]) from None


def _check_service(ports: Ports, service: str | None) -> None:
    if service is not None and (problems := service_problems(ports, [service])):
        raise InvalidInput([Problem("service", one.seen, one.expected) for one in problems])

"""Tokens of programs and agents: list, issue, rotate, revoke."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from fastapi import Path, Request

from sre_portal.core.ports import Token
from sre_portal.operations.ports import Ports
from sre_portal.operations.token_order import Order
from sre_portal.operations.tokens import issue_token, issued_token, revoke_token, rotate_token
from sre_portal.web.api.access_schema import NewTokenJson, RevokeBody, RotateBody, TokenBody, TokenJson
from sre_portal.web.context import address_of, ports_of, principal_of

Name = Annotated[str, Path(max_length=100)]


async def tokens(request: Request) -> list[TokenJson]:
    """Every token, by name, without its secret: nobody has that but its holder."""
    return [TokenJson.of(one) for one in await ports_of(request).tokens.all()]


async def issue(request: Request, body: TokenBody) -> NewTokenJson:
    """Issues a token: a role for the API, or an agent's for one service. Its secret is told once."""
    ports = ports_of(request)
    services = None if body.services is None else frozenset(body.services)
    order = Order(body.name, body.days, body.role, services, body.agent, body.owner)
    secret = await issue_token(ports, principal_of(request), order, body.reason, address_of(request))
    return await _new(ports, body.name, secret)


async def rotate(request: Request, name: Name, body: RotateBody) -> NewTokenJson:
    """Issues a second token like the first; the first one ends after the overlap."""
    ports = ports_of(request)
    overlap = timedelta(hours=body.overlap_hours)
    secret = await rotate_token(ports, principal_of(request), name, body.name, overlap, address_of(request))
    return await _new(ports, body.name, secret)


async def revoke(request: Request, name: Name, body: RevokeBody | None = None) -> TokenJson:
    """Takes a token back; no replica believes it after. Answers with what it was."""
    ports = ports_of(request)
    token: Token = await issued_token(ports, name)
    reason = (body or RevokeBody()).reason
    await revoke_token(ports, principal_of(request), name, reason, address_of(request))
    return TokenJson.of(token)


async def _new(ports: Ports, name: str, secret: str) -> NewTokenJson:
    told = TokenJson.of(await issued_token(ports, name)).model_dump()
    return NewTokenJson(**told, secret=secret)

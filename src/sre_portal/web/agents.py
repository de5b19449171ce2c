"""The two endpoints of an agent: the stream of plans, and the reports. Plain Starlette with msgspec."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from sre_portal.contract.report import AgentReport
from sre_portal.core.errors import InvalidInput, NotAuthenticated, Problem, StoreUnavailable
from sre_portal.operations.ingest import ingest
from sre_portal.operations.tokens import token_of
from sre_portal.web.context import ports_of
from sre_portal.web.guard import agent_token, bearer_of

_decode = msgspec.json.Decoder(AgentReport).decode
_encode = msgspec.json.Encoder().encode


async def plans(request: Request) -> Response:
    """`GET /agents/v1/plan?service=S&instance=I`: one plan a line until either side leaves."""
    token = await agent_token(request)
    service, instance = request.query_params.get("service", ""), request.query_params.get("instance", "")
    if service != token.service:
        ports_of(request).watch.refused_agents += 1
        raise NotAuthenticated(f"this token is for {token.service}, not for {service or 'no service'}")
    if not 0 < len(instance) <= 128:
        raise InvalidInput([Problem("instance", f"{len(instance)} characters", "1 to 128 characters")])
    if not ports_of(request).term():
        told = "this replica stands by: another one tells agents what to do\n"
        return PlainTextResponse(told, 503, headers={"retry-after": "1"})
    return StreamingResponse(_lines(request, service, instance), media_type="application/x-ndjson")


async def _lines(request: Request, service: str, instance: str) -> AsyncIterator[bytes]:
    """Ends when either side leaves, when the token is taken back, or when the portal stops."""
    closing: asyncio.Event = request.app.state.closing
    ports, secret = ports_of(request), bearer_of(request)
    async for plan in ports.desk.plans(service, instance):
        with suppress(StoreUnavailable):  # who was let in stays in while nobody can be asked
            if await token_of(ports, secret) is None:
                return
        if closing.is_set():
            return
        yield _encode(plan) + b"\n"


async def report(request: Request) -> Response:
    """`POST /agents/v1/reports`: 200 with a receipt once the report is durable."""
    token = await agent_token(request)
    try:
        told = _decode(await request.body())
    except msgspec.DecodeError as wrong:
        raise InvalidInput([Problem("body", str(wrong), "an agent report")]) from None
    receipt = await ingest(ports_of(request), token, told)
    return Response(_encode(receipt), media_type="application/json")

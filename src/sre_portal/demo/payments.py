"""The demo's payment service: one charge a checkout."""

from __future__ import annotations

import json

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sre_portal.demo.work import Work

ROUTES = ("/charge",)
"""What the agent reports as routes of this service."""


def payments_app(work: Work) -> Starlette:
    """The application, without an agent."""

    async def charge(request: Request) -> Response:
        """Take the money of one order. The body names the amount: `{"amount_cents": 1299}`."""
        amount = amount_in(await request.body())
        if amount is None:
            return JSONResponse({"error": "amount_cents has to be a positive whole number"}, 422)
        await work(7, 11)
        return JSONResponse({"status": "paid", "amount_cents": amount}, 201)

    return Starlette(
        routes=[
            Route("/charge", charge, methods=["POST"]),
            Route("/healthz", healthy),
            Route("/readyz", healthy),
        ]
    )


async def healthy(_: Request) -> Response:
    return PlainTextResponse("ok\n")


def amount_in(body: bytes) -> int | None:
    """The amount of a charge or a checkout. None where there is none that can be paid."""
    try:
        order = json.loads(body)
    except ValueError:
        return None
    amount = order.get("amount_cents") if isinstance(order, dict) else None
    return amount if isinstance(amount, int) and not isinstance(amount, bool) and amount > 0 else None

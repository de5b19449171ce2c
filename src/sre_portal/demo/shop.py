"""The demo's shop: a front page, a catalogue, a cart, and a checkout that calls payments."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from sre_portal.demo.client import Busy, Client, Unreachable
from sre_portal.demo.payments import amount_in, healthy
from sre_portal.demo.recommended import Recommended, nothing
from sre_portal.demo.work import Work

ROUTES = ("/", "/catalogue", "/products/{id}", "/cart", "/checkout")
"""What the agent reports as routes of this service."""

PAYMENT_TIMEOUT_SECONDS = 1.0
"""A customer waits no longer than this for payments. Latency beyond it turns into 504 answers of the shop."""

PASSED_ON = ("x-user-id", "traceparent", "tracestate")
"""Headers that payments sees as well, so that a fault for a share of users hits the same ones there."""

PRODUCTS = {
    str(number): {"id": str(number), "name": f"{colour} {thing}", "price_cents": 499 + 100 * number}
    for number, (colour, thing) in enumerate(
        (
            (colour, thing)
            for colour in ("Red", "Green", "Blue", "Black")
            for thing in ("Mug", "Lamp", "Chair")
        ),
        1,
    )
}


def shop_app(work: Work, payments: Client, recommended: Recommended = nothing) -> Starlette:
    """The application, without an agent. It closes the payments client when it stops."""

    async def home(_: Request) -> Response:
        await work(2, 4)
        return PlainTextResponse("Welcome to the shop.\n")

    async def catalogue(_: Request) -> Response:
        await work(3, 6)
        return JSONResponse(list(PRODUCTS.values()))

    async def product(request: Request) -> Response:
        await work(3, 5)
        found = PRODUCTS.get(request.path_params["id"])
        if found is None:
            return JSONResponse({"error": "no such product"}, 404)
        if not (count := recommended(request)):
            return JSONResponse(found)
        await work(2, 2 + count)  # what is recommended has to be looked up
        others = [one for one in PRODUCTS.values() if one is not found]
        return JSONResponse({**found, "recommended": others[:count]})

    async def cart(request: Request) -> Response:
        await work(4, 7)
        wanted = _product_in(await request.body())
        if wanted not in PRODUCTS:
            return JSONResponse({"error": "product_id has to name a product"}, 422)
        return JSONResponse({"added": PRODUCTS[wanted]}, 201)

    async def checkout(request: Request) -> Response:
        amount = amount_in(await request.body())
        if amount is None:
            return JSONResponse({"error": "amount_cents has to be a positive whole number"}, 422)
        await work(6, 10)
        return await pay(payments, request, amount)

    return Starlette(
        lifespan=_closing(payments),
        routes=[
            Route("/", home),
            Route("/catalogue", catalogue),
            Route("/products/{id}", product),
            Route("/cart", cart, methods=["POST"]),
            Route("/checkout", checkout, methods=["POST"]),
            Route("/healthz", healthy),
            Route("/readyz", healthy),
        ],
    )


async def pay(payments: Client, request: Request, amount: int) -> Response:
    """Charge an order, and say honestly what came of it. Never twice: a charge is not safe to repeat."""
    headers = {"content-type": "application/json"}
    headers |= {name: value for name in PASSED_ON if (value := request.headers.get(name))}
    try:
        answer = await payments.request(
            "POST", "/charge", headers, json.dumps({"amount_cents": amount}).encode()
        )
    except TimeoutError:
        return JSONResponse({"error": "payments did not answer in time"}, 504)
    except (Unreachable, Busy) as lost:
        return JSONResponse({"error": f"payments cannot be reached: {lost}"}, 502)
    if answer.status != 201:
        return JSONResponse({"error": f"payments answered {answer.status}"}, 502)
    return JSONResponse({"order": "paid", "amount_cents": amount}, 201)


def _product_in(body: bytes) -> str:
    try:
        item = json.loads(body)
    except ValueError:
        return ""
    wanted = item.get("product_id") if isinstance(item, dict) else None
    return wanted if isinstance(wanted, str) else ""


def _closing(payments: Client) -> Callable[[Starlette], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        try:
            yield
        finally:
            payments.close()

    return lifespan

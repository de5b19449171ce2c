"""Shop and payments, driven in process."""

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from random import Random

import httpx2
import pytest
from starlette.requests import Request
from starlette.types import ASGIApp

from sre_portal.demo import shop as shop_module
from sre_portal.demo.client import Answer, Busy, Client, Unreachable
from sre_portal.demo.pattern import visits
from sre_portal.demo.payments import payments_app
from sre_portal.demo.recommended import by_flag
from sre_portal.demo.shop import PRODUCTS, shop_app
from sre_portal.demo.work import seeded_work


async def no_work(least_ms: float, most_ms: float) -> None:
    """Takes no time."""


PAID = Answer(201, b"{}")


@dataclass(eq=False)
class FakePayments(Client):
    """A payments service that answers as told, and remembers what it was asked."""

    host: str = "payments"
    port: int = 0
    reply: Answer | Exception = PAID
    asked: list[tuple[str, Mapping[str, str], bytes]] = field(default_factory=list)
    closed: bool = False

    async def request(
        self, method: str, path: str, headers: Mapping[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        self.asked.append((f"{method} {path}", headers or {}, body))
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply

    def close(self) -> None:
        self.closed = True


def browser(app: ASGIApp) -> httpx2.AsyncClient:
    return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://demo")


@pytest.fixture
def payments() -> FakePayments:
    return FakePayments()


@pytest.fixture
async def shop(payments: FakePayments) -> AsyncIterator[httpx2.AsyncClient]:
    async with browser(shop_app(no_work, payments)) as client:
        yield client


@pytest.mark.parametrize("path", ["/", "/catalogue", "/products/1", "/healthz", "/readyz"])
async def test_the_shop_answers(shop: httpx2.AsyncClient, path: str) -> None:
    assert (await shop.get(path)).status_code == 200


async def test_a_product_has_its_own_page(shop: httpx2.AsyncClient) -> None:
    assert (await shop.get("/products/3")).json() == PRODUCTS["3"]
    assert (await shop.get("/products/99")).status_code == 404


async def test_a_product_comes_with_as_many_recommendations_as_the_flag_says(payments: FakePayments) -> None:
    def wanted(request: Request) -> int:
        return int(request.headers.get("x-user-id", "0"))

    async with browser(shop_app(no_work, payments, wanted)) as client:
        told = (await client.get("/products/3", headers={"x-user-id": "2"})).json()
        assert told == {**PRODUCTS["3"], "recommended": [PRODUCTS["1"], PRODUCTS["2"]]}
        many = (await client.get("/products/3", headers={"x-user-id": "12"})).json()
        assert many["recommended"] == [one for one in PRODUCTS.values() if one["id"] != "3"]
        assert (await client.get("/products/3")).json() == PRODUCTS["3"]
        assert (await client.get("/products/99", headers={"x-user-id": "2"})).status_code == 404


async def test_without_a_provider_the_flag_says_none() -> None:
    assert by_flag(Request({"type": "http", "headers": [(b"x-user-id", b"ada")]})) == 0


async def test_a_product_goes_into_the_cart(shop: httpx2.AsyncClient) -> None:
    assert (await shop.post("/cart", json={"product_id": "2"})).status_code == 201


@pytest.mark.parametrize("body", ["", "[]", "{}", '{"product_id": 2}', '{"product_id": "99"}', "{"])
async def test_what_is_no_product_does_not_go_into_the_cart(shop: httpx2.AsyncClient, body: str) -> None:
    assert (await shop.post("/cart", content=body)).status_code == 422


async def test_a_checkout_charges_once_and_tells_payments_who_pays(
    shop: httpx2.AsyncClient, payments: FakePayments
) -> None:
    answer = await shop.post("/checkout", json={"amount_cents": 1299}, headers={"x-user-id": "user-007"})
    assert (answer.status_code, answer.json()) == (201, {"order": "paid", "amount_cents": 1299})
    ((route, headers, body),) = payments.asked
    assert (route, headers["x-user-id"], json.loads(body)) == (
        "POST /charge",
        "user-007",
        {"amount_cents": 1299},
    )


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"amount_cents": true}', '{"amount_cents": -1}', '{"amount_cents": 0.5}']
)
async def test_an_amount_that_cannot_be_paid_is_refused(
    shop: httpx2.AsyncClient, payments: FakePayments, body: str
) -> None:
    assert (await shop.post("/checkout", content=body)).status_code == 422
    assert payments.asked == []


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (Answer(503, b""), 502),
        (Answer(422, b""), 502),
        (Unreachable("refused"), 502),
        (Busy("64 requests"), 502),
        (TimeoutError(), 504),
    ],
)
async def test_a_checkout_says_honestly_that_payments_failed_and_does_not_charge_again(
    shop: httpx2.AsyncClient, payments: FakePayments, reply: Answer | Exception, status: int
) -> None:
    payments.reply = reply
    assert (await shop.post("/checkout", json={"amount_cents": 1})).status_code == status
    assert len(payments.asked) == 1


async def test_a_shop_that_stops_closes_its_connections(payments: FakePayments) -> None:
    app = shop_app(no_work, payments)
    async with app.router.lifespan_context(app):
        assert not payments.closed
    assert payments.closed


async def test_payments_charges_an_amount() -> None:
    async with browser(payments_app(no_work)) as client:
        answer = await client.post("/charge", json={"amount_cents": 7})
        assert (answer.status_code, answer.json()) == (201, {"status": "paid", "amount_cents": 7})
        assert (await client.post("/charge", content="7")).status_code == 422
        assert (await client.get("/readyz")).status_code == 200


async def test_every_visit_of_the_traffic_is_welcome(shop: httpx2.AsyncClient) -> None:
    queue = visits(Random(1))
    for visit in (next(queue) for _ in range(40)):
        answer = await shop.request(visit.method, visit.path, headers=dict(visit.headers), content=visit.body)
        assert answer.is_success, visit


async def test_the_routes_the_agent_tells_are_the_routes_there_are() -> None:
    app = shop_app(no_work, FakePayments())
    served = {getattr(route, "path", "") for route in app.routes} - {"/healthz", "/readyz"}
    assert served == set(shop_module.ROUTES)


async def waits(seed: int) -> list[float]:
    """The seconds that 50 pieces of work between 7 and 11 ms take."""
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    work = seeded_work(seed, sleep)
    for _ in range(50):
        await work(7, 11)
    return slept


async def test_work_takes_between_its_bounds_and_repeats_with_its_seed() -> None:
    first = await waits(1)
    assert all(0.007 <= seconds <= 0.011 for seconds in first)
    assert first == await waits(1)
    assert first != await waits(2)

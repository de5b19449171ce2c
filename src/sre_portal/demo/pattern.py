"""Who asks for what, in which order: a fixed pattern of routes and a shuffled round of users."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import count
from random import Random

PATTERN = (
    "catalogue", "product", "home", "catalogue", "cart",
    "product", "catalogue", "home", "product", "checkout",
)  # fmt: skip
"""Ten arrivals: 20 % home, 30 % catalogue, 30 % products, 10 % cart, 10 % checkout.

Fixed, not drawn: each route then has an even rate, and a prediction made from that rate a narrow band.
"""

USERS = 200


@dataclass(frozen=True, slots=True)
class Visit:
    """One request of one user."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = b""


def visits(draw: Random, products: int = 12) -> Iterator[Visit]:
    """Visits without end. The same seed gives the same ones."""
    users = _users(draw)
    for number in count():
        route = PATTERN[number % len(PATTERN)]
        yield _visit(route, next(users), str(draw.randint(1, products)), draw.randint(499, 9_999))


def _users(draw: Random) -> Iterator[str]:
    """Every user once a round, in a new order each round: no user is tied to a place in the pattern."""
    round_of = [f"user-{number:03}" for number in range(1, USERS + 1)]
    while True:
        draw.shuffle(round_of)
        yield from round_of


def _visit(route: str, user: str, product: str, amount_cents: int) -> Visit:
    headers = {"x-user-id": user}
    posting = headers | {"content-type": "application/json"}
    match route:
        case "home":
            return Visit("GET", "/", headers)
        case "catalogue":
            return Visit("GET", "/catalogue", headers)
        case "product":
            return Visit("GET", f"/products/{product}", headers)
        case "cart":
            return Visit("POST", "/cart", posting, json.dumps({"product_id": product}).encode())
        case _:
            return Visit("POST", "/checkout", posting, json.dumps({"amount_cents": amount_cents}).encode())

"""One demo service as a program that wears the agent: `python -m sre_portal.demo.workload shop --port 9001`.

The agent's token comes from the environment (SRE_PORTAL_AGENT_TOKEN): arguments are visible to every user.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping, Sequence

import uvicorn
from starlette.types import ASGIApp

from sre_portal.agent import FaultMiddleware
from sre_portal.demo import payments, shop
from sre_portal.demo.address import parse_address
from sre_portal.demo.client import Client, Pool
from sre_portal.demo.recommended import by_flag, follow_flags
from sre_portal.demo.work import seeded_work

ROUTES: Mapping[str, Sequence[str]] = {"shop": shop.ROUTES, "payments": payments.ROUTES}
KEEP_ALIVE_SECONDS = 75
"""Longer than a client keeps an idle connection, so that no request meets one that is just being closed."""


def build(name: str, payments_url: str, seed: int) -> ASGIApp:
    """The application of a service, without an agent."""
    work = seeded_work(seed)
    if name == "payments":
        return payments.payments_app(work)
    address = parse_address(payments_url)
    client = Client(address.reachable_host, address.port, Pool(timeout_seconds=shop.PAYMENT_TIMEOUT_SECONDS))
    return shop.shop_app(work, client, by_flag)


def wear_agent(app: ASGIApp, name: str, portal_url: str, token: str) -> ASGIApp:
    """The application with the agent around it. The shop has flags, too."""
    agent = FaultMiddleware(app, service=name, portal_url=portal_url, token=token, routes=ROUTES[name])
    if name == "shop":
        follow_flags(agent)
    return agent


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Runs one service of the demo.")
    parser.add_argument("name", choices=ROUTES)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--portal", required=True, help="address of the portal")
    parser.add_argument(
        "--payments", default="http://127.0.0.1:9002", help="address of payments, for the shop"
    )
    parser.add_argument("--seed", type=int, default=1, help="seed of everything random")
    given = parser.parse_args(arguments)
    app = wear_agent(
        build(given.name, given.payments, given.seed),
        given.name,
        given.portal,
        os.environ.get("SRE_PORTAL_AGENT_TOKEN", ""),
    )
    uvicorn.run(
        app,
        host=given.host,
        port=given.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=1,
    )


if __name__ == "__main__":
    main()
